/**
 * When a dispatcher that is not the queen may take her place. Nobody's clock is compared with anybody else's: a standby
 * looks at the leader's record in the store again and again, and only when nothing in it moved for a whole term of its
 * own monotonic clock does it take the queen for dead. The election itself is a compare-and-set on what was last seen,
 * so a wrong guess costs time and never correctness: commits of the one before are refused from then on.
 *
 * One watch lives as long as the process; every handle on the store shares it, so that what was seen is not forgotten
 * between two tries.
 */

/**
 * The term in milliseconds. A queen that is killed is followed after this, one look of the standby and the loading of
 * the state; a queen answers what commits nothing for half of it after a renewal.
 */
export const TERM_MS = 4_000;

/** The leader's record as the store keeps it. */
export interface LeaderRecord {
  /** Rises by one with each election. */
  readonly epoch: number;
  /** Random; names the election. */
  readonly electionId: string;
  /** The number of the last commit. */
  readonly sequence: number;
  /** Counts renewals. */
  readonly beat: number;
  /** The queen stopped cleanly: anybody may follow at once. */
  readonly released: boolean;
  /** How other dispatchers reach the queen. */
  readonly url: string;
  /** That she has our secrets: `LeaderProof` of electionId and url. */
  readonly proof: string;
}

/** What to do about a record. `queen` is where requests may be handed on to, null while that is not known. */
export type Seen =
  | { readonly elect: true }
  | { readonly elect: false; readonly queen: { readonly url: string } | null };

export interface LeaderWatch {
  /** Judges the record as it was just read; null when there is none. Call it at least a few times a term. */
  see(record: LeaderRecord | null): Seen;
  /**
   * Say so before an election of this process is written: should its answer be lost, the record is known as our own and
   * not waited for.
   */
  running(electionId: string): void;
  /** From now on nothing is a reason to elect, or, with `false`, again what is: a dispatcher that stops stands back. */
  abstain(abstains: boolean): void;
}

export interface LeaderWatchOptions {
  /** How other dispatchers reach this one. A record with it, found at the start, is of this dispatcher's earlier life. */
  readonly ownUrl: string;
  /** Milliseconds; `TERM_MS`, less in tests. */
  readonly termMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly mono: () => number;
  /** Whether the record was written by somebody with our secrets. Default: every record was. */
  readonly isProven?: (record: LeaderRecord) => boolean;
}

export function createLeaderWatch({ ownUrl, termMs, mono, isProven = () => true }: LeaderWatchOptions): LeaderWatch {
  const own = new Set<string>();
  let last: LeaderRecord | null = null;
  let movedAt = 0;
  let abstains = false;

  function isOwn(record: LeaderRecord): boolean {
    // By address only before this process's first election: two dispatchers that were given the same one by mistake must
    // not throw each other out for ever.
    return own.has(record.electionId) || (own.size === 0 && record.url === ownUrl);
  }

  return {
    see(record) {
      const isFree = record === null || record.released || isOwn(record);
      if (isFree) return abstains ? { elect: false, queen: null } : { elect: true };
      const moved =
        last === null ||
        last.electionId !== record.electionId ||
        last.beat !== record.beat ||
        last.sequence !== record.sequence;
      if (moved) {
        last = record;
        movedAt = mono();
      }
      if (!abstains && mono() - movedAt >= termMs) return { elect: true };
      return { elect: false, queen: isProven(record) ? { url: record.url } : null };
    },

    running(electionId) {
      own.add(electionId);
    },

    abstain(value) {
      abstains = value;
    },
  };
}
