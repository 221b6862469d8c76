/**
 * Sets aside the most that one call to a model can cost, before it is made. When one of its accounts cannot pay for that,
 * nothing is set aside and the attempt is told to stop. The same call again gets the same answer.
 */

import { hold, mayFitLater, openAccount, renewedAt, shortOf } from "../accounts.ts";
import type { CommandOf, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { requestStop } from "../stop.ts";
import { mustHaveBegun } from "./holder.ts";
import { asAccount, nothingUsed, type Reservation, storedUsage, tell, type UsageRecord } from "./usage.ts";

export function needs(_state: State, { lease, accounts }: CommandOf<"reserve">, _docs: Docs): Key[] {
  return [{ collection: "usage", id: lease.jobId }, ...accounts.map(({ id }) => ({ collection: "accounts", id }))];
}

/**
 * @throws HiveError lease_lost, not_begun
 */
export function reserve(step: Step, command: CommandOf<"reserve">): Replies["reserve"] {
  const { lease, callId, worst } = command;
  const held = mustHaveBegun(step.state, lease);
  const record = storedUsage(step.doc({ collection: "usage", id: lease.jobId })) ?? nothingUsed(lease.jobId);
  if (callId in record.open || record.recent.includes(callId)) return { admitted: true };
  if (held.run.stop) return { admitted: false, code: held.run.stop.code, message: held.run.stop.message };
  const amount = { ...worst.cost, tokens: worst.tokens };
  const opened = command.accounts.map((ref) =>
    openAccount(asAccount(step.doc({ collection: "accounts", id: ref.id })), ref),
  );
  const short = opened.filter((account) => shortOf(account, amount) !== null);
  // What stays in the way when every other call is settled is what stops the job.
  const lasting = short.find((account) => !mayFitLater(account, amount));
  const refusing = lasting ?? short[0];
  if (refusing !== undefined) {
    const message = shortOf(refusing, amount) ?? "";
    if (command.patient && lasting === undefined) return { admitted: false, code: "busy", message };
    const until = renewedAt(refusing, amount, step.now.wall);
    requestStop(step, held, { code: "budget_exceeded", message, until });
    return { admitted: false, code: "budget_exceeded", message };
  }
  const reservation: Reservation = {
    fence: lease.fence,
    accounts: opened.map(({ id }) => id),
    ...amount,
    at: step.now.wall,
  };
  const next: UsageRecord = { ...record, open: { ...record.open, [callId]: reservation } };
  step.put("usage", lease.jobId, next);
  for (const account of opened) tell(step, held.job, hold(account, amount));
  return { admitted: true };
}
