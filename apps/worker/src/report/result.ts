/** The attempt's end as the dispatcher is told it: computed from what was found out, within the protocol's bounds. */

import type { AttemptError, JobResult, Outcome } from "@hive/core";
import type { Stop } from "../attempt.ts";
import type { RunningJob } from "../running-job.ts";

const SUMMARY = 16_384;
const VERDICT = 1_024;
const MOST_OUTPUTS = 64;
const REPORT = 16_000;

/** The result so far; also a failed attempt has one, to show what it got to. */
export function resultOf(running: RunningJob, isolation: string): JobResult {
  const { findings, phases } = running;
  const { task } = findings;
  const clean = (text: string | null | undefined, most: number): string | null =>
    text == null ? null : cut(running.redact(text), most);
  const outputs = Object.entries(task?.outputs ?? {}).slice(0, MOST_OUTPUTS);
  return {
    summary: clean(task === null ? findings.lastWords : task.summary, SUMMARY),
    noChanges: findings.noChanges,
    branch: findings.branch,
    commit: findings.commit,
    baseCommit: findings.baseCommit,
    patchId: findings.patchId,
    diffStat: findings.diffStat,
    pullRequest: findings.pullRequest,
    verdict: clean(task?.verdict, VERDICT),
    outputs:
      outputs.length === 0
        ? null
        : Object.fromEntries(
            outputs.map(([name, value]) => [cut(running.redact(name), 128), cut(running.redact(value), 4_096)]),
          ),
    // Counted by the gateway alone: what an agent says about its own cost is not believed.
    usage: null,
    exitCode: task?.exitCode ?? null,
    phases: phases.list(),
    artifacts: findings.artifacts,
    salvage: findings.salvage,
    agent: task === null ? findings.agent : task.agent,
    verify: verifyOf(running),
    session: findings.session,
    isolation,
  };
}

function verifyOf(running: RunningJob): JobResult["verify"] {
  const verify = running.findings.task?.verify ?? null;
  if (verify === null || verify.report === null) return verify;
  // Its end says what failed.
  return { ...verify, report: running.redact(verify.report).slice(-REPORT) };
}

/** The end of an attempt that failed. */
export function failedOutcome(running: RunningJob, error: AttemptError, isolation: string): Outcome {
  const message = cut(running.redact(error.message), 8_000);
  return { end: "failed", error: { ...error, message }, result: resultOf(running, isolation) };
}

/** The end of an attempt that was stopped, or null when nobody wants to hear of it any more. */
export function stoppedOutcome(running: RunningJob, stop: Stop, isolation: string): Outcome | null {
  switch (stop.why) {
    case "stale":
      return null;
    case "canceled":
      return { end: "canceled", result: resultOf(running, isolation) };
    case "timeout":
      return failedOutcome(running, { code: "timeout", kind: "work", message: stop.reason }, isolation);
    case "memory":
      return failedOutcome(running, { code: "out_of_memory", kind: "work", message: stop.reason }, isolation);
    case "budget":
      return failedOutcome(running, { code: "budget_exceeded", kind: "work", message: stop.reason }, isolation);
    case "quota":
      return { end: "parked", message: cut(stop.reason, 2_000), result: resultOf(running, isolation) };
    case "leaving":
    case "unreachable":
      return { end: "returned", message: cut(stop.reason, 1_000) };
  }
}

/** At most this many characters, without half a surrogate pair at the end. */
function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
