// A log in Redis, longer than is kept of it, while the queen is killed and then Redis itself: nothing of what is kept is
// lost, doubled or moved, whichever dispatcher is asked.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openHistory, type RunHistory } from "../faults/history.ts";
import { openWorld, type World } from "../faults/world.ts";
import { plainEnvironment, ROOT } from "./hive-process.ts";
import { runProgram } from "./run-program.ts";
import { until } from "./until.ts";

const KEPT = 100_000;
/** Lines of each third of the output. */
const THIRD = 20_000;

let history: RunHistory;
let world: World;

beforeAll(async () => {
  history = openHistory("log-through-takeover");
  world = await openWorld({
    history,
    store: "redis",
    count: 2,
    workers: 1,
    // More than a takeover and the start of a Redis may last.
    leaseMs: 30_000,
    callbacks: false,
    env: { HIVE_REDIS_LOG_BYTES: String(KEPT) },
  });
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  history.remove();
});

it("a log goes on where it was after the queen and then Redis were killed", async () => {
  const jobId = "prints-on";
  const act = (name: string): string => `${world.acts}/${name}`;
  const print = (from: number): string => `seq -f 'line %.0f' ${from} ${from + THIRD - 1}`;
  const wait = (name: string): string =>
    `touch '${act(`before-${name}`)}'; while [ ! -e '${act(name)}' ]; do sleep 0.05; done`;
  const script = [
    print(1),
    wait("second"),
    print(1 + THIRD),
    wait("third"),
    print(1 + 2 * THIRD),
    "echo changed > changed.txt",
  ].join("\n");
  const hive = world.hive();
  await hive.enqueue({ jobId, repo: `file://${world.bare}`, task: "script", script });

  await until("the first third", () => existsSync(act("before-second")));
  const queen = await until("a queen", () => world.queen());
  // Not waited for: the worker sends on what it has while nobody takes it.
  // Somebody at a terminal follows it all the while, at whichever server answers.
  const following = runProgram(
    [process.execPath, join(ROOT, "apps/cli/src/main.ts"), "logs", "-f", jobId],
    plainEnvironment({ HIVE_URL: world.servers.map(({ url }) => url).join(","), INTERNAL_API_TOKEN: world.token }),
  );
  const killed = queen.crash();
  writeFileSync(act("second"), "");
  await killed;
  await until("the second third", () => existsSync(act("before-third")));
  await world.redis?.crash();
  writeFileSync(act("third"), "");
  await world.redis?.start();

  const job = await hive.wait(jobId, { signal: AbortSignal.timeout(90_000) });
  expect({ status: job.status, fence: job.fence }).toEqual({ status: "succeeded", fence: 1 });
  const followed = await following;
  expect([followed.code, followed.stderr]).toEqual([0, ""]);
  // Nothing twice and in order; what was not kept while nobody answered is said to be missing, and the end is there.
  const parts = followed.stdout.split(
    /\n\[hive\] [\d,]+ bytes of this log were not kept here \(HIVE_REDIS_LOG_BYTES\)\n/,
  );
  // What is cut off at either side of such a line is part of a line.
  const numbers = parts.flatMap((part, at) =>
    numbersIn(part).slice(at === 0 ? 0 : 1, at === parts.length - 1 ? undefined : -1),
  );
  expect(numbers.slice(0, 1_000)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
  expect(numbers.every((number, at) => at === 0 || number > (numbers[at - 1] ?? 0))).toBe(true);
  expect(numbers.at(-1)).toBe(3 * THIRD);
  await queen.start();
  for (const { url } of world.servers) {
    const get = (path: string, headers = {}): Promise<Response> =>
      fetch(`${url}/v1/jobs/${jobId}/${path}`, { headers: { authorization: `Bearer ${world.token}`, ...headers } });
    const reply = await get("logs");
    const log = await reply.text();
    const [, from = 0, to = 0] = (/^(\d+)-(\d+)$/.exec(reply.headers.get("x-hive-log-cut") ?? "") ?? []).map(Number);
    expect(from).toBe(KEPT / 2);
    const marker = `\n[hive] ${(to - from).toLocaleString("en-US")} bytes of this log were not kept here`;
    const [head = "", tail = "", ...more] = log.split(marker);
    expect(more).toEqual([]);
    expect(Buffer.byteLength(head)).toBe(from);
    const rest = Buffer.byteLength(tail.slice(tail.indexOf("\n") + 1));
    const last = await get("logs", { range: "bytes=-1" });
    expect(last.headers.get("content-range")).toBe(`bytes ${to + rest - 1}-${to + rest - 1}/${to + rest}`);
    // What is cut off at the marker is part of a line.
    const early = numbersIn(head).slice(0, -1);
    expect(early).toEqual(Array.from({ length: early.length }, (_, n) => n + 1));
    const late = numbersIn(tail).slice(1);
    expect(late).toEqual(Array.from({ length: late.length }, (_, n) => 3 * THIRD - late.length + 1 + n));
    expect([early.length > 1000, late.length > 1000]).toEqual([true, true]);
    expect(await (await get("diff")).text()).toContain("+changed");
    // What a person at a terminal sees is the same, the marker included.
    const printed = await runProgram(
      [process.execPath, join(ROOT, "apps/cli/src/main.ts"), "logs", jobId],
      plainEnvironment({ HIVE_URL: url, INTERNAL_API_TOKEN: world.token }),
    );
    expect([printed.code, printed.stderr]).toEqual([0, ""]);
    expect(printed.stdout).toBe(log);
  }
});

function numbersIn(text: string): number[] {
  return [...text.matchAll(/^line (\d+)$/gm)].map(([, n]) => Number(n));
}
