/**
 * Takes a signal into its group: counts it, hears what is firing and what is not, and decides anew. What lasts and is
 * told again in the same state is a repetition: it counts and decides nothing.
 */

import type { FloodPolicy, Group } from "./group.ts";
import type { GroupBook } from "./group-book.ts";
import { decideAbout, resolve, tellJob } from "./group-job.ts";
import { hasOpenJob, isAhead, out, withOccurrence } from "./group-rules.ts";
import type { Signal } from "./signal.ts";
import { worse } from "./signal.ts";

/** The first sample and the newest. */
const SAMPLES_MAX = 5;

/** Changes between firing and resolved that are remembered, however many a flap takes. */
const CHANGES_MAX = 20;

/** What became of a signal. `canceled`: the job of what resolved. */
export interface Taken {
  readonly canceled: string | null;
}

export function takeSignal(book: GroupBook, signal: Signal, policy: FloodPolicy): Taken {
  const stored = book.group(signal.fingerprint);
  if (signal.note) {
    book.set(count(stored ?? blank(book, signal), signal, book.now));
    return { canceled: null };
  }
  const before = stored === null ? blank(book, signal) : unmuted(stored, book.now);
  const counted = count(before, signal, book.now);
  const repeated = isRepetition(before, signal);
  const heard = repeated ? counted : hear(counted, signal, policy, book.now);
  if (heard.mute !== null) {
    book.set({ ...heard, stage: "muted" });
    return { canceled: null };
  }
  const flaps = !repeated && isFlapping(heard, policy, book.now);
  const decides = !repeated || before !== (stored ?? before) || WAITING.has(heard.stage);
  const canceled = settle(book, { before, heard, signal, policy, repeated, flaps, decides });
  return { canceled };
}

interface Hearing {
  readonly before: Group;
  readonly heard: Group;
  readonly signal: Signal;
  readonly policy: FloodPolicy;
  readonly repeated: boolean;
  readonly flaps: boolean;
  readonly decides: boolean;
}

function settle(book: GroupBook, { before, heard, signal, policy, repeated, flaps, decides }: Hearing): string | null {
  let canceled: string | null = null;
  if (hasOpenJob(heard)) tellJob(book, before, heard, policy);
  if (signal.state === "resolved" && !repeated) canceled = resolve(book, heard, policy, `source:${book.source}`);
  else if (decides && !hasOpenJob(heard)) decideAbout(book, heard, policy);
  else book.set(heard);
  if (flaps && policy.flap !== null) mute(book, signal.fingerprint, policy.flap.muteMs);
  return canceled;
}

/** Stages in which a repetition may change something: how bad it is, or that time passed. */
const WAITING: ReadonlySet<Group["stage"]> = new Set(["pending", "due", "held"]);

function mute(book: GroupBook, fingerprint: string, forMs: number): void {
  const group = book.group(fingerprint);
  if (group === null) return;
  const until = book.now + forMs;
  const flapping = { by: "hive", at: book.now, until, reason: "flapping" };
  book.set({ ...out(group), stage: "muted", mute: flapping, wakeAt: until, changes: [], released: false });
}

/** A group whose mute ran out without anybody having looked. */
function unmuted(group: Group, now: number): Group {
  const until = group.mute?.until ?? null;
  if (until === null || now < until) return group;
  return { ...group, mute: null, wakeAt: null, stage: hasOpenJob(group) ? "open" : "quiet" };
}

function blank(book: GroupBook, { fingerprint, title, severity }: Signal): Group {
  const { source, now, tally } = book;
  return {
    source,
    fingerprint,
    title,
    stage: "quiet",
    severity,
    firstAt: now,
    lastAt: now,
    count: 0,
    recent: [],
    firing: null,
    changes: [],
    wakeAt: null,
    hold: null,
    line: null,
    mute: null,
    jobs: tally.episodes,
    job: null,
    regressed: false,
    released: false,
    samples: [],
  };
}

function count(group: Group, signal: Signal, now: number): Group {
  const since = group.job?.openedAt ?? Number.NEGATIVE_INFINITY;
  const anew = !hasOpenJob(group) && !WAITING.has(group.stage) && group.recent.every(({ at }) => at <= since);
  const severity = anew ? signal.severity : worse(group.severity, signal.severity);
  const [first, ...others] = [...group.samples, signal.sample];
  const samples = first === undefined ? [] : [first, ...others.slice(1 - SAMPLES_MAX)];
  return { ...group, title: signal.title, severity, lastAt: now, count: group.count + signal.count, samples };
}

function isRepetition({ firing }: Group, { state, episode }: Signal): boolean {
  if (state === "event" || firing === null) return false;
  if (firing.episode === (episode ?? "")) return firing.state === state;
  // A late word that another time is over says nothing of this one.
  return state === "resolved";
}

function hear(group: Group, signal: Signal, policy: FloodPolicy, now: number): Group {
  // A sender's clock may be ahead; nothing happened later than now.
  const at = Math.min(signal.at, now);
  // What waits has reached its threshold: a lone occurrence later on must not take that from it.
  const quiet = group.mute !== null || signal.state === "resolved" || WAITING.has(group.stage);
  // Nor is what a clock that was far ahead noted the newest, and all since too old to count with it.
  const noted = group.recent.filter((one) => !isAhead(one.at, now));
  const recent = quiet ? group.recent : withOccurrence(noted, at, signal.count, policy);
  if (signal.state === "event") return { ...group, recent };
  const { firing, job } = group;
  // Of several that last, one that the last job was made for is told again with those that began since.
  const older = signal.state === "firing" && firing?.state === "firing" && at < firing.since;
  const between = older && job !== null && at <= job.openedAt && job.openedAt < firing.since;
  if (between && !isAhead(job.openedAt, now)) return { ...group, recent };
  const changed = firing !== null && firing.state !== signal.state;
  const kept = Math.max(CHANGES_MAX, policy.flap?.changes ?? 0);
  return {
    ...group,
    recent,
    firing: { episode: signal.episode ?? "", since: at, state: signal.state },
    changes: changed ? [...group.changes, now].slice(-kept) : group.changes,
  };
}

function isFlapping({ changes }: Group, { flap }: FloodPolicy, now: number): boolean {
  return flap !== null && changes.filter((at) => at > now - flap.withinMs).length >= flap.changes;
}
