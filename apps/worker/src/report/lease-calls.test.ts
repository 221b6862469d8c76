import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createClient } from "@hive/protocol";
import { beginAttempt } from "../attempt.ts";
import { machineClock } from "../loops/clock.ts";
import { createLeaseCalls, type LeaseCalls } from "./lease-calls.ts";

let folder = "";
/** The time limits of the requests so far, to be reached by hand. */
let limits: AbortController[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-lease-calls-"));
  limits = [];
  vi.spyOn(AbortSignal, "timeout").mockImplementation(() => {
    const limit = new AbortController();
    limits.push(limit);
    return limit.signal;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** An answer of which some bytes come and no more, until the request is given up. */
function standsStill(signal: AbortSignal | null | undefined): Response {
  return new Response(
    new ReadableStream({
      start(bytes) {
        bytes.enqueue(new TextEncoder().encode("some of "));
        signal?.addEventListener("abort", () => bytes.error(signal.reason));
        // The reader has what came.
        setImmediate(() => limits.at(-1)?.abort(new DOMException("too long", "TimeoutError")));
      },
    }),
  );
}

function callsWith(fetch: typeof globalThis.fetch): LeaseCalls {
  const client = createClient({ baseUrl: "http://127.0.0.1:1", fetch });
  const clock = { ...machineClock, after: (_ms: number, act: () => void) => machineClock.after(0, act) };
  return createLeaseCalls({ client, token: "token", attempt: beginAttempt("job", 1), clock, isOurs: () => true });
}

test("a file that stands still on its way is asked for again", async () => {
  let asked = 0;
  const calls = callsWith(async (_url, init) => {
    asked += 1;
    return asked === 1 ? standsStill(init?.signal) : new Response("all of it");
  });
  const file = join(folder, "bundle");
  await calls.getArtifact(1, "work.bundle", file);
  expect(await readFile(file, "utf8")).toBe("all of it");
  expect(asked).toBe(2);
});

test("a cache that stands still on its way is done without", async () => {
  const calls = callsWith(async (_url, init) => standsStill(init?.signal));
  const cache = await calls.getCache("npm", new AbortController().signal);
  const read = async (): Promise<void> => {
    for await (const _ of cache?.stream ?? []);
  };
  await expect(read()).rejects.toThrow("too long");
});
