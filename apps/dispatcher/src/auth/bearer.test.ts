import { HiveError } from "@hive/core";
import { expect, test } from "vitest";
import { bearerToken, createTokenCheck, splitTokens } from "./bearer.ts";

const A = "a".repeat(32);
const B = "b".repeat(40);

test("every one of several tokens is taken while one is being replaced", () => {
  const check = createTokenCheck(splitTokens(` ${A}, ${B} ,`), "INTERNAL_API_TOKEN");
  expect([A, B, `${A}x`, A.slice(1), "", "b"].map((token) => check.matches(token))).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test("a server without a token, or with a short one, does not start", () => {
  expect(() => createTokenCheck([], "INTERNAL_API_TOKEN")).toThrow(/INTERNAL_API_TOKEN is empty/);
  expect(() => createTokenCheck([A, "short"], "INTERNAL_API_TOKEN")).toThrow(/shorter than 16/);
});

test("a token comes from the Authorization header and from nowhere else", () => {
  expect(bearerToken(`Bearer ${A}`, "")).toBe(A);
  expect(bearerToken(`bearer   ${A}`, "")).toBe(A);
  for (const header of [
    undefined,
    "",
    "Bearer",
    "Bearer ",
    `Basic ${A}`,
    `Bearer ${A} ${B}`,
    `Bearer a\tb`,
    `Bearer ${"x".repeat(5000)}`,
  ]) {
    expect(() => bearerToken(header, "Run: source hive-data/secrets.env")).toThrow(HiveError);
    expect(() => bearerToken(header, "Run: source hive-data/secrets.env")).toThrow(/source hive-data/);
  }
});
