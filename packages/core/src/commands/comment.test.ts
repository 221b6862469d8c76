import { expect, test } from "vitest";
import { HiveError } from "../errors.ts";
import type { SessionRef } from "../job.ts";
import { failure, newJob, RESULT, SUCCESS, World } from "../queue.fixture.ts";
import { MOST_OPEN_COMMENTS } from "./comment.ts";

const AGENT = { task: "agent", agent: "demo" } as const;

function agentWorld(...jobs: readonly Parameters<typeof newJob>[1][]): World {
  const world = new World();
  world.register("w");
  world.enqueue(
    ...(jobs.length === 0 ? [{}] : jobs).map((what, n) => newJob(n === 0 ? "a" : `a${n}`, { ...AGENT, ...what })),
  );
  return world;
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof HiveError) return error.code;
    throw error;
  }
  return "none";
}

/** Which comments the job's lease is for: the first and the last number. */
function told(world: World): readonly number[] {
  const { comments } = world.job("a");
  return comments === undefined || comments.given === comments.done ? [] : [comments.done + 1, comments.given];
}

test("a comment on a job that is over begins a new generation at once, and its next attempt is for it", () => {
  const world = agentWorld();
  world.finish(world.start("w"), SUCCESS);
  expect(world.comment("a", "Mention Windows.")).toEqual({ n: 1, status: "queued", generation: 2 });
  expect(world.story("a").slice(-3)).toEqual(["job.succeeded", "job.queued", "job.commented"]);
  expect(world.last("a").data).toMatchObject({ n: 1, by: "ann", message: "Mention Windows.", generation: 2 });
  const lease = world.start("w");
  expect(lease.fence).toBe(2);
  expect(told(world)).toEqual([1, 1]);
  expect(world.events.findLast(({ type }) => type === "job.leased")?.data).toMatchObject({
    comments: { after: 0, upTo: 1 },
  });
  world.finish(lease, SUCCESS);
  expect(world.job("a").comments).toEqual({ count: 1, given: 1, done: 1 });
  expect(world.store.get("attempts/a/00000002")).toMatchObject({ generation: 2, comments: { after: 0, upTo: 1 } });
  expect(world.store.get("attempts/a/00000001")).not.toHaveProperty("comments");
});

test("a comment on a job that waits is part of its next attempt, and the job keeps its place in the queue", () => {
  const world = agentWorld({}, {});
  expect(world.comment("a")).toEqual({ n: 1, status: "queued", generation: 1 });
  const lease = world.start("w");
  expect(lease.jobId).toBe("a");
  expect(told(world)).toEqual([1, 1]);
  world.finish(lease, SUCCESS);
  expect(world.status("a")).toBe("succeeded");
});

test("a comment waits while an attempt runs, and begins a generation when that was the last attempt", () => {
  const world = agentWorld();
  const lease = world.start("w");
  expect(world.comment("a", "one")).toEqual({ n: 1, status: "running", generation: null });
  world.comment("a", "two");
  expect(told(world)).toEqual([]);
  expect(world.finish(lease, SUCCESS)).toEqual({ status: "succeeded", repeated: false });
  expect(world.finish(lease, SUCCESS)).toEqual({ status: "succeeded", repeated: true });
  expect(world.story("a").slice(-2)).toEqual(["job.succeeded", "job.queued"]);
  expect(world.job("a")).toMatchObject({ status: "queued", generation: 2 });
  world.start("w");
  expect(told(world)).toEqual([1, 2]);
});

test("an attempt that is tried again gets what was said meanwhile, in the same generation", () => {
  const world = agentWorld();
  world.finish(world.start("w"), SUCCESS);
  world.comment("a", "one");
  const lease = world.start("w");
  world.comment("a", "two");
  world.finish(lease, failure("system"));
  expect(world.job("a")).toMatchObject({ status: "scheduled", generation: 2 });
  world.pass(60_000);
  world.start("w");
  expect(world.job("a").generation).toBe(2);
  expect(told(world)).toEqual([1, 2]);
});

test("the comments of a generation that failed are given to the next, and those of one that succeeded to none", () => {
  const world = agentWorld();
  world.finish(world.start("w"), SUCCESS);
  world.comment("a", "one");
  world.finish(world.start("w"), failure("work"));
  expect(world.status("a")).toBe("failed: broken");
  world.do({ type: "retry", jobId: "a", by: "ann" });
  const lease = world.start("w");
  expect(told(world)).toEqual([1, 1]);
  world.finish(lease, SUCCESS);
  world.comment("a", "two");
  world.start("w");
  expect(told(world)).toEqual([2, 2]);
});

test("jobs that wait for one that goes on because of a comment go on waiting, and its secrets are kept", () => {
  const world = new World();
  world.register("w");
  world.enqueue(newJob("a", { ...AGENT, secrets: { githubToken: "sealed" } }));
  world.enqueue(newJob("b", { dependsOn: ["a"] }));
  const lease = world.start("w");
  world.comment("a");
  world.finish(lease, failure("work"));
  expect(world.status("a")).toBe("queued");
  expect(world.status("b")).toBe("blocked");
  expect(world.store.has("secrets/a/githubToken")).toBe(true);
  world.finish(world.start("w"), SUCCESS);
  expect(world.status("b")).toBe("queued");
  expect(world.store.has("secrets/a/githubToken")).toBe(false);
});

test("a comment can bring a new token, which is erased when the job is over again", () => {
  const world = agentWorld();
  world.finish(world.start("w"), SUCCESS);
  world.comment("a", "go on", { secrets: { githubToken: "sealed anew" } });
  expect(world.job("a").secrets).toEqual(["githubToken"]);
  expect(world.store.get("secrets/a/githubToken")).toMatchObject({ sealed: "sealed anew" });
  world.finish(world.start("w"), SUCCESS);
  expect(world.store.has("secrets/a/githubToken")).toBe(false);
});

test("a job that is being canceled takes no comment, and one that was canceled goes on with it", () => {
  const world = agentWorld();
  const lease = world.start("w");
  world.comment("a", "before");
  world.do({ type: "cancel", jobId: "a", by: "ann", reason: "" });
  expect(codeOf(() => world.comment("a", "after"))).toBe("wrong_status");
  world.finish(lease, { end: "canceled", result: null });
  expect(world.status("a")).toBe("canceled: requested");
  expect(world.comment("a", "go on after all")).toEqual({ n: 2, status: "queued", generation: 2 });
  world.start("w");
  expect(told(world)).toEqual([1, 2]);
});

test("a job that was canceled while it was held is held again: a comment gets around no approval", () => {
  const world = agentWorld({ approval: "start" });
  world.do({ type: "cancel", jobId: "a", by: "ann", reason: "" });
  world.comment("a");
  expect(world.status("a")).toBe("held: approval");
});

test("work that waits for its approval goes back to the agent with a comment, and waits for approval again", () => {
  const world = agentWorld({ approval: "publish" });
  const waits = { end: "awaits_approval", bundle: { sha256: "good", artifact: "b" }, result: RESULT } as const;
  const lease = world.start("w");
  world.comment("a", "meanwhile");
  world.finish(lease, waits);
  expect(world.status("a")).toBe("held: publish");
  expect(world.comment("a", "not like that")).toEqual({ n: 2, status: "queued", generation: 1 });
  expect(() => world.do({ type: "approve", jobId: "a", by: "ann", sha256: "good" })).toThrow(/nothing waits/);
  const again = world.start("w");
  expect(world.job("a").run?.lease?.purpose).toBe("work");
  expect(told(world)).toEqual([1, 2]);
  world.finish(again, { ...waits, bundle: { sha256: "better", artifact: "b" } });
  world.do({ type: "approve", jobId: "a", by: "ann", sha256: "better" });
  world.finish(world.start("w"), SUCCESS);
  expect(world.status("a")).toBe("succeeded");
  expect(world.job("a").comments).toEqual({ count: 2, given: 2, done: 2 });
});

test("what was said while work was done that is then approved is for the generation after", () => {
  const world = agentWorld({ approval: "publish" });
  const lease = world.start("w");
  world.comment("a", "meanwhile");
  world.finish(lease, { end: "awaits_approval", bundle: { sha256: "good", artifact: "b" }, result: RESULT });
  world.do({ type: "approve", jobId: "a", by: "ann", sha256: "good" });
  world.finish(world.start("w"), SUCCESS);
  expect(world.job("a")).toMatchObject({ status: "queued", generation: 2, comments: { count: 1, given: 0, done: 0 } });
  world.start("w");
  expect(told(world)).toEqual([1, 1]);
});

test("approved work that could not be published is dropped for what a comment asks", () => {
  const world = agentWorld({ approval: "publish" });
  world.finish(world.start("w"), { end: "awaits_approval", bundle: { sha256: "good", artifact: "b" }, result: RESULT });
  world.do({ type: "approve", jobId: "a", by: "ann", sha256: "good" });
  world.finish(world.start("w"), failure("work"));
  world.comment("a");
  world.start("w");
  expect(world.job("a").run?.lease?.purpose).toBe("work");
});

test("the same request again is the same comment, and its key cannot be used for another", () => {
  const world = agentWorld();
  const idempotency = { key: "k", hash: "h" };
  expect(world.comment("a", "once", { idempotency }).n).toBe(1);
  expect(world.comment("a", "once", { idempotency })).toEqual({ n: 1, status: "queued", generation: 1 });
  expect(world.job("a").comments?.count).toBe(1);
  expect(codeOf(() => world.comment("a", "twice", { idempotency: { key: "k", hash: "other" } }))).toBe(
    "idempotency_conflict",
  );
});

test("jobs without an agent take no comments, and no job takes more than fit into one prompt", () => {
  const world = agentWorld();
  world.enqueue(newJob("s", { task: "script" }));
  expect(codeOf(() => world.comment("s"))).toBe("not_supported");
  expect(codeOf(() => world.comment("none"))).toBe("not_found");
  for (let n = 0; n < MOST_OPEN_COMMENTS; n += 1) world.comment("a");
  expect(codeOf(() => world.comment("a"))).toBe("too_many_comments");
});

test("a full queue takes no comment that would begin a generation, but lets a running job go on with its own", () => {
  const world = new World({ maxWaiting: 1 });
  world.register("w");
  world.enqueue(newJob("a", AGENT));
  const lease = world.start("w");
  world.comment("a");
  world.enqueue(newJob("b", AGENT));
  world.finish(lease, SUCCESS);
  expect(world.status("a")).toBe("queued");
  world.do({ type: "cancel", jobId: "a", by: "ann", reason: "" });
  expect(codeOf(() => world.comment("a"))).toBe("queue_full");
});

test("comments and how far they got survive a restart", () => {
  const world = agentWorld();
  world.comment("a");
  const lease = world.start("w");
  world.comment("a");
  world.restart();
  expect(world.state.jobs.get("a")?.comments).toEqual({ count: 2, given: 1, done: 0 });
  world.finish(lease, SUCCESS);
  expect(world.job("a")).toMatchObject({ generation: 2, comments: { count: 2, given: 1, done: 1 } });
});

const SESSION: SessionRef = { fence: 1, artifact: "s", agent: "demo", sessionId: "one", totals: null };

test("the next attempt gets the session that was kept last; an end that kept none drops it, and no word keeps it", () => {
  const world = agentWorld();
  world.finish(world.start("w"), { end: "succeeded", result: { ...RESULT, session: SESSION } });
  world.comment("a");
  expect(world.job("a").run?.session).toEqual(SESSION);
  world.finish(world.start("w"), { end: "returned", message: "" });
  expect(world.job("a").run?.session).toEqual(SESSION);
  const error = { code: "agent_error", kind: "system", message: "" } as const;
  world.finish(world.start("w"), { end: "failed", error, result: { ...RESULT, session: null } });
  expect(world.job("a").run?.session).toBeNull();
});

test("a lease that only publishes leaves the session as it is", () => {
  const world = agentWorld({ approval: "publish" });
  const result = { ...RESULT, session: SESSION };
  world.finish(world.start("w"), { end: "awaits_approval", bundle: { sha256: "good", artifact: "b" }, result });
  world.do({ type: "approve", jobId: "a", by: "ann", sha256: "good" });
  world.finish(world.start("w"), SUCCESS);
  expect(world.job("a").run?.session).toEqual(SESSION);
});
