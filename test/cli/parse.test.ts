import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/cli/exit.js";
import {
  formatRate,
  formatSize,
  parseAddress,
  parseChance,
  parseDuration,
  parseEndpoint,
  parseForwarding,
  parseInteger,
  parseMac,
  parseOwnAddress,
  parsePort,
  parsePrefix,
  parseRate,
  parseSize,
} from "../../src/cli/parse.js";
import { ip } from "../../src/ip/address.js";

const accepted: readonly (readonly [string, (text: string) => unknown, string, unknown])[] = [
  ["address", parseAddress, "10.9.0.1", ip("10.9.0.1")],
  ["prefix", parsePrefix, "10.9.0.2/24", { address: ip("10.9.0.2"), prefixLength: 24 }],
  ["port", parsePort, "65535", 65_535],
  ["own address", parseOwnAddress, "dhcp", "dhcp"],
  ["endpoint", parseEndpoint, "1080", { port: 1080 }],
  ["endpoint", parseEndpoint, "127.0.0.1:1080", { address: "127.0.0.1", port: 1080 }],
  ["forwarding", parseForwarding, "8080:web.test:80", { port: 8080, host: "web.test", hostPort: 80 }],
  ["forwarding", parseForwarding, "10.9.0.1:8080:10.9.0.7:80", { address: "10.9.0.1", port: 8080, host: "10.9.0.7", hostPort: 80 }],
  ["duration", parseDuration, "20ms", 20_000],
  ["duration", parseDuration, "1.5s", 1_500_000],
  ["duration", parseDuration, "250us", 250],
  ["duration", parseDuration, "3", 3_000],
  ["chance", parseChance, "1%", 0.01],
  ["chance", parseChance, "0.25", 0.25],
  ["rate", parseRate, "100mbit", 100_000_000],
  ["rate", parseRate, "2.5Gbit/s", 2_500_000_000],
  ["rate", parseRate, "0", 0],
  ["size", parseSize, "256M", 268_435_456],
  ["size", parseSize, "64KiB", 65_536],
  ["size", parseSize, "10", 10],
  ["integer", parseInteger("n", 1, 9), "9", 9],
];
const refused: readonly (readonly [string, (text: string) => unknown, string])[] = [
  ["address", parseAddress, "10.9.0"],
  ["address", parseAddress, "10.9.0.256"],
  ["prefix", parsePrefix, "10.9.0.2"],
  ["own address", parseOwnAddress, "DHCP"],
  ["endpoint", parseEndpoint, "localhost:80"],
  ["endpoint", parseEndpoint, "127.0.0.1:0"],
  ["forwarding", parseForwarding, "8080:80"],
  ["forwarding", parseForwarding, "8080:web.test:http"],
  ["prefix", parsePrefix, "10.9.0.2/33"],
  ["prefix", parsePrefix, "10.9.0.2/0"],
  ["port", parsePort, "0"],
  ["port", parsePort, "65536"],
  ["port", parsePort, "http"],
  ["duration", parseDuration, "-1ms"],
  ["duration", parseDuration, "1h"],
  ["chance", parseChance, "101%"],
  ["chance", parseChance, "2"],
  ["rate", parseRate, "fast"],
  ["size", parseSize, "1T"],
  ["integer", parseInteger("n", 1, 9), "10"],
  ["integer", parseInteger("n", 1, 9), "1e0"],
  ["mac", parseMac, "02:00:00:00:00"],
  ["mac", parseMac, "01:00:00:00:00:01"],
];

describe("values of the command line", () => {
  for (const [name, parse, text, value] of accepted)
    test(`${name} ${text}`, () => {
      expect(parse(text)).toEqual(value);
    });
  for (const [name, parse, text] of refused)
    test(`${name} ${text} is refused, and named`, () => {
      expect(() => parse(text)).toThrow(UsageError);
      expect(() => parse(text)).toThrow(text);
    });
  test("mac", () => {
    expect([...parseMac("02:0a:FF:00:00:01")]).toEqual([2, 10, 255, 0, 0, 1]);
  });
  test("sizes and rates for people", () => {
    expect([formatSize(0), formatSize(1536), formatSize(268_435_456)]).toEqual(["0 B", "1.5 KiB", "256.0 MiB"]);
    expect([formatRate(125_000_000, 1000), formatRate(125_000, 1000), formatRate(125, 1000)]).toEqual([
      "1.00 Gbit/s",
      "1 Mbit/s",
      "1 kbit/s",
    ]);
  });
});
