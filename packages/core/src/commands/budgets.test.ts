import { describe, expect, test } from "vitest";
import { newJob, SUCCESS, World } from "../queue.fixture.ts";
import { account, CALL, gatewayOf, NOTHING, working } from "./gateway.fixture.ts";

describe("counting", () => {
  test("calls add up, and each counts once", () => {
    const { settle, used, money } = working();
    expect([settle("1", 250), settle("1", 250), settle("2", 250)]).toEqual([true, false, true]);
    expect(used()).toMatchObject({ calls: 2, inputTokens: 20, cacheWriteTokens: 6, costUsd: 5e-7 });
    expect(money()).toEqual([500, 0]);
  });

  test("what a call came to takes the place of what was set aside for it", () => {
    const { reserve, settle, money } = working();
    expect(reserve("1", 900)).toEqual({ admitted: true });
    expect(money()).toEqual([0, 900]);
    settle("1", 250);
    expect(money()).toEqual([250, 0]);
  });

  test("the same call asked for twice is set aside once, and one that is settled never again", () => {
    const { reserve, settle, money } = working();
    expect([reserve("1", 900), reserve("1", 900)]).toEqual([{ admitted: true }, { admitted: true }]);
    expect(money()).toEqual([0, 900]);
    settle("1", 250);
    expect(reserve("1", 900)).toEqual({ admitted: true });
    expect(money()).toEqual([250, 0]);
  });

  test("a call that was cut off keeps what was set aside as its cost, and says so", () => {
    const { reserve, settle, money, used } = working();
    reserve("1", 900);
    settle("1", 20, { final: false });
    expect(money()).toEqual([900, 0]);
    expect(used()).toMatchObject({ calls: 1, inputTokens: 10, costUsd: 9e-7, uncertainCalls: 1 });
  });

  test("a call the provider did nothing for is given back", () => {
    const { reserve, settle, money, used, world } = working([account({ turns: 1 })]);
    reserve("1", 900);
    expect(settle("1", 0, { usage: NOTHING })).toBe(true);
    expect(money()).toEqual([0, 0]);
    expect(used()).toBeNull();
    expect(reserve("2", 900)).toEqual({ admitted: true });
    expect(world.store.get("accounts/job/a/1")).toMatchObject({ turns: 1 });
  });

  test("a price that is not known is never 0: it counts in the account and is missing in what is said of the cost", () => {
    const { settle, used, money } = working();
    settle("1", null);
    expect(used()).toMatchObject({ calls: 1, costUsd: null, unpricedCalls: 1 });
    settle("2", 500);
    settle("3", null);
    expect(used()).toMatchObject({ calls: 3, inputTokens: 30, costUsd: 5e-7, unpricedCalls: 2 });
    expect(money()).toEqual([2_500, 0]);
  });

  test("the bill of a call cut off by the end of the lease still counts, one of a lease never granted does not", () => {
    const { world, lease, reserve, settle, money } = working();
    reserve("1", 900);
    world.finish(lease, SUCCESS);
    expect(settle("1", 250)).toBe(true);
    expect(money()).toEqual([250, 0]);
    expect(() => gatewayOf(world, { jobId: "a", fence: 2 }, []).settle("2", 1)).toThrow(
      expect.objectContaining({ code: "lease_lost" }),
    );
    expect(() => gatewayOf(world, { jobId: "x", fence: 1 }, []).settle("2", 1)).toThrow(
      expect.objectContaining({ code: "not_found" }),
    );
  });

  test("a call whose bill never came counts at its worst in what the job used, and in the result", () => {
    const { world, lease, reserve, settle, used } = working();
    reserve("1", 900);
    settle("1", 250);
    reserve("2", 700);
    expect(used()).toMatchObject({ calls: 1, costUsd: 2.5e-7, uncertainCalls: 0 });
    world.finish(lease, SUCCESS);
    expect(used(true)).toMatchObject({ calls: 2, costUsd: 9.5e-7, uncertainCalls: 1 });
    expect(world.last("a").data).toMatchObject({ result: { usage: { calls: 2, uncertainCalls: 1 } } });
  });

  test("what an older version counted goes on, in dollars", () => {
    const { world, settle, used } = working();
    const old = { jobId: "a", calls: 1, ...CALL, costUsd: 0.25, recent: ["0"] };
    world.store.set("usage/a", old);
    settle("1", 500_000_000);
    expect([settle("0", 1), used()]).toMatchObject([false, { calls: 2, inputTokens: 20, costUsd: 0.75 }]);
  });
});

describe("limits", () => {
  test("a call that its worst would take over the limit is refused, and the attempt is told to stop", () => {
    const { world, lease, reserve, settle, money } = working([account({ usd: 1e-6 })]);
    reserve("1", 600);
    settle("1", 500);
    const message =
      "the job's budget of $0.0000010 is used up: $0.00000050 are spent, and the next call may cost $0.00000060; a retry begins with a new one";
    expect(reserve("2", 600)).toEqual({ admitted: false, code: "budget_exceeded", message });
    expect(money()).toEqual([500, 0]);
    const stop = { code: "budget_exceeded", message };
    expect(world.job("a").run?.stop).toEqual({ ...stop, at: world.wall, until: null });
    expect(world.beat(lease).stop).toEqual(stop);
    expect(world.effects.at(-1)).toMatchObject({ type: "signal", workerId: "w", signal: "stop", jobId: "a", fence: 1 });
    expect(world.last("a")).toMatchObject({ type: "job.stop_requested", data: { ...stop, fence: 1 } });
  });

  test("what is set aside for calls under way counts: two at once cannot both take the rest", () => {
    const { reserve } = working([account({ usd: 1e-6 })]);
    expect([reserve("1", 600).admitted, reserve("2", 600).admitted]).toEqual([true, false]);
  });

  test("after a refusal the attempt gets no call at all, however small, and the calls it has go on", () => {
    const { reserve, settle, money } = working([account({ usd: 1e-6 })]);
    reserve("1", 600);
    reserve("2", 600);
    expect(reserve("3", 1)).toMatchObject({ admitted: false, code: "budget_exceeded" });
    expect(reserve("1", 600)).toEqual({ admitted: true });
    settle("1", 600);
    expect(money()).toEqual([600, 0]);
  });

  test("a call that can wait is not refused while only calls under way stand in its way, and nobody is told to stop", () => {
    const accounts = [account({ usd: 1e-6 })];
    const { world, lease, reserve, settle } = working(accounts);
    reserve("1", 600);
    const ask = (callId: string, nano: number) =>
      world.do({
        ...{ type: "reserve", lease, callId, accounts, patient: true },
        worst: { cost: { nano, known: true }, tokens: 1 },
      });
    expect(ask("2", 600)).toMatchObject({ admitted: false, code: "busy" });
    expect(world.beat(lease).stop).toBeNull();
    settle("1", 300);
    expect(ask("2", 600)).toEqual({ admitted: true });
    settle("2", 600);
    expect(ask("3", 101)).toMatchObject({ admitted: false, code: "budget_exceeded" });
  });

  test("tokens and model calls are limits too", () => {
    const byTokens = working([account({ tokens: 150 })]);
    expect([byTokens.reserve("1", 0).admitted, byTokens.reserve("2", 0)]).toMatchObject([
      true,
      {
        message:
          "the job's budget of 150 tokens is used up: 0 are spent, 100 are set aside for calls under way, and the next call may take 100; a retry begins with a new one",
      },
    ]);
    const byTurns = working([account({ turns: 1 })]);
    expect([byTurns.reserve("1", 0).admitted, byTurns.reserve("2", 0)]).toMatchObject([
      true,
      { message: "the job's budget of 1 model calls is used up; a retry begins with a new one" },
    ]);
  });

  test("0 dollars let models through that cost nothing, and no other", () => {
    const { reserve } = working([account({ usd: 0 })]);
    expect([reserve("1", 0).admitted, reserve("2", 1).admitted]).toEqual([true, false]);
  });

  test("a call that one of its accounts cannot pay is set aside in none", () => {
    const day = account({ usd: 1e-7 }, { id: "day/2023-11-14", kind: "day" });
    const { reserve, money, world } = working([account({}), day]);
    expect(reserve("1", 600)).toMatchObject({
      message:
        "the server's budget of the day of $0.00000010 does not cover this call, which may cost $0.00000060; raise it",
    });
    expect([money(), money(day.id), world.store.get("usage/a")]).toEqual([null, null, undefined]);
  });

  test("a day whose budget is used up parks the job until midnight UTC, and a retry is not needed", () => {
    const day = account({ usd: 1e-6 }, { id: "day/2023-11-14", kind: "day" });
    const { reserve, settle, world, lease } = working([account({}), day]);
    reserve("1", 600);
    settle("1", 600);
    expect(reserve("2", 600)).toMatchObject({ admitted: false, code: "budget_exceeded" });
    expect(world.beat(lease).stop).toMatchObject({ code: "budget_exceeded" });
    const error = { code: "budget_exceeded", kind: "work", message: "stopped" } as const;
    world.finish(lease, { end: "failed", error, result: null });
    const parked = world.job("a");
    expect(parked).toMatchObject({ status: "scheduled", reason: "budget", runAt: Date.parse("2023-11-15T00:00:00Z") });
    expect(parked.run).toMatchObject({ failures: 0, stop: null });
  });

  test("a call that no whole day could pay fails the job instead of waiting for days", () => {
    const { reserve, settle, world, lease } = working([account({ usd: 1e-6 }, { id: "day/2023-11-14", kind: "day" })]);
    reserve("1", 600);
    settle("1", 600);
    reserve("2", 1_001);
    world.finish(lease, { end: "canceled", result: null });
    expect(world.job("a")).toMatchObject({ status: "failed", reason: "budget_exceeded" });
  });

  test("a refusal says when a price is not known, and what to do about it", () => {
    const { reserve } = working([account({ usd: 1e-7 })]);
    expect(reserve("1", null)).toMatchObject({
      message: expect.stringContaining("write it under prices in hive.yaml"),
    });
  });

  test("a limit that was raised counts from the next call on", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    const lease = world.start("w");
    gatewayOf(world, lease, [account({ usd: 5e-7 })]).reserve("1", 500);
    expect(gatewayOf(world, lease, [account({ usd: 1e-6 })]).reserve("2", 500)).toEqual({ admitted: true });
  });

  test("a call is told of once most of a limit is used", () => {
    const { world, reserve, settle } = working([account({ usd: 1e-6, turns: 100 })]);
    reserve("1", 900);
    settle("1", 790);
    expect(world.story("a")).not.toContain("job.budget");
    settle("2", 10);
    settle("3", 10);
    const told = world.events.filter(({ type }) => type === "job.budget");
    expect(told.map(({ data }) => data)).toMatchObject([
      { account: "job", name: null, dimension: "usd", used: 8e-7, limit: 1e-6 },
    ]);
  });
});

test("a bill that comes after the job's end is counted, and nothing is told of a job that is over", () => {
  const { world, lease, reserve, settle, money } = working([account({ usd: 1e-6 })]);
  reserve("1", 900);
  world.finish(lease, SUCCESS);
  settle("1", 900);
  expect(money()).toEqual([900, 0]);
  expect(world.story("a").at(-1)).toBe("job.succeeded");
});
