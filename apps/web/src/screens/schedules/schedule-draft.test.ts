import { expect, it } from "vitest";
import { draftOf, meaningOf, NEW_DRAFT } from "./schedule-draft.ts";

it("settings come back from the form as they were put, with what the form has no place for", () => {
  const spec = {
    cron: "30 2 * * 1-5",
    timezone: "Europe/Berlin",
    dst: { gap: "skip" },
    overlap: "buffer_one",
    catchup: { window: "2h", runs: "all" },
    spread: "15m",
    limits: { start: "2026-12-01T09:00", maxRuns: 7, startWithin: "1h" },
    pauseAfterFailures: 3,
    job: { repo: "https://git.example/app.git", task: "script", script: "true", labels: ["night"], candidates: 2 },
  } as const;
  const job = { ...spec.job, labels: ["night"] };
  expect(meaningOf(draftOf({ ...spec, job }))).toEqual({ ok: true, spec: { ...spec, job } });
});

it("only the way that is chosen is meant, and summer time is for cron alone", () => {
  const draft = { ...NEW_DRAFT, kind: "every", when: { cron: "* * * * *", every: "6h", at: "" }, gap: "skip" } as const;
  expect(meaningOf({ ...draft, repo: "https://git.example/app.git", instructions: "Sweep." })).toEqual({
    ok: true,
    spec: { every: "6h", job: { repo: "https://git.example/app.git", task: "agent", instructions: "Sweep." } },
  });
});

it("what cannot be read is named by its place", () => {
  const meaning = meaningOf({ ...NEW_DRAFT, maxRuns: "some", pauseAfterFailures: "-1", more: "[1]" });
  expect(meaning).toMatchObject({
    ok: false,
    problems: [{ path: "more" }, { path: "limits.maxRuns" }, { path: "pauseAfterFailures" }],
  });
});
