/** Budgets over HTTP: what the gateway asks before a call and tells after it, and what the owner sees. */

import type { JobDetail } from "@hive/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createBudgetPolicy } from "../budgets/budget-policy.ts";
import { repoRulesSchema } from "../credentials/repo-rules.ts";
import { createPriceBook } from "../prices/price-book.ts";
import { type Attempt, beginJob, claimJob, codeOf, enqueueJob, failedFinish } from "./attempts.fixture.ts";
import { GATEWAY, OWNER, startServer, type TestServer } from "./server.fixture.ts";

const NOON = Date.UTC(2026, 10, 23, 12);
const MODEL = "test-model";

let world: TestServer;
let wall = NOON;
beforeEach(async () => {
  wall = NOON;
  const repos = repoRulesSchema.parse([
    { match: "github.com/acme/paid", budget: { job: { usd: 2, turns: 3 }, day: { usd: 3 } } },
  ]);
  const budgets = createBudgetPolicy({ job: {}, day: { usd: 10 } }, repos);
  world = await startServer({
    change: (parts) => ({
      ...parts,
      clock: { ...parts.clock, wall: () => wall },
      budgets,
      prices: createPriceBook({ [MODEL]: { input: 1, output: 10, cacheRead: 0.1 } }, () => wall),
      policy: {
        ...parts.policy,
        budgetFor: (repo, own) => budgets.jobLimits(`${repo.host}/${repo.path}`, own),
      },
    }),
  });
});
afterEach(() => world.close());

let calls = 0;
const newCall = () => `call-${(calls += 1)}`;

/** Asks for a call that may write this many million tokens, at 10 dollars each. */
function admit(attempt: Attempt, callId: string, millions: number, more: object = {}): Promise<Response> {
  const worst = { inputTokens: 0, outputTokens: millions * 1_000_000, webSearches: 0 };
  const json = { token: attempt.lease.llmToken, callId, provider: "openai", model: MODEL, worst, ...more };
  return world.send("POST", "/v1/gateway/admit", { token: GATEWAY, json });
}

async function settle(attempt: Attempt, callId: string, millions: number, more: object = {}): Promise<boolean> {
  const json = {
    ...{ jobId: attempt.jobId, fence: 1, callId, provider: "openai", model: MODEL },
    ...{ inputTokens: 0, outputTokens: millions * 1_000_000, cacheReadTokens: 0, cacheWriteTokens: 0 },
    ...{ cacheWrite1hTokens: 0, webSearches: 0, final: true },
    ...more,
  };
  const response = await world.send("POST", "/v1/gateway/usage", { token: GATEWAY, json });
  return ((await response.json()) as { readonly counted: boolean }).counted;
}

async function jobOf({ jobId }: { readonly jobId: string }): Promise<JobDetail> {
  return (await (await world.send("GET", `/v1/jobs/${jobId}`)).json()) as JobDetail;
}

const spentOf = async (attempt: Attempt) => (await jobOf(attempt)).budget;

describe("a call", () => {
  it("is admitted with the lease it is for, and its worst is set aside until it is settled", async () => {
    const attempt = await beginJob(world);
    const call = newCall();
    const admitted = await admit(attempt, call, 0.1);
    const { jobId } = attempt;
    expect([admitted.status, await admitted.json()]).toMatchObject([200, { jobId, fence: 1 }]);
    expect(await spentOf(attempt)).toEqual({
      limit: { usd: 5, tokens: null, minutes: null, turns: null },
      spent: { usd: 0, tokens: 0, minutes: 0, turns: 1 },
      reserved: { usd: 1, tokens: 100_000 },
    });
    expect([await settle(attempt, call, 0.02), await settle(attempt, call, 0.02)]).toEqual([true, false]);
    expect(await jobOf(attempt)).toMatchObject({
      budget: { spent: { usd: 0.2, tokens: 20_000, turns: 1 }, reserved: { usd: 0, tokens: 0 } },
      usage: { calls: 1, outputTokens: 20_000, costUsd: 0.2, unpricedCalls: 0, uncertainCalls: 0 },
    });
  });

  it("of a model without a price counts in tokens, never as nothing, and says so", async () => {
    const attempt = await beginJob(world, { budget: { usd: 100 } });
    await settle(attempt, newCall(), 0.001, { model: "who-knows" });
    const { usage, budget } = await jobOf(attempt);
    expect(usage).toMatchObject({ calls: 1, outputTokens: 1_000, costUsd: null, unpricedCalls: 1 });
    expect(budget?.spent.usd).toBeGreaterThanOrEqual(0.05);
  });

  it("to the operator's own machine costs nothing, also where there is no money at all", async () => {
    const attempt = await beginJob(world, { budget: { usd: 0 } });
    const call = newCall();
    expect((await admit(attempt, call, 1, { provider: "local", model: "qwen" })).status).toBe(200);
    await settle(attempt, call, 0.5, { provider: "local", model: "qwen" });
    expect(await jobOf(attempt)).toMatchObject({
      usage: { calls: 1, outputTokens: 500_000, costUsd: 0, unpricedCalls: 0 },
      budget: { spent: { usd: 0, tokens: 500_000 } },
    });
    expect(await codeOf(await admit(attempt, newCall(), 0.001))).toBe("budget_exceeded");
  });

  it("that is free asks for the token alone", async () => {
    const attempt = await beginJob(world, { budget: { turns: 0 } });
    expect((await admit(attempt, newCall(), 9, { free: true })).status).toBe(200);
    expect(await spentOf(attempt)).toMatchObject({ spent: { turns: 0 }, reserved: { usd: 0 } });
  });

  it("is refused for a token that is for something else, and for a lease that is over", async () => {
    const attempt = await beginJob(world);
    for (const llmToken of [attempt.lease.token, attempt.lease.egressToken, OWNER, "x"]) {
      const lease = { ...attempt.lease, llmToken };
      expect((await admit({ ...attempt, lease }, newCall(), 0.1)).status).toBe(401);
    }
    await world.send("POST", "/v1/worker/finish", { token: attempt.lease.token, json: failedFinish(null) });
    expect(await codeOf(await admit(attempt, newCall(), 0.1))).toBe("lease_lost");
  });
});

describe("a budget that is used up", () => {
  it("refuses the next call with 402 and a reason, and the heartbeat says stop", async () => {
    const attempt = await beginJob(world, { budget: { usd: 1 } });
    const call = newCall();
    await admit(attempt, call, 0.09);
    await settle(attempt, call, 0.09);
    const refused = await admit(attempt, newCall(), 0.02);
    const message =
      "the job's budget of $1.00 is used up: $0.90 are spent, and the next call may cost $0.20; a retry begins with a new one";
    expect([refused.status, await refused.json()]).toMatchObject([402, { code: "budget_exceeded", detail: message }]);
    const beat = await world.send("POST", "/v1/worker/heartbeat", { token: attempt.lease.token, json: {} });
    expect(await beat.json()).toMatchObject({ cancel: null, stop: { code: "budget_exceeded", message } });
    await world.send("POST", "/v1/worker/finish", { token: attempt.lease.token, json: failedFinish(null) });
    expect(await jobOf(attempt)).toMatchObject({ status: "failed", reason: "budget_exceeded" });
  });

  it("is told on the worker's stream at once, and again when the stream is opened anew", async () => {
    const attempt = await beginJob(world, { budget: { usd: 0 } });
    const first = await signalsOf(attempt);
    expect((await admit(attempt, newCall(), 1)).status).toBe(402);
    expect(await first.next("stop")).toMatchObject({ signal: "stop", jobId: attempt.jobId, fence: 1 });
    const second = await signalsOf(attempt);
    expect(await second.next("stop")).toMatchObject({
      signal: "stop",
      reason: expect.stringContaining("does not cover this call"),
    });
  });

  it("is told of as an event when most of it is gone", async () => {
    const attempt = await beginJob(world, { budget: { usd: 1 } });
    await settle(attempt, newCall(), 0.085);
    const { events } = (await (await world.send("GET", `/v1/jobs/${attempt.jobId}/events`)).json()) as {
      events: { type: string; data: object }[];
    };
    expect(events.filter(({ type }) => type === "job.budget").map(({ data }) => data)).toMatchObject([
      { account: "job", dimension: "usd", used: 0.85, limit: 1 },
    ]);
  });
});

describe("budgets of a day", () => {
  const day = async (query = "") => (await (await world.send("GET", `/v1/budgets${query}`)).json()) as object;

  it("hold over all jobs, and begin anew the next day", async () => {
    const [one, two] = [await beginJob(world, { budget: { usd: 50 } }), await beginJob(world, { budget: { usd: 50 } })];
    const call = newCall();
    await admit(one, call, 0.7);
    await settle(one, call, 0.65);
    expect((await admit(two, newCall(), 0.3)).status).toBe(200);
    const refused = await admit(two, newCall(), 0.06);
    expect(await refused.json()).toMatchObject({
      detail:
        "the server's budget of the day of $10.00 is used up: $6.50 are spent, $3.00 are set aside for calls under way, and the next call may cost $0.60; it begins anew at midnight UTC",
    });
    expect(await day()).toMatchObject({
      day: "2026-11-23",
      server: { limit: { usd: 10 }, spent: { usd: 6.5, turns: 2 }, reserved: { usd: 3 } },
    });
    wall += 86_400_000;
    expect((await admit(one, newCall(), 0.9)).status).toBe(200);
    expect(await day()).toMatchObject({ day: "2026-11-24", server: { spent: { usd: 0 }, reserved: { usd: 9 } } });
    expect(await day("?day=2026-11-23")).toMatchObject({ day: "2026-11-23", server: { spent: { usd: 6.5 } } });
  });

  it("settle a call where it was set aside, although the day changed meanwhile", async () => {
    const attempt = await beginJob(world);
    const call = newCall();
    await admit(attempt, call, 0.2);
    wall += 86_400_000;
    await settle(attempt, call, 0.1);
    expect(await day("?day=2026-11-23")).toMatchObject({ server: { spent: { usd: 1 }, reserved: { usd: 0 } } });
    expect(await day()).toMatchObject({ server: { spent: { usd: 0 } } });
  });

  it("of a project hold for its jobs alone", async () => {
    const paid = { repo: "https://github.com/acme/paid" };
    const [one, two] = [await beginJob(world, paid), await beginJob(world, paid)];
    expect((await jobOf(one)).budget?.limit).toEqual({ usd: 2, tokens: null, minutes: null, turns: 3 });
    expect((await admit(one, newCall(), 0.2)).status).toBe(200);
    expect(await (await admit(two, newCall(), 0.15)).json()).toMatchObject({
      detail: expect.stringContaining("the budget of the day of github.com/acme/paid of $3.00 is used up"),
    });
    const other = await beginJob(world);
    expect((await admit(other, newCall(), 0.15)).status).toBe(200);
    expect(await day()).toMatchObject({
      projects: [{ match: "github.com/acme/paid", limit: { usd: 3 }, spent: { usd: 0 }, reserved: { usd: 2 } }],
    });
  });
});

it("candidates of one job spend one budget together, and each shows it", async () => {
  const json = { jobId: "best", repo: "https://github.com/acme/app", task: "agent", agent: "demo", instructions: "do" };
  await world.send("POST", "/enqueue", { json: { ...json, candidates: 2, budget: { usd: 1 } } });
  const attempts: Attempt[] = [];
  for (const name of ["bee-one", "bee-two"]) {
    const worker = await world.worker(name, ["demo"]);
    const lease = await claimJob(world, worker);
    await world.send("POST", "/v1/worker/heartbeat", { token: lease.token, json: {} });
    attempts.push({ jobId: lease.job.jobId, lease, worker });
  }
  const [one, two] = attempts;
  if (one === undefined || two === undefined) throw new Error("there are two candidates");
  const call = newCall();
  await admit(one, call, 0.08);
  await settle(one, call, 0.07);
  expect((await admit(two, newCall(), 0.05)).status).toBe(402);
  for (const jobId of [one.jobId, two.jobId, "best"]) {
    expect((await jobOf({ jobId })).budget).toMatchObject({ limit: { usd: 1 }, spent: { usd: 0.7 } });
  }
});

describe("what a job says of its budget", () => {
  it("comes before what hive.yaml says of its project and of the server, kind by kind", async () => {
    const jobId = await enqueueJob(world, {
      repo: "https://github.com/acme/paid",
      budget: { usd: 4, tokens: 1_000, minutes: 30 },
    });
    expect((await jobOf({ jobId })).budget?.limit).toEqual({ usd: 4, tokens: 1_000, minutes: 30, turns: 3 });
    const plain = await enqueueJob(world);
    expect((await jobOf({ jobId: plain })).budget?.limit).toEqual({ usd: 5, tokens: null, minutes: null, turns: null });
  });

  it("cuts the time its worker gets", async () => {
    const attempt = await beginJob(world, { budget: { minutes: 2 } });
    expect(attempt.lease.job.timeoutMs).toBe(120_000);
  });

  it.each([
    [{ usd: -1 }, "budget.usd"],
    [{ turns: 1.5 }, "budget.turns"],
    [{ minutes: 0 }, "budget.minutes"],
    [{ euros: 1 }, "budget"],
  ])("is refused when it is %o", async (budget, path) => {
    const json = { repo: "https://github.com/acme/app", task: "script", script: "true", budget };
    const response = await world.send("POST", "/enqueue", { json });
    expect([response.status, await response.json()]).toMatchObject([
      422,
      { code: "invalid_field", fields: [{ path: expect.stringContaining(path) }] },
    ]);
  });
});

describe("a call for which only calls under way leave no room", () => {
  /** The same server with patience. `after`: its timers. */
  async function patient(roomMs: number, after = world.parts.clock.after): Promise<void> {
    const { budgets, prices, clock } = world.parts;
    await world.close();
    world = await startServer({
      change: (fresh) => ({ ...fresh, clock: { ...clock, after }, budgets, prices, roomMs }),
    });
  }

  it("waits until one of them is settled, and is let through", async () => {
    // Without a clock only the bill of another call can wake it.
    await patient(60_000, () => () => {});
    const attempt = await beginJob(world, { budget: { usd: 1 } });
    const first = newCall();
    await admit(attempt, first, 0.09);
    const second = admit(attempt, newCall(), 0.09);
    await settle(attempt, newCall(), 0);
    await settle(attempt, first, 0.01);
    expect((await second).status).toBe(200);
    expect(await spentOf(attempt)).toMatchObject({ spent: { usd: 0.1 }, reserved: { usd: 0.9 } });
  });

  it("is refused when its patience ends, and stops the job only then", async () => {
    await patient(50);
    const attempt = await beginJob(world, { budget: { usd: 1 } });
    await admit(attempt, newCall(), 0.09);
    expect((await admit(attempt, newCall(), 0.09)).status).toBe(402);
    expect((await jobOf(attempt)).status).toBe("running");
    const beat = await world.send("POST", "/v1/worker/heartbeat", { token: attempt.lease.token, json: {} });
    expect(await beat.json()).toMatchObject({ stop: { code: "budget_exceeded" } });
  });
});

/** The worker's stream of signals. */
async function signalsOf({ worker }: Attempt): Promise<{ next(signal: string): Promise<object> }> {
  const response = await world.send("GET", "/v1/worker/signals", { token: worker });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    async next(signal) {
      for (;;) {
        const found = new RegExp(`event: ${signal}\\n(?:id: .*\\n)?data: (.*)\\n\\n`).exec(text);
        if (found?.[1] !== undefined) return JSON.parse(found[1]) as object;
        const more = await reader?.read();
        if (more === undefined || more.done) throw new Error(`the stream ended before ${signal}: ${text}`);
        text += more.value;
      }
    },
  };
}
