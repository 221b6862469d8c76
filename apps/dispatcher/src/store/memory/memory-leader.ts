/**
 * Who leads, for a memory store that several dispatchers share: the same record, watch and renewals as with Redis, with
 * a network in between that a test makes fail. One of these belongs to one handle on the store.
 */

import type { Leadership } from "../../leader/leadership.ts";
import type { LeaderRecord } from "../../leader/watch.ts";
import { type Election, StoreFenced, StoreHeld, StoreSecretsDiffer } from "../contract.ts";
import type { MemoryContent } from "./memory-content.ts";

/** How a renewal, or the hand-over of a clean stop, may fail: as commits do. */
export interface LeaderFaults {
  /** Before the leader's record is read, and again before an election is written. Wait or throw. */
  readonly beforeElection?: () => void | Promise<void>;
  /** After an election was written, before anybody knows. Wait, or throw to land and then fail. */
  readonly afterElection?: () => void | Promise<void>;
  /** Before a renewal or a hand-over is checked. Wait, or throw to fail it without a trace. */
  readonly beforeRenewal?: () => void | Promise<void>;
  /** After it landed, before its promise resolves. Wait, or throw to land and then fail. */
  readonly afterRenewal?: () => void | Promise<void>;
}

export interface MemoryLeaderOptions {
  readonly content: MemoryContent;
  readonly leadership: Leadership;
  /** The monotonic clock of this process, in milliseconds. */
  readonly mono: () => number;
  readonly newElectionId: () => string;
  readonly faults: LeaderFaults;
}

export class MemoryLeader {
  readonly #options: MemoryLeaderOptions;
  #election: Pick<Election, "epoch" | "electionId"> = { epoch: 0, electionId: "" };
  #fenced = false;
  /** When the newest renewal or commit that was accepted had been sent. */
  #freshAt = -Infinity;

  constructor(options: MemoryLeaderOptions) {
    this.#options = options;
  }

  /** Becomes the queen, with an epoch of at least this. @throws StoreHeld @throws StoreSecretsDiffer */
  async elect(minEpoch: number): Promise<void> {
    const { content, leadership, newElectionId, faults, mono } = this.#options;
    const { watch, secretsId, url } = leadership;
    await faults.beforeElection?.();
    const seen = content.leader;
    if (seen !== null && !seen.released && content.secretsId !== secretsId) {
      throw new StoreSecretsDiffer("the dispatchers of this store have other secrets than this one");
    }
    const verdict = watch.see(seen);
    if (!verdict.elect) throw new StoreHeld(`the queen is ${seen?.url ?? "unknown"}`, verdict.queen);
    const electionId = newElectionId();
    const sentAt = mono();
    watch.running(electionId);
    await faults.beforeElection?.();
    if (!isSame(content.leader, seen)) {
      const now = watch.see(content.leader);
      throw new StoreHeld("another dispatcher was faster", now.elect ? null : now.queen);
    }
    content.secretsId = secretsId;
    const epoch = Math.max(content.epoch + 1, minEpoch);
    const proof = leadership.prove(electionId);
    content.leader = { epoch, electionId, sequence: 0, beat: 0, released: false, url, proof };
    await faults.afterElection?.();
    this.#election = { epoch, electionId };
    this.accepted(sentAt);
  }

  /** The one this handle won. */
  get election(): Pick<Election, "epoch" | "electionId"> {
    return this.#election;
  }

  /** Half a term has not passed since something of this election, sent then, was accepted. */
  get confirmed(): boolean {
    return !this.#fenced && this.#age() < this.#options.leadership.termMs / 2;
  }

  /** Renews. @throws StoreFenced when another was elected, and what the faults throw */
  async confirm(): Promise<void> {
    if (!this.#fenced && this.#age() < this.#options.leadership.termMs / 4) return;
    const sentAt = this.#options.mono();
    await this.#renew((record) => ({ ...record, beat: record.beat + 1 }));
    this.accepted(sentAt);
  }

  /** Lets anybody follow at once. */
  release(): Promise<void> {
    return this.#renew((record) => ({ ...record, released: true }));
  }

  /** Something of this election that was sent at this moment was accepted. */
  accepted(sentAt: number): void {
    this.#freshAt = Math.max(this.#freshAt, sentAt);
  }

  async #renew(change: (record: LeaderRecord) => LeaderRecord): Promise<void> {
    const { content, faults } = this.#options;
    await faults.beforeRenewal?.();
    const record = content.leader;
    if (this.#fenced || record === null || record.electionId !== this.#election.electionId || record.released) {
      this.#fenced = true;
      throw new StoreFenced(`the queen is ${record?.url ?? "nobody"}: another dispatcher was elected`);
    }
    content.leader = change(record);
    await faults.afterRenewal?.();
  }

  #age(): number {
    return this.#options.mono() - this.#freshAt;
  }
}

function isSame(one: LeaderRecord | null, other: LeaderRecord | null): boolean {
  return (
    one?.electionId === other?.electionId &&
    one?.sequence === other?.sequence &&
    one?.beat === other?.beat &&
    one?.released === other?.released
  );
}
