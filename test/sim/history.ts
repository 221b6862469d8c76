/**
 * What was seen from outside: by clients, workers, callback receivers and readers of the event stream, each with the
 * moment it was seen. The checkers read this and nothing else.
 */

import { createHash } from "node:crypto";
import type { Delivery, Group, HiveEvent, SlotRecord, Tally } from "@hive/core";

/** A worker call in the name of a lease. */
export type WriteKind = "heartbeat" | "logs" | "events" | "publish" | "finish";

/** The job as a client asked for it, the parts that matter here. */
export interface JobBrief {
  readonly key: string | null;
  readonly callback: boolean;
  readonly maxAttempts: number;
  readonly dependsOn: readonly string[];
  /** How often it is to be done; absent: once. */
  readonly candidates?: number;
}

/** One job as a reader of the API sees it. */
export interface JobSeen {
  readonly status: string;
  readonly reason: string | null;
  readonly generation: number;
  readonly fence: number;
  readonly workerId: string | null;
  readonly waitsFor: readonly string[];
  readonly bodyHash: string;
}

export type Entry =
  /** A client's enqueue ended: accepted, refused with a code, or `unknown`. Several entries may be tries of one request. */
  | {
      readonly kind: "enqueue";
      readonly at: number;
      readonly sentAt: number;
      readonly id: string;
      readonly bodyHash: string;
      readonly brief: JobBrief;
      readonly outcome: string;
      readonly existing: boolean;
      /** The job's status as the answer told it; null: no answer. */
      readonly status: string | null;
    }
  /** A reader was told that the job ended so and is not kept any more. */
  | {
      readonly kind: "forgotten";
      readonly at: number;
      readonly sentAt: number;
      /** When it was told, as events tell time. */
      readonly wall: number;
      readonly id: string;
      readonly status: string;
    }
  /** A client's comment ended: `ok` with its number, refused with a code, or `unknown`. All tries carry one text. */
  | {
      readonly kind: "comment";
      readonly at: number;
      readonly id: string;
      readonly text: string;
      readonly outcome: string;
      readonly n: number | null;
    }
  | { readonly kind: "ask"; readonly at: number; readonly what: string; readonly id: string; readonly outcome: string }
  | {
      readonly kind: "read";
      readonly at: number;
      /** When it was asked for, where anybody wants to know. */
      readonly sentAt?: number;
      readonly id: string;
      readonly job: JobSeen | null;
    }
  | {
      readonly kind: "granted";
      readonly at: number;
      readonly worker: string;
      readonly jobId: string;
      readonly fence: number;
    }
  /** The worker did something for the job that only the holder of the lease may do. */
  | {
      readonly kind: "act";
      readonly at: number;
      readonly worker: string;
      readonly jobId: string;
      readonly fence: number;
      readonly what: string;
    }
  /** A call to a model, as the gateway knows it: let through or not, its bill sent, its bill taken. */
  | {
      readonly kind: "call";
      readonly at: number;
      /** When the gateway first asked, or first sent the bill. */
      readonly sentAt: number;
      readonly jobId: string;
      readonly fence: number;
      readonly generation: number;
      readonly callId: string;
      /** The day in whose account it is, such as `2026-11-23`. */
      readonly day: string;
      readonly what: "asked" | "admitted" | "refused" | "settling" | "settled";
      /** Tokens at worst, or what it came to. */
      readonly tokens: number;
    }
  /** The dispatcher answered that a provider takes no more calls of this lease before `until`, in wall time. */
  | {
      readonly kind: "quota";
      readonly at: number;
      readonly jobId: string;
      readonly fence: number;
      readonly parked: boolean;
      readonly until: number;
    }
  /** A call in the name of a lease ended. `token` marks a finish, so that its effect can be found. */
  | {
      readonly kind: "write";
      readonly at: number;
      readonly sentAt: number;
      readonly worker: string;
      readonly jobId: string;
      readonly fence: number;
      readonly what: WriteKind;
      readonly outcome: string;
      readonly token: string | null;
      /** Which finish it is, see `finishSent`; null for other writes. */
      readonly finishId: string | null;
      readonly status: string | null;
    }
  /** Who brought slots of a schedule, or asked for them, was told what became of each. */
  | {
      readonly kind: "fired";
      readonly at: number;
      readonly sentAt: number;
      readonly schedule: string;
      readonly by: string;
      readonly slots: readonly Pick<SlotRecord, "slot" | "outcome" | "jobId">[];
    }
  /** Hive was told of something by a source: a delivery that it took, or a line in a log. The same id again is the same. */
  | {
      readonly kind: "told";
      readonly at: number;
      readonly source: string;
      readonly id: string;
      readonly counts: readonly { readonly fingerprint: string; readonly count: number }[];
    }
  /** The dispatcher began to call back (whether or not it arrived). */
  | { readonly kind: "sent"; readonly at: number; readonly jobId: string; readonly n: number }
  /** What it heard of that; null: no answer. */
  | {
      readonly kind: "heard";
      readonly at: number;
      readonly jobId: string;
      readonly n: number;
      readonly status: number | null;
    }
  /** A callback arrived. `status` is the answer given, null for none. */
  | {
      readonly kind: "called";
      readonly at: number;
      readonly messageId: string;
      readonly jobId: string;
      readonly n: number;
      readonly body: string;
      readonly status: number | null;
    }
  /** A reader of the event stream got this event as it happened. */
  | { readonly kind: "event"; readonly at: number; readonly event: HiveEvent }
  /** The worker gave the attempt up by itself: what its stop says, see `attempt.ts`. */
  | {
      readonly kind: "gave-up";
      readonly at: number;
      readonly worker: string;
      readonly jobId: string;
      readonly fence: number;
      readonly why: string;
    }
  /** A dispatcher leads from here on; is away, for it was killed, told to stop or sleeps; is back from its sleep. */
  | {
      readonly kind: "duty";
      readonly at: number;
      /** The same moment as events tell it. */
      readonly wall: number;
      readonly dispatcher: string;
      readonly what: "leads" | "away" | "back";
    }
  /** Marks in the life of the world: faults, restarts, phases. */
  | { readonly kind: "world"; readonly at: number; readonly what: string };

/** What a last look from outside shows, after every fault was mended. */
export interface FinalLook {
  /** Every event there is or was, in order: those that were swept away as their reader kept them. */
  readonly events: readonly HiveEvent[];
  /** Numbers of those that were swept away. */
  readonly swept: ReadonlySet<number>;
  readonly jobs: ReadonlyMap<string, JobSeen>;
  /** How jobs ended that are not kept any more, as the server tells it. */
  readonly forgotten: ReadonlyMap<string, string>;
  /** What a last sweep left of such jobs, and of those that were to be swept away, in words. */
  readonly left: readonly string[];
  /** What each job used of models: calls, and nano-USD. */
  readonly usage: ReadonlyMap<string, { readonly calls: number; readonly nano: number }>;
  /** Log text by `job/fence`. */
  readonly logs: ReadonlyMap<string, string>;
  /** What became of the slots of schedules. */
  readonly slots: readonly SlotRecord[];
  /** How sources stand; absent: nobody looked. */
  readonly sources?: {
    readonly groups: readonly Group[];
    readonly tallies: readonly Tally[];
    readonly deliveries: readonly Delivery[];
  };
}

export class History {
  readonly entries: Entry[] = [];
  /** What each worker wrote into a log, by `job/fence`, as it alone knows. */
  readonly written = new Map<string, string>();
  /** When each finish was first sent, by `job/fence finishId`; also those whose sender died before it heard an answer. */
  readonly finishes = new Map<string, number>();
  readonly #finishNames = new Map<string, string>();
  readonly #hash = createHash("sha256");

  /** A finish is sent. Its id is random; answers the name it has in this history, which is the same for the same seed. */
  finishSent(lease: string, finishId: string, sentAt: number): string {
    const known = this.#finishNames.get(finishId);
    if (known !== undefined) return known;
    const name = `finish-${this.#finishNames.size + 1}`;
    this.#finishNames.set(finishId, name);
    this.finishes.set(`${lease} ${name}`, sentAt);
    return name;
  }

  add(entry: Entry): void {
    this.entries.push(entry);
    this.#hash.update(JSON.stringify(entry));
  }

  /** The same for the same seed. To be asked for once, at the end. */
  digest(): string {
    return this.#hash.digest("hex").slice(0, 16);
  }

  /** The entries of one kind. */
  all<K extends Entry["kind"]>(kind: K): readonly Extract<Entry, { readonly kind: K }>[] {
    return this.entries.filter((entry): entry is Extract<Entry, { readonly kind: K }> => entry.kind === kind);
  }
}
