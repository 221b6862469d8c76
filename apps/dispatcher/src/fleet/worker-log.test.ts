import { pino } from "pino";
import { expect, test } from "vitest";
import { passOn } from "./worker-log.ts";

function passed(line: string): Record<string, unknown> {
  let written = "";
  const log = pino(
    { base: null, level: "debug", timestamp: false },
    { write: (text: string) => void (written = text) },
  );
  passOn(log, "hive-worker-1", line);
  return JSON.parse(written) as Record<string, unknown>;
}

test("a worker's JSON goes on as it is, with its name and this server's time", () => {
  expect(passed('{"level":30,"time":1,"jobId":"a","msg":"begins"}')).toEqual({
    level: 30,
    jobId: "a",
    worker: "hive-worker-1",
    msg: "begins",
  });
});

test("a readable line keeps its level and loses its time; what is neither is worth a warning", () => {
  const worker = "hive-worker-1";
  expect(passed("12:34:56 a: begins")).toEqual({ level: 30, worker, msg: "a: begins" });
  expect(passed("12:34:56 WARN a: slow")).toEqual({ level: 40, worker, msg: "a: slow" });
  expect(passed("12:34:56 ERROR no")).toEqual({ level: 50, worker, msg: "no" });
  expect(passed("12:34:56 debug hm")).toEqual({ level: 20, worker, msg: "hm" });
  expect(passed("Error: out of luck")).toEqual({ level: 40, worker, msg: "Error: out of luck" });
});
