import type { JobSummary } from "@hive/protocol";

/** Reasons of held jobs that go on by a setting of the server; with any other a person decides. */
const SETTINGS: ReadonlySet<unknown> = new Set(["no_isolation", "no_agent"]);

/** Whether a job that is held for this reason waits for a person. */
export function waitsForPerson(reason: unknown): boolean {
  return !SETTINGS.has(reason);
}

/** The held jobs that wait for a person, and those that wait for a setting of the server. */
export function splitHeld(jobs: readonly JobSummary[]): {
  readonly decisions: readonly JobSummary[];
  readonly settings: readonly JobSummary[];
} {
  const { decisions = [], settings = [] } = Object.groupBy(jobs, ({ reason }) =>
    waitsForPerson(reason) ? "decisions" : "settings",
  );
  return { decisions, settings };
}
