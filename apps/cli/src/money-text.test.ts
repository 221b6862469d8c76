import type { JobDetail } from "@hive/sdk";
import { expect, test } from "vitest";
import { budgetText, costText, dayTable, parseBudget } from "./money-text.ts";

const USAGE = { calls: 3, inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0.4211 };
const NONE = { usd: null, tokens: null, minutes: null, turns: null };
const ACCOUNT: NonNullable<JobDetail["budget"]> = {
  limit: { ...NONE, usd: 5 },
  spent: { usd: 0.0123, tokens: 1_200, minutes: 3.5, turns: 4 },
  reserved: { usd: 0, tokens: 0 },
};

test("a cost says what it leaves out and what it only supposes", () => {
  expect(costText(USAGE)).toBe("$0.42");
  expect(costText({ ...USAGE, unpricedCalls: 2 })).toBe("$0.42 (without 2 calls whose price is not known)");
  expect(costText({ ...USAGE, costUsd: null, unpricedCalls: 3, uncertainCalls: 1 })).toBe(
    "not known (without 3 calls whose price is not known, with 1 calls at the most they can have cost)",
  );
});

test("a budget shows each of its limits, and nothing where there is none", () => {
  expect(budgetText(ACCOUNT)).toBe("$0.012 of $5.00");
  const limit = { usd: 5, tokens: 9_000, minutes: 30, turns: 40 };
  expect(budgetText({ ...ACCOUNT, limit, reserved: { usd: 0.3, tokens: 10 } })).toBe(
    "$0.012 of $5.00, 1200 of 9000 tokens, 4 of 40 model calls, 3.5 of 30 minutes ($0.30 set aside for calls under way)",
  );
  expect(budgetText({ ...ACCOUNT, limit: NONE })).toBeNull();
});

test("the budgets of a day are a table of all jobs, of each project and of each source", () => {
  const day = { ...ACCOUNT, unpricedCalls: 0, uncertainCalls: 0 };
  const project = { ...day, match: "github.com/acme/**", limit: NONE };
  expect(
    dayTable({
      day: "2026-11-23",
      server: day,
      projects: [project],
      sources: [{ ...day, source: "prod-alerts" }],
    }).split("\n"),
  ).toEqual([
    "DAY 2026-11-23 (UTC)  SPENT   SET ASIDE  LIMIT  TOKENS  CALLS",
    "all jobs              $0.012  $0.00      $5.00  1200    4",
    "github.com/acme/**    $0.012  $0.00      none   1200    4",
    "source prod-alerts    $0.012  $0.00      $5.00  1200    4",
  ]);
});

test("limits are typed by kind, and what is no limit is refused", () => {
  expect(parseBudget("usd=2.5, turns=40")).toEqual({ usd: 2.5, turns: 40 });
  for (const text of ["", "5", "eur=1", "usd", "usd=", "usd=-1", "usd=1=2x", "usd=1,,"]) {
    expect(() => parseBudget(text)).toThrow("is no limit");
  }
});
