import type { NewJobRequest } from "@hive/protocol";
import { describe, expect, it } from "vitest";
import { newJobLimits } from "../../../new-job-schema.ts";
import { draftOf, jobOf } from "./draft.ts";
import { fieldAt, PATHS } from "./fields.ts";

const FULL: NewJobRequest = {
  jobId: "demo-1",
  repo: "https://github.com/acme/app",
  branch: "ci/demo",
  base: "main",
  task: "agent",
  instructions: "Add a quick start\n",
  role: "builder",
  labels: ["linux", "gpu"],
  priority: 0,
  runAt: "2026-12-24T18:00:00.000Z",
  maxAttempts: 2,
  retryOn: "failure",
  timeoutMs: 90_000,
  dependsOn: ["a", "b"],
  verify: false,
  budget: { usd: 1.5, turns: 20 },
  gitUser: { name: "Bee", email: "bee@example.com" },
  egress: [],
  candidates: [{ agent: "claude" }, { agent: "codex" }],
  metadata: { ticket: { id: 7 } },
};

describe("the form for a new job", () => {
  it("has every field of the server's schema and no other", () => {
    expect([...PATHS].sort()).toEqual(Object.keys(newJobLimits()).sort());
    expect(newJobLimits()["priority"]).toEqual({ minimum: 0, maximum: 9 });
    expect(newJobLimits()["task"]).toMatchObject({ required: true });
  });

  it("makes of a job the same job", () => {
    const { draft, unknown } = draftOf({ ...FULL });
    expect(unknown).toEqual([]);
    expect(draft["budget.usd"]).toBe("1.5");
    expect(jobOf(draft)).toEqual({ job: FULL, problems: {} });
  });

  it("leaves out what the task does not have, and says what is needed or cannot be read", () => {
    const { job, problems } = jobOf({ task: "script", agent: "claude", priority: "high", metadata: "{" });
    expect(job).toEqual({ task: "script" });
    expect(Object.keys(problems).sort()).toEqual(["metadata", "priority", "repo", "script"]);
  });

  it("names members that no job has", () => {
    expect(draftOf({ repo: "x", colour: "red" }).unknown).toEqual(["colour"]);
  });

  it("knows the field that the server means", () => {
    expect(fieldAt("changes[0].path")).toBe("changes");
    expect(fieldAt("budget.usd")).toBe("budget.usd");
    expect(fieldAt("gitUser")).toBe("gitUser.name");
    expect(fieldAt("labels[2]")).toBe("labels");
    expect(fieldAt("jobs")).toBeUndefined();
  });
});
