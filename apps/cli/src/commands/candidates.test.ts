import type { CandidatesReply } from "@hive/sdk";
import { expect, test } from "vitest";
import { candidatesText, parseCandidates } from "./candidates.ts";

const one: CandidatesReply["candidates"][number] = {
  n: 1,
  jobId: "best.1",
  status: "succeeded",
  reason: null,
  agent: "claude",
  agentVersion: "2.1",
  model: "sonnet",
  branch: "hive/best.1",
  commit: "1".repeat(40),
  diffStat: { files: 2, insertions: 40, deletions: 3 },
  tests: "green",
  costUsd: 0.1234567,
  inputTokens: 10,
  outputTokens: 5,
  ms: 61_000,
  summary: "wrote it\nat length",
  error: null,
  choosable: true,
};
const two: typeof one = {
  ...one,
  n: 2,
  jobId: "best.2",
  status: "failed",
  reason: "verify_failed",
  tests: "red",
  agent: "demo",
  model: null,
  costUsd: null,
  diffStat: null,
  ms: null,
  branch: null,
  error: { code: "verify_failed", message: "3 tests are\u001b[2J red" },
};
const reply: CandidatesReply = {
  jobId: "best",
  status: "succeeded",
  reason: null,
  choose: "rule",
  chosen: 1,
  why: "it is the only one",
  start: null,
  candidates: [one, two],
};

test("candidates read side by side, the chosen one marked, with what each of them said", () => {
  const lines = candidatesText(reply).split("\n");
  expect(lines[1]?.split(/ {2,}/)).toEqual([
    "*",
    "best.1",
    "succeeded",
    "green",
    "+40 -3",
    "0.1235 USD",
    "61.0 s",
    "claude sonnet",
    "hive/best.1",
  ]);
  expect(lines[2]).toMatch(/^2 +best\.2 +failed: verify_failed +red +demo *$/);
  expect(lines.slice(3)).toEqual(["1: wrote it", "2: verify_failed: 3 tests are red", "it is the only one"]);
});

test("a job that waits for a person says how to choose", () => {
  expect(candidatesText({ ...reply, reason: "choice", chosen: null, why: null })).toContain("hive choose best NUMBER");
});

test("candidates are asked for by their number, or by who does it", () => {
  expect(parseCandidates("3")).toBe(3);
  expect(parseCandidates("claude, codex:gpt-5,:big:model,")).toEqual([
    { agent: "claude" },
    { agent: "codex", model: "gpt-5" },
    { model: "big:model" },
    {},
  ]);
});
