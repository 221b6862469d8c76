/** Reads logs in Redis: how far a stream is, and what is kept of it. */

import { StoreCorrupt } from "../../store/contract.ts";
import { maybeTextsIn, textsIn } from "../../store/redis/replies.ts";
import { type LogKey, READ_PIECE } from "../contract.ts";
import { cutMarker } from "../cut-marker.ts";
import type { GuardedRedis } from "./guarded-redis.ts";
import { headBytes, tailBytes } from "./kept-bytes.ts";
import { READ_JOB } from "./log-scripts.ts";
import { parseState, type StreamState } from "./stream-state.ts";

/** A stream and its job, as they are now. */
export interface Look {
  /** -1: none was seen. */
  readonly highest: number;
  /** Null: nobody wrote to this stream. */
  readonly state: StreamState | null;
}

export class LogReader {
  readonly #redis: GuardedRedis;

  constructor(redis: GuardedRedis) {
    this.#redis = redis;
  }

  /** @throws RangeError for a fence that is none */
  async look({ jobId, fence }: LogKey): Promise<Look> {
    if (!Number.isSafeInteger(fence) || fence < 0) throw new RangeError(`${fence} is not a fence`);
    const reply = await this.#redis.command(["HMGET", this.#redis.keys.job(jobId), "highest", String(fence)]);
    const [highest, state] = maybeTextsIn(reply);
    return { highest: highest == null ? -1 : Number(highest), state: state == null ? null : parseState(state) };
  }

  /** The names of all that is known of a job. */
  async fields(jobId: string): Promise<string[]> {
    const pairs = textsIn(await this.#redis.read(READ_JOB, [this.#redis.keys.job(jobId)]));
    return pairs.filter((_, i) => i % 2 === 0);
  }

  /** Whether these bytes are there, as far as they are still kept. */
  async isThere(key: LogKey, state: StreamState, offset: number, bytes: Uint8Array): Promise<boolean> {
    for await (const kept of this.#kept(key, state, offset, offset + bytes.length)) {
      const at = kept.offset - offset;
      if (!kept.bytes.equals(bytes.subarray(at, at + kept.bytes.length))) return false;
    }
    return true;
  }

  /**
   * What is kept of a range, with the marker where something is missing, in pieces of a good size. `end` is the place in
   * the log that was reached: the marker has another length than what it stands for.
   */
  async *read(
    key: LogKey,
    state: StreamState,
    from: number,
    to: number,
  ): AsyncGenerator<{ piece: Uint8Array; end: number }> {
    let gathered: Uint8Array[] = [];
    let size = 0;
    let at = from;
    const take = () => {
      const piece = Buffer.concat(gathered, size);
      gathered = [];
      size = 0;
      return { piece, end: at };
    };
    for await (const { offset, bytes } of this.#kept(key, state, from, to)) {
      if (size > 0 && (offset > at || size + bytes.length > READ_PIECE)) yield take();
      if (offset > at) yield { piece: cutMarker(offset - at), end: offset };
      gathered.push(bytes);
      size += bytes.length;
      at = offset + bytes.length;
    }
    if (size > 0) yield take();
    if (at < to) yield { piece: cutMarker(to - at), end: to };
  }

  /** The beginning has one checksum: what is read of its middle alone is not compared. */
  async *#kept(key: LogKey, { head, headCrc32 }: StreamState, from: number, to: number) {
    const { keys } = this.#redis;
    const { jobId, fence } = key;
    const end = Math.min(head, to);
    const checksum = from === 0 && end === head ? headCrc32 : null;
    try {
      if (from < end) yield* headBytes(this.#redis, keys.head(jobId, fence), { from, to: end, checksum });
      if (Math.max(from, head) < to) yield* tailBytes(this.#redis, keys.tail(jobId, fence), Math.max(from, head), to);
    } catch (error) {
      if (!(error instanceof StoreCorrupt)) throw error;
      // Removed while it was read: there is nothing to be right or wrong.
      if ((await this.look(key)).state === null) return;
      throw new StoreCorrupt(`the log of attempt ${fence} of job ${jobId} is damaged: ${error.message}`, {
        cause: error,
      });
    }
  }
}
