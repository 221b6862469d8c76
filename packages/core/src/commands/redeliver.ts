/**
 * A person asks that a callback be sent again, delivered or not. Its retries begin anew. One of a job that is not kept any
 * more is not sent: where to, and what to say, went with the job.
 */

import type { CallbackRecord, CommandOf, Docs, Replies } from "../command.ts";
import { docKey } from "../command.ts";
import type { Key } from "../document.ts";
import { numberId } from "../document.ts";
import { jobForgotten, remembered, rememberedKey } from "../remembered-ids.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { callback, callbackKey } from "./delivered.ts";

/** The callback first; once it was read, what is remembered of its job. */
export function needs(_state: State, command: CommandOf<"redeliver">, docs: Docs): Key[] {
  const key = callbackKey(command.n);
  const jobId = docs.get(docKey(key))?.["jobId"];
  return typeof jobId === "string" ? [key, rememberedKey(jobId)] : [key];
}

/**
 * @throws HiveError not_found, job_forgotten
 */
export function redeliver(step: Step, command: CommandOf<"redeliver">): Replies["redeliver"] {
  const known = callback(step, command.n);
  const gone = remembered(step, known.jobId);
  if (gone !== null) throw jobForgotten(gone);
  const record: CallbackRecord = { ...known, state: "pending", nextAt: step.now.wall, tries: 0 };
  step.put("callbacks", numberId(command.n), record);
  step.effect({ type: "callback", n: record.n, jobId: record.jobId });
  return { state: record.state };
}
