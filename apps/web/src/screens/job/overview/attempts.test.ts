import type { JobDetail } from "@hive/protocol";
import { describe, expect, it } from "vitest";
import type { JobEvent } from "../job-event-pages.ts";
import { attemptsOf, progressOf } from "./attempts.ts";

const JOB = {
  status: "running",
  generation: 2,
  fence: 3,
  workerId: "bee-1",
  phase: "run",
  startedAt: 950,
  history: [
    {
      fence: 2,
      generation: 1,
      attempt: 1,
      workerId: "bee-2",
      grantedAt: 100,
      begunAt: 110,
      endedAt: 500,
      end: "lost",
      error: null,
      result: null,
      log: null,
    },
  ],
} as unknown as JobDetail;

let number = 0;
function event(type: string, at: number, data: Record<string, unknown>): JobEvent {
  number += 1;
  return { id: number, type, at, jobId: "one", data };
}

describe("the attempts at a job", () => {
  it("have the one under way first, with its phases so far from its own events alone", () => {
    const events = [
      event("job.started", 120, { fence: 2, phase: "prepare" }),
      event("job.leased", 900, { fence: 3 }),
      event("job.started", 1_000, { fence: 3, phase: "prepare" }),
      event("job.progress", 1_400, { fence: 3, phase: "run", message: null, percent: null }),
      event("job.progress", 1_600, { fence: 3, phase: "run", message: "half of it", percent: 50 }),
    ];
    expect(attemptsOf(JOB, events)).toMatchObject([
      {
        fence: 3,
        end: null,
        since: 900,
        phases: [
          { name: "prepare", since: 1_000, ms: 400 },
          { name: "run", since: 1_400, ms: null },
        ],
      },
      { fence: 2, end: "lost", since: 100, endedAt: 500 },
    ]);
    expect(progressOf(JOB, events)).toEqual({ message: "half of it", percent: 50 });
  });

  it("know what they can of one whose events are too long ago", () => {
    expect(attemptsOf(JOB, [])[0]).toMatchObject({
      fence: 3,
      since: 950,
      phases: [{ name: "run", since: null, ms: null }],
    });
    expect(progressOf(JOB, [])).toBeNull();
  });

  it("are only those that ended once the job is over", () => {
    expect(attemptsOf({ ...JOB, status: "succeeded" }, [])).toHaveLength(1);
  });
});
