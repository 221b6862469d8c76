import { expect, it } from "vitest";
import { type BlockedSource, tellBlocked } from "./blocked-lines.ts";

type Told = Awaited<ReturnType<BlockedSource["get"]>>["blocked"][number];

const place = (host: string, fence = 2): Told => ({ fence, host, port: 443, reason: "not_allowed" });

/** A server with a job at fence 2 that was refused these places; `live` come over the stream before the log ends. */
function server(blocked: Told[], live: readonly Told[] = []) {
  const ended = new AbortController();
  const asked: object[] = [];
  const hive: BlockedSource = {
    get: async () => ({ fence: 2, blocked }),
    async *events(options) {
      asked.push(options);
      for (const one of live) yield { type: "job.egress_blocked", data: { ...one, message: `${one.host}?` } };
      yield { type: "job.agent", data: { fence: 2 } };
      ended.abort();
    },
  };
  return { hive, ended, asked };
}

async function lines(told: (tell: (line: string) => void) => Promise<void>): Promise<string[]> {
  const all: string[] = [];
  await told((line) => all.push(line));
  return all;
}

it("shows the places the last attempt was refused, and none of another", async () => {
  const { hive, asked } = server([place("evil.example"), place("old.example", 1)]);
  expect(await lines((tell) => tellBlocked(hive, "a", { tell }))).toEqual(["blocked: evil.example:443 (not_allowed)"]);
  expect(await lines((tell) => tellBlocked(hive, "a", { fence: 1, tell }))).toEqual([
    "blocked: old.example:443 (not_allowed)",
  ]);
  expect(asked).toEqual([]);
});

it("tells them as they come while a log is followed, each once, and the last one though the log ended first", async () => {
  const { hive, ended } = server(
    [place("evil.example"), place("late.example")],
    [place("old.example", 1), place("evil.example"), place("evil.example")],
  );
  const until = ended.signal;
  expect(await lines((tell) => tellBlocked(hive, "a", { until, tell }))).toEqual([
    "blocked: evil.example:443 (not_allowed): evil.example?",
    "blocked: late.example:443 (not_allowed)",
  ]);
});

it("lets no host name steer the terminal", async () => {
  const { hive } = server([place("\u001b[31mred")]);
  expect(await lines((tell) => tellBlocked(hive, "a", { tell }))).toEqual(["blocked: red:443 (not_allowed)"]);
});
