import { createPair, ip, ManualDrive, SeededRandom, Stack, VirtualClock } from "onwire";
import { constantNamed, linuxPersonality, Poll, Sockets } from "onwire/testing";
import { expect, test } from "vitest";

const clock = new VirtualClock(0);
const [AF_INET, SOCK_STREAM, O_NONBLOCK] = ["AF_INET", "SOCK_STREAM", "O_NONBLOCK"].map((name) => constantNamed(name, "linux")!);

/** A host with the system calls of Linux: each returns a call that is done, or waits as a process would. */
const host = (link: ReturnType<typeof createPair>[0], address: string, seed: number): Sockets => {
  const stack = new Stack({ random: new SeededRandom(seed) }, clock.now);
  stack.addDevice(link, { addresses: [{ address: ip(address), prefixLength: 24 }] }, clock.now);
  new ManualDrive(stack, clock);
  return new Sockets(stack, () => clock.now, linuxPersonality);
};

test("a server by descriptors, errno and poll", () => {
  const [a, b] = createPair();
  const [server, client] = [host(a, "10.0.0.1", 1), host(b, "10.0.0.2", 2)];
  clock.settle();

  const listener = server.socket(AF_INET!, SOCK_STREAM!, 0).value;
  server.bind(listener, { address: ip("10.0.0.1"), port: 80 });
  server.listen(listener, 5);
  const accepted = server.accept(listener);
  expect(accepted.done).toBe(false); // it blocks

  const fd = client.socket(AF_INET!, SOCK_STREAM! | O_NONBLOCK!, 0).value;
  expect(client.connect(fd, { address: ip("10.0.0.1"), port: 80 }).errno).toBe("EINPROGRESS");
  clock.settle();
  const ready = { fd, events: Poll.IN | Poll.OUT, revents: 0 };
  expect(client.poll([ready], 0).value).toBe(1);
  expect(ready.revents).toBe(Poll.OUT);

  client.write(fd, new Uint8Array(100), 100);
  clock.settle();
  expect(server.read(accepted.value, new Uint8Array(1_000), 1_000).value).toBe(100);
  const info = { value: null, length: 232 };
  server.getsockopt(accepted.value, "IPPROTO_TCP", "TCP_INFO", info);
  expect(info.value).toMatchObject({ tcpi_state: 1, tcpi_bytes_received: 100 });
});
