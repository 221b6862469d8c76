import { describe, expect, test } from "vitest";
import { readEntry } from "./log-entry.ts";

const read = (entry: string) => readEntry({ kind: "auto" }, entry);

describe("an entry of a log nobody described", () => {
  test.each([
    [
      "2026-11-23 20:15:00,123 ERROR [main] org.shop.Bar - Request failed for user 7",
      "ERROR",
      "org.shop.Bar",
      "Request failed for user 7",
    ],
    ["2026-11-23T20:15:00.123Z WARN  app::net: slow answer", "WARN", "app::net", "slow answer"],
    ["Nov 23 20:15:00 host1 sshd[123]: Failed password for root", null, "sshd", "Failed password for root"],
    ["E1123 20:15:00.123456   1234 server.go:12] boom happened", "ERROR", null, "boom happened"],
    ["ERROR:billing:no such customer", "ERROR", "billing", "no such customer"],
    ["2026/11/23 20:15:00 [error] 12#12: *3 open() failed", "ERROR", null, "12#12: *3 open() failed"],
    ["[2026-11-23 20:15:00] production.ERROR: Could not connect", "ERROR", "production.ERROR", "Could not connect"],
    ["I, [2026-11-23T20:15:00.100000 #12]  INFO -- : Started GET", "INFO", null, "Started GET"],
    ["error: could not compile", "ERROR", null, "could not compile"],
    ["just a message with error in it", null, null, "just a message with error in it"],
    [
      "11/23/2026 20:58:28 [20] WARN Print.Spooler - Printer is low on paper",
      "WARN",
      "Print.Spooler",
      "Printer is low on paper",
    ],
    ["Nov 23 20:15:00 node kernel: [   12.345678] eth0: Link is Down", null, "kernel", "eth0: Link is Down"],
    ["", null, null, ""],
  ])("%s", (line, level, logger, message) => {
    expect(read(line)).toMatchObject({ level, logger, message });
  });

  test("JSON is read by the names its libraries use, and nested fields are flat", () => {
    const entry = read(
      '{"level":50,"time":1795464900000,"msg":"no stock","order":{"id":7},"err":{"stack":"Error: x\\n    at a (b:1:1)"}}',
    );
    expect(entry).toMatchObject({
      level: "ERROR",
      at: 1_795_464_900_000,
      message: "no stock",
      detail: "Error: x\n    at a (b:1:1)",
      fields: { "order.id": "7" },
    });
  });

  test("logfmt is read with its quotes", () => {
    const entry = read('ts=2026-11-23T20:15:00Z level=warn msg="no \\"good\\" answer" peer=a.b:1');
    expect(entry).toMatchObject({
      level: "WARN",
      at: Date.UTC(2026, 10, 23, 20, 15),
      message: 'no "good" answer',
      fields: { peer: "a.b:1" },
    });
  });

  test("an instant without its zone is none: a guess would be wrong by hours", () => {
    expect(read("2026-11-23 20:15:00 ERROR x").at).toBeNull();
    expect(read("2026-11-23 20:15:00,5+01:00 ERROR x").at).toBe(Date.UTC(2026, 10, 23, 19, 15, 0, 500));
  });

  test("a cut JSON line, a name like __proto__, and a text that only looks like logfmt are text or data, never an error", () => {
    expect(read('{"msg":"cut in the mid').message).toBe('{"msg":"cut in the mid');
    expect(Object.getPrototypeOf(read('{"msg":"a","__proto__":{"x":"y"}}').fields)).toBe(Object.prototype);
    expect(read("a=b and so on").message).toBe("a=b and so on");
  });
});

test("the operator's pattern names the parts, and what does not fit is all message", () => {
  const format = { kind: "pattern", pattern: /^(?<level>\w+)\|(?<tenant>\w+)\|(?<message>.*)$/ } as const;
  expect(readEntry(format, "Critical|blue|it broke\nbelow")).toMatchObject({
    level: "FATAL",
    message: "it broke",
    detail: "below",
    fields: { tenant: "blue" },
  });
  expect(readEntry(format, "no bars")).toMatchObject({ level: null, message: "no bars" });
});

test("JSON that is nested as deep as a line is long is a field like any other, and never an error", () => {
  const deep = `${'{"0":'.repeat(5_000)}1${"}".repeat(5_000)}`;
  expect(read(`{"msg":"no stock","data":${deep}}`).message).toBe("no stock");
  expect(read(`{"msg":"no stock","data":[{"0":1},${"[".repeat(15_000)}${"]".repeat(15_000)}]}`)).toMatchObject({
    message: "no stock",
    fields: { data: "(nested too deep)" },
  });
});

test("a hostile line costs no more than its length", () => {
  const began = performance.now();
  const heads = ["", "2026-11-23 20:15:00 ", "ERROR "];
  for (const unit of ["a$", "a.", "[", "[a]", "(a)", "1:", "a=", 'a="\\', "- ", "a::", "Mon ", "{", '{"a":']) {
    for (const head of heads) read(head + unit.repeat(20_000));
  }
  for (let line = 0; line < 100; line += 1) read(`msg=x ${"a=b".repeat(10_000)}`);
  expect(performance.now() - began).toBeLessThan(10_000);
});
