import pino from "pino";
import { expect, test } from "vitest";
import { tellGatewayLine } from "./gateway-log.ts";

function shown(line: string, showAll: boolean): unknown[] {
  const lines: unknown[] = [];
  const log = pino(
    { level: "info", base: null, timestamp: false },
    { write: (text: string) => void lines.push(JSON.parse(text)) },
  );
  tellGatewayLine(log, line, showAll);
  return lines;
}

const CALL = JSON.stringify({
  level: 30,
  time: 1,
  pid: 2,
  hostname: "h",
  name: "gateway",
  jobId: "a",
  msg: "model call ended",
});
const KEY = JSON.stringify({
  level: 40,
  time: 1,
  provider: "openai",
  key: "OPENAI_API_KEY",
  msg: "a key is set aside: x",
});

test("troubles are shown as warnings, calls only where prompts are wanted", () => {
  expect(shown(KEY, false)).toEqual([
    { level: 40, part: "gateway", provider: "openai", key: "OPENAI_API_KEY", msg: "a key is set aside: x" },
  ]);
  expect(shown(CALL, false)).toEqual([]);
  expect(shown(CALL, true)).toEqual([{ level: 30, part: "gateway", jobId: "a", msg: "model call ended" }]);
});

test("what is no line of its log is trouble: a stack trace, a warning of Node's", () => {
  expect(shown("TypeError: x is not a function", false)).toMatchObject([
    { level: 40, part: "gateway", msg: "TypeError: x is not a function" },
  ]);
});
