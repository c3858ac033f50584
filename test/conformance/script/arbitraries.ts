/** Packet scripts, drawn: whatever the language has, in every form of it. */
import fc from "fast-check";

const word = fc.constantFrom("SOCK_STREAM", "MSG_PEEK", "O_NONBLOCK", "SOL_SOCKET", "EPOLLIN");
const u32 = fc.oneof(fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff), fc.nat({ max: 0xffff_ffff }));
const seconds = fc.nat({ max: 5_000_000 }).map((micros) => (micros / 1e6).toFixed(6));

const seq = fc
  .tuple(u32, fc.nat({ max: 3_000 }), fc.constantFrom("", "", "!"))
  .map(([start, length, mark]) => `${start}:${(start + length) % 2 ** 32}(${length})${mark}`);
const flags = fc.constantFrom("S", "S.", ".", "P.", "F.", "R", "R.", "FP.", "SEW", "SA.", ".5", "S.7", "-", "U.");
const option = fc.oneof(
  fc.nat({ max: 65_535 }).map((n) => `mss ${n}`),
  fc.nat({ max: 14 }).map((n) => `nop,wscale ${n}`),
  fc.constantFrom("nop,nop,sackOK", "nop,nop,nop,eol", "FOEXP", "nop,nop,FO", "nop,ECN e0b 7 ceb 1 e1b 9"),
  fc.tuple(u32, u32).map(([val, ecr]) => `nop,nop,TS val ${val} ecr ${ecr}`),
  fc
    .array(fc.tuple(u32, u32), { minLength: 1, maxLength: 2 })
    .map((blocks) => `nop,nop,sack ${blocks.map(([l, r]) => `${l}:${r}`).join(" ")}`),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((octets) => `nop,nop,FO ${Buffer.from(octets).toString("hex")}`),
);
const options = fc.array(option, { maxLength: 2 }).map((list) => (list.length === 0 ? "" : ` <${list.join(",")}>`));
const ip = fc.constantFrom("", "[ect0] ", "(tos 0x10) ", "[ce] ", "[ttl 64] ", "[tos 0x8, ttl 3] ");
const ports = fc.constantFrom("", "", "5000 > 8080 ", "[5000 > 8080] ");

const tcp = fc
  .tuple(fc.boolean(), ip, ports, flags, seq, fc.option(u32), fc.nat({ max: 65_535 }), fc.option(fc.nat({ max: 65_535 })), options)
  .map(([out, info, port, flag, numbers, ack, win, urg, list]) => {
    const behind = `${ack === null ? "" : ` ack ${ack}`}${out && win % 2 ? "" : ` win ${win}`}${urg === null ? "" : ` urg ${urg}`}`;
    return `${out ? ">" : "<"} ${info}${port}${flag} ${numbers}${behind}${out && win % 5 === 0 ? " <...>" : list}`;
  });
const icmp = fc.constantFrom(
  "< icmp unreachable frag_needed mtu 1200 [1:1001(1000)]",
  "> icmp echo_reply id 9",
  "< icmp time_exceeded",
  "< icmp unreachable port_unreachable [udp (20)]",
  "< icmp type_3 code_9 [0:0(0)!]",
);
const udp = fc
  .tuple(fc.constantFrom("<", ">"), ports, fc.nat({ max: 2_000 }))
  .map(([way, port, length]) => `${way} udp ${port}(${length})`);

const expression: fc.Arbitrary<string> = fc.letrec<{ expression: string; leaf: string }>((tie) => ({
  leaf: fc.oneof(
    fc.constant("..."),
    fc.integer({ min: -5, max: 70_000 }).map(String),
    fc.nat({ max: 70_000 }).map((n) => `0x${n.toString(16)}`),
    word,
    fc.constant("0x1234567812345678"),
    fc.tuple(word, word).map(([a, b]) => `${a} | ${b}`),
    fc.string({ maxLength: 6 }).map((text) => `"${text.replace(/[\\"]/g, "\\$&")}"`),
    fc.constant('inet_addr("10.0.0.1")'),
  ),
  expression: fc.oneof(
    { maxDepth: 3 },
    tie("leaf"),
    fc.array(tie("expression"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
    fc
      .array(fc.tuple(fc.constantFrom("fd=", "events=", "msg_iov(2)=", ""), tie("expression")), { maxLength: 3 })
      .map((fields) => `{${fields.map(([name, value]) => name + value).join(", ")}}`),
  ),
})).expression;

const call = fc
  .tuple(
    fc.option(seconds),
    fc.constantFrom("read", "socket", "epoll_ctl", "recvmsg"),
    fc.array(expression, { maxLength: 4 }),
    fc.integer({ min: -1, max: 99 }),
    fc.constantFrom("", " EAGAIN", " EAGAIN (would block)"),
  )
  .map(([_, name, args, result, behind]) => `${name}(${args.join(", ")}) = ${result}${behind}`);

const code = fc.constantFrom("%{ assert tcpi_state == 1 }%", "%{\nprint(tcpi_snd_cwnd)\nassert True, 'a' }%");
const command = fc.constantFrom("`sleep 1`", "`sysctl -q net.ipv4.tcp_sack=1`");
const action = fc.oneof(tcp, tcp, tcp, udp, icmp, call, code, command);
const event = fc.tuple(fc.constantFrom("", "+"), seconds, action, fc.boolean()).map(([sign, time, what, range]) => {
  const ranged = range && what.startsWith(">");
  return `${sign}${time}${ranged ? `~${sign}${(Number(time) + 1).toFixed(6)}` : ""} ${what}`;
});

/** A script that parses, as text. */
export const scriptSource: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom("", "--tolerance_usecs=5000\n", "--strict_segments\n--local_ip=10.0.0.1\n"),
    fc.constantFrom("", "`./defaults.sh`\n"),
    action,
    fc.array(event, { maxLength: 6 }),
    fc.constantFrom("", "\n`true`"),
  )
  .map(([head, init, first, events, cleanup]) => `${head}${init}0 ${first}\n${events.join("\n")}${cleanup}\n`);
