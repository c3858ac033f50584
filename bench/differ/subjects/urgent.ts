/** Urgent text. */
import { type Draw, lines, passive, rest, type Stimulus } from "../words.js";

export function urgent(_draw: Draw): Stimulus[] {
  const all: Stimulus[] = [];
  const add = (name: string, ...parts: string[]): void => {
    all.push({ subject: "urgent", name, source: lines(...parts) });
  };
  add(
    "received",
    passive(),
    "+0.1 < PU. 1:11(10) ack 1 win 65535 urg 5",
    "+0 ioctl(4, SIOCATMARK, [0]) = 0",
    "+0 recv(4, ..., 100, MSG_DONTWAIT) = ...",
    "+0 ioctl(4, SIOCATMARK, [0]) = 0",
    "+0 recv(4, ..., 10, MSG_OOB) = ...",
    "+0 recv(4, ..., 100, MSG_DONTWAIT) = ...",
    rest(0.1),
  );
  add(
    "inline",
    passive(),
    "+0 setsockopt(4, SOL_SOCKET, SO_OOBINLINE, [1], 4) = 0",
    "+0.1 < PU. 1:11(10) ack 1 win 65535 urg 10",
    "+0 recv(4, ..., 100, MSG_DONTWAIT) = ...",
    "+0 recv(4, ..., 100, MSG_DONTWAIT) = ...",
    rest(0.1),
  );
  add("sent", passive(), "+0 send(4, ..., 10, MSG_OOB) = 10", "+0.1 < . 1:1(0) ack 11 win 65535", "+0 write(4, ..., 100) = 100", rest(0.1));
  add(
    "sent-behind-text",
    passive(),
    "+0 write(4, ..., 3000) = 3000",
    "+0 send(4, ..., 10, MSG_OOB) = 10",
    "+0.1 < . 1:1(0) ack 3011 win 65535",
    rest(0.1),
  );
  add(
    "beyond",
    passive(),
    "+0.1 < U. 1:1(0) ack 1 win 65535 urg 100",
    "+0 ioctl(4, SIOCATMARK, [0]) = 0",
    "+0.1 < P. 1:201(200) ack 1 win 65535",
    "+0 recv(4, ..., 300, MSG_DONTWAIT) = ...",
    "+0 recv(4, ..., 300, MSG_DONTWAIT) = ...",
    rest(0.1),
  );
  return all;
}
