/**
 * I8, of money: no budget pays for more than its limit, and no call is paid twice. When a call is admitted, all that was
 * surely set aside or paid by then, and the call at its worst, are within the limit. At the end a job has used what its
 * calls came to, each once: what was billed, and the worst of those whose gateway died.
 */

import { DAY_TOKENS, JOB_TOKENS, TOKEN_NANO } from "../gateway.ts";
import type { Entry } from "../history.ts";
import { all, type Checker, type Seen } from "./checker.ts";

type Told = Extract<Entry, { readonly kind: "call" }>;

/** A call as its gateway knows it. */
interface Known {
  readonly jobId: string;
  readonly generation: number;
  readonly day: string;
  admitted: Told | null;
  refused: Told | null;
  settling: Told | null;
  settled: Told | null;
}

export const budgetsHold: Checker = (seen) => {
  const calls = known(all(seen, "call"));
  return [...withinLimits(calls), ...paidOnce(calls, seen.usage)];
};

function withinLimits(calls: readonly Known[]): string[] {
  const broken: string[] = [];
  for (const call of calls) {
    const { admitted } = call;
    if (admitted === null) continue;
    // Those that were admitted before this one was asked for; a bill that was sent by now may have been taken.
    const before = calls.filter((other) => other !== call && (other.admitted?.at ?? Infinity) <= admitted.sentAt);
    const least = ({ admitted: held, settling }: Known): number =>
      settling !== null && settling.at <= admitted.at ? settling.tokens : (held?.tokens ?? 0);
    const sum = (some: readonly Known[]): number => some.reduce((tokens, one) => tokens + least(one), admitted.tokens);
    const ofJob = sum(before.filter((one) => one.jobId === call.jobId && one.generation === call.generation));
    const name = `${admitted.callId} of ${call.jobId} was admitted at ${admitted.at}`;
    if (ofJob > JOB_TOKENS) broken.push(`I8: ${name} although its job then has ${ofJob} of ${JOB_TOKENS} tokens`);
    const ofDay = sum(before.filter((one) => one.day === call.day));
    if (ofDay > DAY_TOKENS) broken.push(`I8: ${name} although the day then has ${ofDay} of ${DAY_TOKENS} tokens`);
  }
  return broken;
}

function paidOnce(calls: readonly Known[], usage: Seen["usage"]): string[] {
  const broken: string[] = [];
  for (const [jobId, used] of usage) {
    const own = calls.filter((call) => call.jobId === jobId);
    // A gateway that died between a question and its answer knows nothing of what was set aside.
    if (own.some(({ admitted, refused, settled }) => admitted === null && refused === null && settled === null))
      continue;
    // A bill whose answer was never heard was taken or not.
    const most = own.map(({ admitted, settled }) => settled?.tokens ?? admitted?.tokens ?? 0);
    const least = own.map(({ admitted, settling }) => settling?.tokens ?? admitted?.tokens ?? 0);
    const nano = (tokens: readonly number[]): number => tokens.reduce((sum, one) => sum + one, 0) * TOKEN_NANO;
    const count = (tokens: readonly number[]): number => tokens.filter((one) => one > 0).length;
    const money = used.nano >= nano(least) && used.nano <= nano(most);
    if (!money || used.calls < count(least) || used.calls > count(most)) {
      broken.push(
        `I8: the calls of ${jobId} (${count(least)} to ${count(most)}) came to ${nano(least)} to ${nano(most)}, but ${used.calls} for ${used.nano} are shown`,
      );
    }
  }
  return broken;
}

function known(told: readonly Told[]): readonly Known[] {
  const calls = new Map<string, Known>();
  for (const one of told) {
    const { callId, jobId, generation, day } = one;
    const call = calls.get(callId) ?? {
      jobId,
      generation,
      day,
      admitted: null,
      refused: null,
      settling: null,
      settled: null,
    };
    calls.set(callId, call);
    if (one.what === "admitted") call.admitted = one;
    if (one.what === "refused") call.refused = one;
    if (one.what === "settling") call.settling = one;
    if (one.what === "settled") call.settled = one;
  }
  return [...calls.values()];
}
