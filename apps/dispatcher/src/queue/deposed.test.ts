// A dispatcher that was stopped for longer than a term does not know yet that another was elected: what it answers then.
import { DEFAULT_RULES } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { expect, test } from "vitest";
import { testLeadership } from "../leader/leadership.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { type MemoryFaults, MemoryStore } from "../store/memory/memory-store.ts";
import { Committer } from "./committer.ts";
import { HandClock, settle } from "./queue.fixture.ts";

const TERM_MS = 4_000;

/** A dispatcher on this content, with a clock of its own: one that stands still is a process that was stopped. */
function dispatcher(content: MemoryContent, name: string, faults: MemoryFaults = {}) {
  const clock = new HandClock();
  const { mono } = clock;
  const leadership = testLeadership({ url: `http://${name}`, mono });
  const committer = new Committer({
    openStore: () => new MemoryStore({ content, faults, shared: { leadership, mono } }),
    rules: DEFAULT_RULES,
    clock,
    onTrouble: () => undefined,
  });
  const enqueue = (id: string) =>
    committer.submit<"enqueue">({ type: "enqueue", jobs: [newJob(id)], idempotency: null });
  return { clock, committer, enqueue };
}

const waiting = (committer: Committer): Promise<number> => committer.read((state) => state.counts.queued);

test("a read that came while a commit was under way does not rest on that commit", async () => {
  const content = new MemoryContent();
  const answers: (() => void)[] = [];
  const old = dispatcher(content, "a", { afterCommit: () => new Promise((resolve) => answers.push(resolve)) });
  const next = dispatcher(content, "b");
  await old.committer.start();
  await next.committer.start();
  const accepted = old.enqueue("one");
  await settle();
  expect(answers).toHaveLength(1);
  await next.clock.pass(2 * TERM_MS);
  expect(await waiting(next.committer)).toBe(1);
  await next.enqueue("two");
  // It goes on: a request of this moment is read first, the answer of the store to the commit of long ago after it.
  old.clock.time += 2 * TERM_MS;
  const read = waiting(old.committer);
  answers[0]?.();
  expect((await accepted).jobs[0]?.status).toBe("queued");
  await expect(read).rejects.toMatchObject({ code: "store_failed" });
  expect(old.committer.readiness()).toMatchObject({ ready: false, role: "recovering" });
  await settle();
  expect(old.committer.readiness()).toMatchObject({ role: "standby", queen: { url: "http://b" } });
  await old.committer.stop();
  await next.committer.stop();
});

test("neither a read nor a refusal nor a command that changes nothing is answered by who was deposed", async () => {
  const content = new MemoryContent();
  const old = dispatcher(content, "a");
  const next = dispatcher(content, "b");
  await old.committer.start();
  await next.committer.start();
  await old.enqueue("one");
  await next.clock.pass(2 * TERM_MS);
  await next.committer.submit<"cancel">({ type: "cancel", jobId: "one", by: "a person", reason: "" });
  const asks = [
    () => waiting(old.committer),
    () => old.enqueue("one"),
    () => old.committer.submit<"retry">({ type: "retry", jobId: "one", by: "a person" }),
  ];
  old.clock.time += 2 * TERM_MS;
  const outcomes = await Promise.allSettled(asks.map((ask) => ask()));
  expect(outcomes.map((one) => (one.status === "rejected" ? one.reason : one.value))).toMatchObject(
    asks.map(() => ({ code: "store_failed" })),
  );
  await old.committer.stop();
  await next.committer.stop();
});
