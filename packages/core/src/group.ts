/**
 * Signals that are the same thing, and what is decided about them. The path is delivery → signal → group → policy → job:
 * `receive` keeps what came from outside, `observe` counts signals into their groups in the same commit that moves the
 * position of the source on, `openGroup` makes the job or holds it, `settleGroup` learns of its end. Nothing is dropped:
 * what a limit does not let through is held, with its reason, until a slot is free or a person releases it.
 */

import type { NewJob } from "./command.ts";
import type { Key } from "./document.ts";
import type { Sample, Severity, Signal } from "./signal.ts";

/** When a group becomes a job, and when it does not. All durations in milliseconds. */
export interface FloodPolicy {
  /** Occurrences within `withinMs` that open a job. 1: the first. */
  readonly count: number;
  readonly withinMs: number;
  /** How long something must have been firing; 0: no time. Events know no such time. */
  readonly forMs: number;
  /** Jobs of this source that are not over; null: any number. */
  readonly maxOpen: number | null;
  /** Jobs of this source within any hour; null or above 1,000: any number. */
  readonly perHour: number | null;
  /** After the end of a group's job, before it may have another. */
  readonly cooldownMs: number;
  /** Within so long after its job it is the same trouble again (`regressed`); later it is new. */
  readonly reopenWithinMs: number;
  /** This severity and worse are not held by `maxOpen` and `perHour`; null: none. */
  readonly bypass: Severity | null;
  /** So many changes between firing and resolved within `withinMs` mute the group for `muteMs`; null: never. */
  readonly flap: { readonly changes: number; readonly withinMs: number; readonly muteMs: number } | null;
  /** What happens when it resolved by itself: to a job that waits, and to one that runs. */
  readonly resolve: { readonly waiting: "cancel" | "note" | "nothing"; readonly running: "note" | "nothing" };
  /** Groups kept of this source; the ones not seen for longest and without a job go. */
  readonly maxGroups: number;
}

export const GROUP_STAGES = ["quiet", "pending", "due", "held", "open", "resolved", "muted"] as const;
/**
 * `quiet`: not enough yet; `pending`: fires, `forMs` is running; `due`: a job is to be made; `held`: a limit is in the
 * way; `open`: it has a job that is not over; `resolved`: nothing to do (its job ended, or it stopped by itself);
 * `muted`: it counts, and nothing else.
 */
export type GroupStage = (typeof GROUP_STAGES)[number];

export const HOLD_REASONS = ["max_open", "per_hour", "cooldown", "budget", "refused"] as const;
/** Why a due group has no job yet. `refused`: the job's template or the settings are wrong. */
export type HoldReason = (typeof HOLD_REASONS)[number];

/** A group as stored, in `groups/<source>/<fingerprint>`. */
export interface Group {
  readonly source: string;
  readonly fingerprint: string;
  /** Of its newest signal. */
  readonly title: string;
  readonly stage: GroupStage;
  /** The worst since its last job. */
  readonly severity: Severity;
  /** When it was first and last heard of, by the server's clock: what a sender says decides nothing about what is kept. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** Occurrences in all. */
  readonly count: number;
  /**
   * The latest occurrences since its last job, oldest first, for `FloodPolicy.count`: at most 101 instants with their
   * counts, those of one hundredth of `withinMs` together. Repetitions of what lasts are not among them, nor what comes
   * while it waits for its job.
   */
  readonly recent: readonly { readonly at: number; readonly count: number }[];
  /** What was last heard of something that lasts; null for events. */
  readonly firing: { readonly episode: string; readonly since: number; readonly state: "firing" | "resolved" } | null;
  /** The instants of its last changes between firing and resolved, at most 20. */
  readonly changes: readonly number[];
  /** When something is to be decided again although nothing comes in (`forMs`, a cooldown, the end of a mute); null: never. */
  readonly wakeAt: number | null;
  readonly hold: { readonly reason: HoldReason; readonly since: number; readonly message: string } | null;
  /** Its place among those that wait for their turn, the lowest first: the worst, and of those the oldest. See `linePlace`. */
  readonly line: number | null;
  /** Null: until a person says otherwise. */
  readonly mute: {
    readonly by: string;
    readonly at: number;
    readonly until: number | null;
    readonly reason: string;
  } | null;
  /** The number of its last job, 0 before the first. One that was forgotten and came back goes on above its old numbers. */
  readonly jobs: number;
  /** The job it has or had last. */
  readonly job: { readonly id: string; readonly openedAt: number; readonly endedAt: number | null } | null;
  /** True when its next or present job is about trouble that came back. */
  readonly regressed: boolean;
  /** A person released it: no limit stands in the way of its next job. */
  readonly released: boolean;
  /** The first sample and the newest, at most five. */
  readonly samples: readonly Sample[];
}

/** How a source stands, in `tallies/<id>`: the funnel, and what its limits go by. */
export interface Tally {
  readonly source: string;
  /** Occurrences since the source was first seen. received = filtered + grouped + overflow. */
  readonly received: number;
  readonly filtered: number;
  readonly grouped: number;
  /** Occurrences of new groups for which there was no room: `maxGroups` groups were waiting or had a job. */
  readonly overflow: number;
  readonly jobs: number;
  /** Groups that have a job that is not over, with its id. */
  readonly open: Readonly<Record<string, string>>;
  /** When its jobs of the last hour were made, at most `perHour` or 1,000. */
  readonly opened: readonly number[];
  /** How many groups there are, how many are due, and how many are held. */
  readonly groups: number;
  readonly due: number;
  readonly held: number;
  /** Deliveries that are kept, and how many of them are not looked at yet. */
  readonly deliveries: number;
  readonly waiting: number;
  /** The highest `jobs` of a group that was forgotten: new ones number on from there, as no job id is used twice. */
  readonly episodes: number;
  /** When it was last told that there are as many groups as may be; null: never. */
  readonly fullAt: number | null;
}

/** Something a sender delivered, in `deliveries/<source>/<id>`; kept so that it can be looked at and replayed. */
export interface Delivery {
  readonly source: string;
  readonly id: string;
  readonly receivedAt: number;
  /** `received`: not looked at yet. `failed`: could not be understood; the message says why. */
  readonly state: "received" | "processed" | "failed";
  readonly message: string | null;
  readonly bytes: number;
  /** The body, and the headers its type wants, sealed; only the operator gets to see them. */
  readonly sealed: unknown;
  /** What came of it; null while it is not processed. */
  readonly seen: { readonly filtered: number; readonly fingerprints: readonly string[] } | null;
  /** How often it was sent, and how often it was replayed by hand. */
  readonly times: number;
  readonly replays: number;
}

/** How far a source has read, in `cursors/<source>`. `value` is the source type's own, at most 64 KiB as JSON. */
export interface Cursor {
  readonly source: string;
  /** Rises by one with each move. */
  readonly version: number;
  readonly value: unknown;
  readonly at: number;
}

/** Where signals come from: a delivery that is to be processed, or a source's own reading that goes on from a cursor. */
export type Position =
  | { readonly kind: "delivery"; readonly id: string; readonly replay: boolean }
  /** `version`: of the cursor it went on from; 0: there was none. Another one in the store is `stale_cursor`. */
  | { readonly kind: "cursor"; readonly version: number; readonly value: unknown };

/** Deliveries of a source that may wait to be looked at; a further one is `source_busy`. */
export const WAITING_MAX = 1_000;

/** Signals one `observe` may bring: as many alerts as a large outage makes come in one delivery. */
export const SIGNALS_MAX = 2_000;

export type SourceCommand =
  /** Keeps a delivery before its sender is answered. The same id again only counts. */
  | {
      readonly type: "receive";
      readonly source: string;
      readonly id: string;
      readonly bytes: number;
      readonly sealed: unknown;
    }
  /** Counts signals into their groups, and moves the position, in one commit. */
  | {
      readonly type: "observe";
      readonly source: string;
      readonly position: Position;
      readonly policy: FloodPolicy;
      readonly signals: readonly Signal[];
      /** Occurrences the source's own condition left out. */
      readonly filtered: number;
      /** For a delivery that could not be understood; then there are no signals. */
      readonly failed: string | null;
      /** What the source remembers, as `Memory`: templates of a log, items of a feed it knows. */
      readonly memories: readonly { readonly id: string; readonly value: object | null }[];
      /**
       * Groups that may go where new ones need their room, not seen for longest first; only those that are quiet or
       * resolved do. To be given when the source is near `maxGroups`.
       */
      readonly evict?: readonly string[];
    }
  /** Makes the job of a group that is due or held, or says what is in its way. `episode` is the group's `jobs` + 1, or `stale_group`. */
  | {
      readonly type: "openGroup";
      readonly source: string;
      readonly fingerprint: string;
      readonly episode: number;
      readonly policy: FloodPolicy;
      /** Or why there can be none: the template or the settings are wrong. */
      readonly job: NewJob | { readonly refused: string };
      /** True when the day's budget of the source is used up. */
      readonly overBudget: boolean;
    }
  /** A group's job is over: its place is free, its cooldown begins. */
  | {
      readonly type: "settleGroup";
      readonly source: string;
      readonly fingerprint: string;
      readonly jobId: string;
      readonly policy: FloodPolicy;
    }
  /**
   * It is to be decided again about these groups, in this order: their `wakeAt` was reached, a place became free for the
   * first of those in line, or settings that refused their job may be other ones now. Any group may be named.
   */
  | {
      readonly type: "wakeGroups";
      readonly source: string;
      readonly fingerprints: readonly string[];
      readonly policy: FloodPolicy;
    }
  /** A person decides. `release` lets a held group past its limits once. */
  | {
      readonly type: "controlGroup";
      readonly source: string;
      readonly fingerprint: string;
      readonly action: "mute" | "unmute" | "resolve" | "release";
      readonly until: number | null;
      readonly reason: string;
      readonly by: string;
      readonly policy: FloodPolicy;
    }
  /** Retention: deliveries that were looked at are not kept any more. */
  | { readonly type: "forgetDeliveries"; readonly source: string; readonly ids: readonly string[] }
  /** Retention: groups that are quiet or resolved and were not heard of since `before` are not kept any more. */
  | {
      readonly type: "forgetGroups";
      readonly source: string;
      readonly fingerprints: readonly string[];
      readonly before: number;
    };

export interface SourceReplies {
  /** `existing`: this delivery was received before. */
  readonly receive: { readonly existing: boolean; readonly state: Delivery["state"] };
  /** The groups that are due now. `version`: of the cursor afterwards. */
  readonly observe: {
    readonly due: readonly string[];
    readonly version: number | null;
    /** Jobs that were canceled because what they were for resolved by itself. */
    readonly canceled: readonly string[];
  };
  readonly openGroup: { readonly group: Group; readonly jobId: string | null };
  readonly settleGroup: { readonly group: Group | null };
  readonly wakeGroups: { readonly due: readonly string[] };
  readonly controlGroup: { readonly group: Group };
  readonly forgetDeliveries: { readonly forgotten: number };
  readonly forgetGroups: { readonly forgotten: number };
}

/** What a source remembers under one id, in `memories/<source>/<id>`. */
export interface Memory {
  readonly source: string;
  readonly id: string;
  readonly at: number;
  readonly value: object;
}

/** Where a group is. */
export function groupKey(source: string, fingerprint: string): Key {
  return { collection: "groups", id: `${source}/${fingerprint}` };
}

/** Where the tally of a source is. */
export function tallyKey(source: string): Key {
  return { collection: "tallies", id: source };
}

/** Where a delivery is. */
export function deliveryKey(source: string, id: string): Key {
  return { collection: "deliveries", id: `${source}/${id}` };
}

/** Where it stands how far a source has read. */
export function cursorKey(source: string): Key {
  return { collection: "cursors", id: source };
}

/** Where something is that a source remembers. */
export function memoryKey(source: string, id: string): Key {
  return { collection: "memories", id: `${source}/${id}` };
}
