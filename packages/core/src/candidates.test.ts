import { describe, expect, test } from "vitest";
import type { NewJob, Outcome } from "./command.ts";
import type { JobResult } from "./job.ts";
import { nextDeadline } from "./state.ts";
import { RESULT, World, failure, newJob } from "./queue.fixture.ts";

const START = { base: "b".repeat(40), commit: "b".repeat(40) };

/** A job `a` with candidates, as the edge hands it in. */
function family(count: number, what: Partial<NewJob> = {}, choose: "rule" | "person" = "rule"): NewJob[] {
  const same = { task: "agent", script: null, instructions: "do it", agent: "demo", ...what } as const;
  return [
    newJob("a", { ...same, agent: null, candidates: { count, choose } }),
    ...Array.from({ length: count }, (_, n) => newJob(`a.${n + 1}`, { ...same, parent: "a" })),
  ];
}

/** A success with a diff of so many lines. */
function made(n: number, lines: number, what: Partial<JobResult> = {}): Outcome {
  const diffStat = { files: 1, insertions: lines, deletions: 0 };
  return {
    end: "succeeded",
    result: { ...RESULT, branch: `hive/a.${n}`, commit: String(n).repeat(40), diffStat, ...what },
  };
}

/** A world with workers `w1` … and a job `a` with as many candidates, all of them begun. */
function begun(count: number, what: Partial<NewJob> = {}, choose: "rule" | "person" = "rule") {
  const world = new World();
  for (let n = 1; n <= count; n += 1) world.register(`w${n}`);
  world.enqueue(...family(count, what, choose));
  const leases = Array.from({ length: count }, (_, n) => world.start(`w${n + 1}`));
  const end = (n: number, outcome: Outcome): void => {
    const lease = leases.find(({ jobId }) => jobId === `a.${n}`);
    if (lease === undefined) throw new Error(`no candidate ${n}`);
    world.finish(lease, outcome);
  };
  return { world, leases, end };
}

describe("waiting for candidates", () => {
  test("the parent waits for all of them, is told of each, and the next sweep sends the best to be published", () => {
    const { world, end } = begun(3);
    expect(world.status("a")).toBe("blocked");
    end(1, made(1, 40));
    end(2, failure("work", "verify_failed"));
    expect(world.last("a")).toMatchObject({
      type: "job.progress",
      data: { phase: "candidates", message: "candidate a.2 failed; waiting for 1 more" },
    });
    world.pass(1);
    expect(world.status("a")).toBe("blocked");
    end(3, made(3, 12));
    world.pass(1);
    expect(world.job("a")).toMatchObject({ status: "queued", agent: "demo", candidates: { chosen: 3 } });
    expect(world.job("a").candidates?.why).toBe(
      "2 of 3 candidates ended well; its diff is the smaller one (12 lines, the next 40)",
    );
    expect(world.events.find(({ type }) => type === "job.chosen")).toMatchObject({
      jobId: "a",
      data: { candidate: 3, candidateId: "a.3", by: "rule" },
    });
  });

  test("the lease it is given then is one that publishes, and its success makes it a job like any other", () => {
    const { world, end } = begun(2);
    end(1, made(1, 1));
    end(2, made(2, 2));
    world.pass(1);
    const lease = world.start("w1");
    expect(lease).toMatchObject({ jobId: "a", fence: 1 });
    expect(world.job("a").run?.lease?.purpose).toBe("publish");
    world.finish(lease, { end: "succeeded", result: RESULT });
    expect(world.job("a")).toMatchObject({ status: "succeeded", candidates: { chosen: 1, published: true } });
    world.do({
      type: "comment",
      jobId: "a",
      by: "me",
      text: "more",
      feedback: false,
      secrets: {},
      idempotency: null,
    });
    world.start("w1");
    expect(world.job("a").run?.lease?.purpose).toBe("work");
  });

  test("a publishing lease that is lost or fails for the system's sake is given again; the choice stays", () => {
    const { world, end } = begun(2);
    end(1, made(1, 1));
    end(2, made(2, 2));
    world.pass(1);
    world.finish(world.start("w1"), failure("system"));
    world.pass(60_000);
    const lease = world.start("w2");
    expect(world.job(lease.jobId)).toMatchObject({ id: "a", candidates: { chosen: 1 } });
    expect(world.job("a").run?.lease?.purpose).toBe("publish");
    world.finish(lease, failure("work", "pr_refused"));
    expect(world.status("a")).toBe("failed: pr_refused");
    world.do({ type: "retry", jobId: "a", by: "me" });
    expect(world.status("a.1")).toBe("succeeded");
    expect(world.start("w1").jobId).toBe("a");
    expect(world.job("a").run?.lease?.purpose).toBe("publish");
  });

  test("what it waits for is found again after a restart, also when the last of them ended just before", () => {
    const { world, end } = begun(2);
    end(1, made(1, 1));
    world.restart();
    end(2, made(2, 2));
    expect(world.status("a")).toBe("blocked");
    world.restart();
    expect(world.state.undecided).toEqual(new Set(["a"]));
    expect(nextDeadline(world.state).mono).toBe(0);
    world.pass(1);
    expect(world.status("a")).toBe("queued");
    expect(world.state.undecided.size).toBe(0);
  });

  test("they wait for what their parent waits for, and end with it when that is in vain", () => {
    const world = new World();
    world.enqueue(newJob("first"), ...family(2, { dependsOn: ["first"] }));
    expect(world.status("a.1")).toBe("blocked");
    expect(world.job("a").waitsFor).toEqual(["first", "a.1", "a.2"]);
    world.do({ type: "cancel", jobId: "first", by: "me", reason: "no" });
    expect(["a", "a.1", "a.2"].map((id) => world.status(id))).toEqual(Array(3).fill("canceled: dependency_failed"));
    world.enqueue(...family(2, { dependsOn: ["first"] }).map((job) => ({ ...job, id: job.id.replace("a", "b") })));
    expect(world.status("b")).toBe("canceled: dependency_failed");
  });

  test("candidates that are there already are the same ones; another job's id is not taken for one", () => {
    const world = new World();
    world.enqueue(...family(2));
    expect(world.enqueue(...family(2)).map(({ existing }) => existing)).toEqual([true, true, true]);
    const other = new World();
    other.enqueue(newJob("a.2", { bodyHash: "another" }));
    expect(() => other.enqueue(...family(2))).toThrow(expect.objectContaining({ code: "id_conflict" }));
    expect(other.state.jobs.has("a")).toBe(false);
  });
});

describe("the rule", () => {
  const usage = (callId: string, lease: { jobId: string; fence: number }, nano: number) =>
    ({
      type: "usage",
      lease,
      callId,
      usage: { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 },
      cost: { nano, known: true },
      final: true,
      accounts: [],
    }) as const;

  test("with equal diffs the cheaper one is taken, and one whose cost is not known goes last", () => {
    const { world, leases, end } = begun(3);
    const [first, second] = leases;
    if (first === undefined || second === undefined) throw new Error("no leases");
    world.do(usage("c1", first, 2_000_000_000));
    world.do(usage("c2", second, 1_500_000_000));
    for (const n of [1, 2, 3]) end(n, made(n, 5));
    world.pass(1);
    expect(world.job("a").candidates).toMatchObject({ chosen: 2 });
    expect(world.job("a").candidates?.why).toContain("it cost less (1.5 USD, the next 2 USD)");
  });

  test("with equal diffs and costs the faster one is taken, and of equals the first", () => {
    const { world, end } = begun(2);
    end(2, made(2, 5));
    world.pass(2_000);
    end(1, made(1, 5));
    world.pass(1);
    expect(world.job("a").candidates).toMatchObject({ chosen: 2 });
    const equal = begun(2);
    equal.end(2, made(2, 5));
    equal.end(1, made(1, 5));
    equal.world.pass(1);
    expect(equal.world.job("a").candidates).toMatchObject({
      chosen: 1,
      why: "2 of 2 candidates ended well; it is the first of equals",
    });
  });

  test("one that changed something goes before one that found nothing to do, which is taken when no other is left", () => {
    const idle = { commit: null, branch: null, noChanges: true };
    const { world, end } = begun(2);
    end(1, made(1, 0, idle));
    end(2, made(2, 500));
    world.pass(1);
    expect(world.job("a").candidates).toMatchObject({ chosen: 2 });
    const none = begun(2);
    none.end(1, made(1, 0, idle));
    none.end(2, failure("work"));
    none.world.pass(1);
    expect(none.world.job("a")).toMatchObject({ status: "queued", candidates: { chosen: 1 } });
  });

  test("where none ended well the job fails and says how each of them ended", () => {
    const { world, end } = begun(2);
    const red: JobResult = { ...RESULT, branch: "hive/a.1", commit: "1".repeat(40) };
    end(1, { end: "failed", error: { code: "verify_failed", kind: "work", message: "red" }, result: red });
    world.do({ type: "cancel", jobId: "a.2", by: "me", reason: "enough" });
    end(2, { end: "canceled", result: null });
    world.pass(1);
    expect(world.status("a")).toBe("failed: candidates_failed");
    const message =
      "none of the 2 candidates will do: 1 failed (verify_failed), pushed hive/a.1; 2 canceled (requested)";
    expect(world.last("a").data["error"]).toEqual({ code: "candidates_failed", kind: "work", message });
    expect(world.job("a").candidates).toMatchObject({ chosen: null, why: message });
  });
});

describe("a person's choice", () => {
  test("the job is held until one is named; one that is red may be taken, one that left nothing may not", () => {
    const { world, end } = begun(3, {}, "person");
    end(1, made(1, 40));
    const red: JobResult = { ...RESULT, branch: "hive/a.2", commit: "2".repeat(40) };
    end(2, { end: "failed", error: { code: "verify_failed", kind: "work", message: "red" }, result: red });
    const stuck = { code: "agent_stuck", kind: "work", message: "stuck" } as const;
    end(3, { end: "failed", error: stuck, result: { ...RESULT, branch: null, commit: null, noChanges: true } });
    world.pass(1);
    expect(world.status("a")).toBe("held: choice");
    expect(world.last("a").data["candidates"]).toEqual([1, 2]);
    const choose = (candidate: number) => world.do({ type: "choose", jobId: "a", candidate, by: "me" });
    expect(() => choose(3)).toThrow(expect.objectContaining({ code: "wrong_status" }));
    expect(() => choose(4)).toThrow(expect.objectContaining({ code: "not_found" }));
    expect(() => world.do({ type: "approve", jobId: "a", by: "me", sha256: null })).toThrow(/choose/);
    expect(choose(2)).toEqual({ status: "queued" });
    expect(world.job("a")).toMatchObject({ hold: null, candidates: { chosen: 2, why: "a person chose it (me)" } });
    expect(choose(2)).toEqual({ status: "queued" });
    expect(() => choose(1)).toThrow(expect.objectContaining({ code: "wrong_status" }));
  });

  test("before all are over nothing can be chosen, and a job without candidates has none", () => {
    const { world, end } = begun(2, {}, "person");
    end(1, made(1, 1));
    const wrong = expect.objectContaining({ code: "wrong_status" });
    expect(() => world.do({ type: "choose", jobId: "a", candidate: 1, by: "me" })).toThrow(wrong);
    const missing = expect.objectContaining({ code: "not_found" });
    expect(() => world.do({ type: "choose", jobId: "a.1", candidate: 1, by: "me" })).toThrow(missing);
  });

  test("where nothing was pushed nobody is asked", () => {
    const { world, end } = begun(2, {}, "person");
    end(1, failure("work"));
    end(2, failure("work"));
    world.pass(1);
    expect(world.status("a")).toBe("failed: candidates_failed");
  });

  test("a job whose candidates the rule all refused can be saved by a person, in a new generation", () => {
    const { world, end } = begun(2);
    const red: JobResult = { ...RESULT, branch: "hive/a.1", commit: "1".repeat(40) };
    end(1, { end: "failed", error: { code: "verify_failed", kind: "work", message: "red" }, result: red });
    end(2, failure("work"));
    world.pass(1);
    expect(world.do({ type: "choose", jobId: "a", candidate: 1, by: "me" })).toEqual({ status: "queued" });
    expect(world.job("a")).toMatchObject({ generation: 2, candidates: { chosen: 1 } });
    expect(world.start("w1").jobId).toBe("a");
  });

  test("a choice that was rejected is asked for again by a retry, and the candidates are not paid for twice", () => {
    const { world, end } = begun(2, {}, "person");
    end(1, made(1, 1));
    end(2, failure("work"));
    world.pass(1);
    world.do({ type: "reject", jobId: "a", by: "me", reason: "neither" });
    expect(world.status("a")).toBe("canceled: rejected");
    world.do({ type: "retry", jobId: "a", by: "me" });
    expect(world.status("a")).toBe("held: choice");
    expect(world.status("a.2")).toBe("failed: broken");
  });
});

describe("cancel, retry and approval of a job with candidates", () => {
  test("a cancel takes its candidates with it: waiting ones at once, running ones through their workers", () => {
    const world = new World();
    world.register("w");
    world.enqueue(...family(2));
    const lease = world.start("w");
    const { effects } = world.apply({ type: "cancel", jobId: "a", by: "me", reason: "no" });
    expect(["a", "a.1", "a.2"].map((id) => world.status(id))).toEqual([
      "canceled: requested",
      "running",
      "canceled: requested",
    ]);
    expect(effects).toContainEqual(expect.objectContaining({ type: "signal", signal: "cancel", jobId: "a.1" }));
    expect(() => world.do({ type: "retry", jobId: "a", by: "me" })).toThrow(/still running/);
    world.finish(lease, { end: "canceled", result: null });
    expect(world.do({ type: "retry", jobId: "a", by: "me" })).toEqual({ status: "blocked", generation: 2 });
    expect(world.job("a.1")).toMatchObject({ status: "queued", generation: 2 });
  });

  test("a retry tries those again that did not succeed, and keeps the start for the others", () => {
    const { world, leases, end } = begun(2);
    for (const lease of leases) world.do({ type: "agreeStart", lease, start: START });
    end(1, made(1, 1));
    world.do({ type: "cancel", jobId: "a", by: "me", reason: "no" });
    end(2, { end: "canceled", result: null });
    world.do({ type: "retry", jobId: "a", by: "me" });
    expect(world.status("a.1")).toBe("succeeded");
    expect(world.job("a")).toMatchObject({ status: "blocked", waitsFor: ["a.2"], candidates: { start: START } });
    world.finish(world.start("w2"), made(2, 9));
    world.pass(1);
    expect(world.job("a").candidates).toMatchObject({ chosen: 1 });
  });

  test("where all failed a retry starts all of them anew, wherever the base is by then", () => {
    const { world, leases, end } = begun(2);
    for (const lease of leases) world.do({ type: "agreeStart", lease, start: START });
    end(1, failure("work"));
    end(2, failure("work"));
    world.pass(1);
    world.do({ type: "retry", jobId: "a", by: "me" });
    expect(world.job("a")).toMatchObject({ status: "blocked", waitsFor: ["a.1", "a.2"], candidates: { start: null } });
    expect(world.job("a").candidates?.why).toBeNull();
  });

  test("a candidate is retried and talked to through its parent only", () => {
    const { world, end } = begun(2);
    end(1, failure("work"));
    expect(() => world.do({ type: "retry", jobId: "a.1", by: "me" })).toThrow(/candidate of a/);
    const words = { by: "me", text: "hi", feedback: false, secrets: {}, idempotency: null } as const;
    expect(() => world.do({ type: "comment", jobId: "a.1", ...words })).toThrow(/candidate of a/);
    expect(() => world.do({ type: "comment", jobId: "a", ...words })).toThrow(/no candidate of job a is published/);
  });

  test("one approval starts all of them, one rejection ends them", () => {
    const world = new World();
    world.enqueue(...family(2, { approval: "start" }));
    expect(world.status("a.2")).toBe("held: approval");
    expect(world.do({ type: "approve", jobId: "a", by: "me", sha256: null })).toEqual({ status: "blocked" });
    expect(["a.1", "a.2"].map((id) => world.status(id))).toEqual(["queued", "queued"]);
    const other = new World();
    other.enqueue(...family(2, { approval: "start" }));
    other.do({ type: "reject", jobId: "a", by: "me", reason: "no" });
    expect(["a.1", "a.2"].map((id) => other.status(id))).toEqual(["canceled: requested", "canceled: requested"]);
  });
});

describe("where candidates start", () => {
  test("the first that is prepared decides for all, also after a restart", () => {
    const { world, leases } = begun(2);
    const [first, second] = leases;
    if (first === undefined || second === undefined) throw new Error("no leases");
    expect(world.do({ type: "agreeStart", lease: first, start: START })).toEqual({ start: START });
    world.restart();
    const moved = { base: "d".repeat(40), commit: "d".repeat(40) };
    expect(world.do({ type: "agreeStart", lease: second, start: moved })).toEqual({ start: START });
    expect(world.job("a").candidates).toMatchObject({ start: START });
  });

  test("an old lease decides nothing, and a job that is nobody's candidate starts where it says", () => {
    const { world, leases, end } = begun(2);
    const [first] = leases;
    if (first === undefined) throw new Error("no leases");
    end(1, failure("work"));
    const lost = expect.objectContaining({ code: "lease_lost" });
    expect(() => world.do({ type: "agreeStart", lease: first, start: START })).toThrow(lost);
    expect(world.job("a").candidates).toMatchObject({ start: null });
    world.enqueue(newJob("alone"));
    const lease = world.start("w1");
    expect(world.do({ type: "agreeStart", lease, start: START })).toEqual({ start: START });
  });
});
