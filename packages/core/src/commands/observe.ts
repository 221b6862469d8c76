/**
 * Counts what a source found, and moves its position on, in one commit: a delivery is looked at once, and what was read
 * after a cursor is counted by the one who moves that cursor. So a crash, a takeover or a lost answer counts nothing
 * twice and leaves nothing out.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import {
  type Cursor,
  type Delivery,
  type Memory,
  type Position,
  SIGNALS_MAX,
  cursorKey,
  deliveryKey,
  memoryKey,
} from "../group.ts";
import { GroupBook, bookKeys } from "../group-book.ts";
import { hasOpenJob } from "../group-rules.ts";
import { takeSignal } from "../group-signals.ts";
import type { Signal } from "../signal.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

const DAY_MS = 86_400_000;

export function needs(_state: State, command: CommandOf<"observe">): Key[] {
  const { source, position, signals, evict = [] } = command;
  const fingerprints = [...signals.map((signal) => signal.fingerprint), ...evict];
  return [positionKey(source, position), ...bookKeys(source, fingerprints)];
}

/**
 * @throws HiveError stale_cursor; not_found for a delivery that is not there; bad_request for too many signals
 */
export function observe(step: Step, command: CommandOf<"observe">): Replies["observe"] {
  const { source, position, signals } = command;
  if (signals.length > SIGNALS_MAX) {
    throw new HiveError("bad_request", `${signals.length} signals at once; ${SIGNALS_MAX} is the most`, { source });
  }
  const delivery = position.kind === "delivery" ? toProcess(step, source, position) : null;
  if (position.kind === "delivery" && delivery === null) return { due: [], version: null, canceled: [] };
  const book = new GroupBook(step, source);
  const version = position.kind === "cursor" ? moveCursor(step, source, position) : null;
  const canceled = count(book, command);
  if (delivery !== null) processed(book, delivery, command);
  for (const { id, value } of command.memories) {
    const memory: Memory | null = value === null ? null : { source, id, at: step.now.wall, value };
    step.put("memories", memoryKey(source, id).id, memory);
  }
  const due = dueOf(book, signals);
  book.close();
  return { due, version, canceled };
}

function positionKey(source: string, position: Position): Key {
  return position.kind === "delivery" ? deliveryKey(source, position.id) : cursorKey(source);
}

/** The delivery that is to be counted now; null: it was counted before. */
function toProcess(step: Step, source: string, position: Extract<Position, { kind: "delivery" }>): Delivery | null {
  const stored: unknown = step.doc(deliveryKey(source, position.id));
  if (stored === null) {
    throw new HiveError("not_found", `there is no delivery ${position.id} of ${source}`, { source, id: position.id });
  }
  const delivery = stored as Delivery;
  return delivery.state === "received" || position.replay ? delivery : null;
}

function moveCursor(step: Step, source: string, position: Extract<Position, { kind: "cursor" }>): number {
  const stored: unknown = step.doc(cursorKey(source));
  const at = stored === null ? 0 : (stored as Cursor).version;
  if (at !== position.version) {
    const message = `${source} was read up to version ${at} meanwhile, and this went on from ${position.version}`;
    throw new HiveError("stale_cursor", message, { source, version: at });
  }
  const cursor: Cursor = { source, version: at + 1, value: position.value, at: step.now.wall };
  step.put("cursors", source, cursor);
  return cursor.version;
}

/** Counts the signals into their groups. Gives the jobs that were canceled. */
function count(book: GroupBook, { signals, filtered, policy, evict = [] }: CommandOf<"observe">): string[] {
  const canceled: string[] = [];
  const leaving = [...evict];
  let grouped = 0;
  let overflow = 0;
  for (const signal of signals) {
    if (book.group(signal.fingerprint) === null && !makeRoom(book, policy.maxGroups, leaving, signals)) {
      overflow += signal.count;
      continue;
    }
    const taken = takeSignal(book, signal, policy);
    grouped += signal.count;
    if (taken.canceled !== null) canceled.push(taken.canceled);
  }
  // There may be more than the settings of now allow; new ones do not wait until those are gone.
  while (book.tally.groups > policy.maxGroups && letGo(book, policy.maxGroups, leaving, signals));
  const { tally } = book;
  book.tally = {
    ...tally,
    received: tally.received + filtered + grouped + overflow,
    filtered: tally.filtered + filtered,
    grouped: tally.grouped + grouped,
    overflow: tally.overflow + overflow,
  };
  if (overflow > 0) tellFull(book, policy.maxGroups);
  return canceled;
}

/** Is there room for one more group, if need be in place of one that has nothing to do? */
function makeRoom(book: GroupBook, most: number, leaving: string[], signals: readonly Signal[]): boolean {
  return book.tally.groups < most || letGo(book, most, leaving, signals);
}

/** Lets the first of these groups go that has nothing to do and is not heard of now; false: there is none. */
function letGo(book: GroupBook, most: number, leaving: string[], signals: readonly Signal[]): boolean {
  for (let fingerprint = leaving.shift(); fingerprint !== undefined; fingerprint = leaving.shift()) {
    const group = book.group(fingerprint);
    if (group === null || hasOpenJob(group) || (group.stage !== "quiet" && group.stage !== "resolved")) continue;
    if (signals.some((signal) => signal.fingerprint === group.fingerprint)) continue;
    book.drop(group);
    tellFull(book, most);
    return true;
  }
  return false;
}

/** Tells once a day that groups go because there are as many as may be. */
function tellFull(book: GroupBook, most: number): void {
  const { fullAt } = book.tally;
  if (fullAt !== null && book.now < fullAt + DAY_MS) return;
  book.tally = { ...book.tally, fullAt: book.now };
  const message = `${book.source} has ${most} groups, and no more are kept: the ones not seen for longest go`;
  book.step.event("source.groups_full", null, { source: book.source, groups: most, message });
}

function processed(book: GroupBook, delivery: Delivery, command: CommandOf<"observe">): void {
  const { position, failed, filtered, signals } = command;
  const replay = position.kind === "delivery" && position.replay;
  const first = delivery.state === "received";
  const next: Delivery = {
    ...delivery,
    state: failed === null ? "processed" : "failed",
    message: failed,
    seen: { filtered, fingerprints: [...new Set(signals.map((signal) => signal.fingerprint))] },
    replays: delivery.replays + (replay ? 1 : 0),
  };
  book.step.put("deliveries", deliveryKey(delivery.source, delivery.id).id, next);
  if (first) book.tally = { ...book.tally, waiting: Math.max(0, book.tally.waiting - 1) };
}

function dueOf(book: GroupBook, signals: readonly Signal[]): string[] {
  const fingerprints = [...new Set(signals.map((signal) => signal.fingerprint))];
  return fingerprints.filter((fingerprint) => book.group(fingerprint)?.stage === "due");
}
