// A small server that Redis clients can talk to (RESP2: PING, ECHO, SET, GET, DEL, INCR), on our stack; and a client that sends it four
// commands at once.
import { createPair, ip, type Link, Stack } from "onwire";
import { connect, createServer, type Socket } from "onwire/net";
import { cryptoRandom, monotonicMicros, NodeDrive } from "onwire/node";

/** No command is longer: who sends more is sent away. */
const LONGEST = 1 << 20;

const store = new Map<string, string>();
const bulk = (text: string | undefined) => (text === undefined ? "$-1\r\n" : `$${Buffer.byteLength(text, "latin1")}\r\n${text}\r\n`);
const execute = ([name = "", ...args]: string[]): string => {
  const [key = "", value = ""] = args;
  switch (name.toUpperCase()) {
    case "PING":
      return key === "" ? "+PONG\r\n" : bulk(key);
    case "ECHO":
      return bulk(key);
    case "SET":
      store.set(key, value);
      return "+OK\r\n";
    case "GET":
      return bulk(store.get(key));
    case "DEL":
      return `:${args.filter((each) => store.delete(each)).length}\r\n`;
    case "INCR": {
      const next = Number(store.get(key) ?? 0) + 1;
      if (!Number.isSafeInteger(next)) return "-ERR value is not an integer or out of range\r\n";
      store.set(key, String(next));
      return `:${next}\r\n`;
    }
    default:
      return `-ERR unknown command '${name.replace(/[^\w-]/g, "?").slice(0, 64)}'\r\n`;
  }
};

/** The first command in the text and where it ends; null: it is not whole yet. Throws for what is none. */
const parse = (text: string): { command: string[]; end: number } | null => {
  const number = (mark: string, at: number, most: number): { value: number; next: number } | null => {
    const end = text.indexOf("\r\n", at);
    if (end < 0 && text.length - at < 32) return null;
    const digits = /^(\d{1,7})$/.exec(text.slice(at + 1, end));
    if (text[at] !== mark || digits === null || Number(digits[1]) > most) throw new Error("Protocol error");
    return { value: Number(digits[1]), next: end + 2 };
  };
  const count = number("*", 0, 1024);
  if (count === null) return null;
  const command: string[] = [];
  let at = count.next;
  for (let i = 0; i < count.value; i++) {
    const length = number("$", at, LONGEST);
    if (length === null || text.length < length.next + length.value + 2) return null;
    command.push(text.slice(length.next, length.next + length.value));
    at = length.next + length.value + 2;
  }
  return { command, end: at };
};

export const serveRedis = (socket: Socket): void => {
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (octets: Buffer) => {
    text += octets.toString("latin1");
    let replies = "";
    try {
      for (let parsed = text === "" ? null : parse(text); parsed !== null; parsed = text === "" ? null : parse(text)) {
        text = text.slice(parsed.end);
        replies += execute(parsed.command);
      }
      if (text.length > 2 * LONGEST) throw new Error("Protocol error");
    } catch (error) {
      return void socket.end(`${replies}-ERR ${(error as Error).message}\r\n`, "latin1");
    }
    // A client that asks and does not read is not read from, either.
    if (replies !== "" && !socket.write(replies, "latin1")) {
      socket.pause();
      socket.once("drain", () => socket.resume());
    }
  });
};

const host = (link: Link, address: string) => {
  const drive = new NodeDrive(new Stack({ random: cryptoRandom }, monotonicMicros()));
  drive.stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, drive.now());
  drive.start();
  return drive;
};
const [a, b] = createPair();
const [alice, bob] = [host(a, "10.0.0.1"), host(b, "10.0.0.2")];
const server = createServer(bob, { noDelay: true }, serveRedis).listen(6379);

const client = connect(alice, { host: "10.0.0.2", port: 6379 });
const command = (...words: string[]) => `*${words.length}\r\n${words.map(bulk).join("")}`;
client.end(command("SET", "greeting", "hello") + command("GET", "greeting") + command("INCR", "visits") + command("FLY"));
let said = "";
for await (const octets of client) said += octets;
console.log(said.trim().split("\r\n").join(" "));
await new Promise((closed) => server.close(closed));
for (const drive of [alice, bob]) drive.stop();
// prints: +OK $5 hello :1 -ERR unknown command 'FLY'
