/**
 * Logs and artifacts in Redis, so that whichever dispatcher is the queen has them. Redis keeps everything in memory:
 * of a long log only the beginning and the end are kept, and files have a limit. An append is durable as Redis is: with
 * `appendfsync always` before it is answered, otherwise within about a second, which is all that a flush could wait for.
 *
 * What a stream's bytes are is decided here and written by a compare-and-set on the stream's state, so a dispatcher
 * that knows an older state, or lost the answer to its last write, looks again and never writes twice.
 */

import { HiveError } from "@hive/core";
import type { RedisConnection } from "../../store/redis/connection.ts";
import {
  type Appended,
  type ArtifactStore,
  DEFAULT_LOG_LIMITS,
  type LogKey,
  type LogLimits,
  type LogRefusal,
  type LogSize,
  type LogStore,
  READ_PIECE,
  type Sealed,
} from "../contract.ts";
import { placeChunk } from "../overlap.ts";
import { GuardedRedis, type GuardedRedisOptions } from "./guarded-redis.ts";
import { JobBells } from "./job-bells.ts";
import { toEntries } from "./kept-bytes.ts";
import { logKeys, parseArtifactField } from "./log-keys.ts";
import { LogReader } from "./log-reader.ts";
import { REMOVE_LOGS, SEE_FENCE, WRITE_LOG } from "./log-scripts.ts";
import { RedisArtifacts } from "./redis-artifacts.ts";
import { extended, formatState, NO_STREAM, parseState, type StreamState } from "./stream-state.ts";

/** Looks at a stream that somebody else writes to, in one call, before the caller is told to try again. */
const TRIES = 8;
/** Streams whose state is remembered; for others each append costs one more question. */
const STATES_KEPT = 2000;

export interface RedisLogsOptions {
  /** A connection of their own: megabytes of log must not stand in a commit's way. Closed with the logs. */
  readonly connection: RedisConnection;
  /** `redisKeys` of the store. */
  readonly keys: { readonly start: string; readonly meta: string };
  readonly position: GuardedRedisOptions["position"];
  readonly limits?: Partial<LogLimits>;
  /** Bytes kept of a log, half of them its beginning and half its end. Default 4 MiB. */
  readonly keptBytes?: number;
  /** Milliseconds between looks at a followed log that another process may write to. Default 1,000. */
  readonly pollMs?: number;
}

/** Opens the log store and the artifact store of one Redis. */
export function openRedisLogs(options: RedisLogsOptions): {
  readonly logs: LogStore;
  readonly artifacts: ArtifactStore;
} {
  const redis = new GuardedRedis({ ...options, keys: logKeys(options.keys) });
  const limits = { ...DEFAULT_LOG_LIMITS, ...options.limits };
  const bells = new JobBells();
  return {
    logs: new RedisLogs({ ...options, limits, redis, bells }),
    artifacts: new RedisArtifacts({ redis, limits, bells }),
  };
}

class RedisLogs implements LogStore {
  readonly #redis: GuardedRedis;
  readonly #reader: LogReader;
  readonly #bells: JobBells;
  readonly #limits: LogLimits;
  readonly #half: number;
  readonly #pollMs: number;
  /** Streams as they were after the last write made here, the one written to last at the end. */
  readonly #states = new Map<string, StreamState>();
  /** The last call of each job that one is under way for. */
  readonly #lines = new Map<string, Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(
    options: Pick<RedisLogsOptions, "keptBytes" | "pollMs"> & {
      readonly redis: GuardedRedis;
      readonly bells: JobBells;
      readonly limits: LogLimits;
    },
  ) {
    this.#redis = options.redis;
    this.#reader = new LogReader(options.redis);
    this.#bells = options.bells;
    this.#limits = options.limits;
    this.#half = Math.max(1, Math.floor((options.keptBytes ?? 4 * 1024 * 1024) / 2));
    this.#pollMs = options.pollMs ?? 1000;
  }

  append(chunk: LogKey & { offset: number; bytes: Uint8Array }): Promise<Appended> {
    const position = this.#redis.position();
    return this.#inLine(chunk, () => this.#append(position, chunk));
  }

  seal(end: LogKey & { bytes: number; crc32: number }): Promise<Sealed> {
    const position = this.#redis.position();
    return this.#inLine(end, () => this.#seal(position, end));
  }

  async size(key: LogKey): Promise<LogSize | null> {
    const { state } = await this.#reader.look(key);
    if (state === null) return null;
    const { bytes, sealed, head, tail } = state;
    return tail > head ? { bytes, sealed, cut: { from: head, to: tail } } : { bytes, sealed };
  }

  async *read(range: LogKey & { from?: number; to?: number }): AsyncGenerator<Uint8Array> {
    const { from = 0, to = Infinity } = range;
    const { state } = await this.#reader.look(range);
    if (state === null) return;
    for await (const { piece } of this.#reader.read(range, state, from, Math.min(to, state.bytes))) yield piece;
  }

  async *follow(
    range: LogKey & { from?: number; signal: AbortSignal; over?: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const { fence, from = 0, signal, over } = range;
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    const stopOrOver = over === undefined ? stop : AbortSignal.any([stop, over]);
    using bell = this.#bells.hold(range.jobId);
    let at = from;
    let wasThere = false;
    while (!stop.aborted) {
      // In this order: what happens after these looks rings.
      const rung = bell.rung();
      const isOver = over?.aborted === true;
      // A Redis that is away for a while does not end what people watch; it goes on when Redis does.
      const seen = await this.#reader.look(range).catch(nullWhileAway);
      const state = seen?.state ?? null;
      if (state !== null && state.bytes > at) {
        wasThere = true;
        try {
          for await (const { piece, end } of this.#reader.read(range, state, at, state.bytes)) {
            yield piece;
            at = end;
            if (stop.aborted) return;
          }
        } catch (error) {
          nullWhileAway(error);
          await bell.next(rung, stop, this.#pollMs);
        }
      } else if (seen !== null && (isOver || state?.sealed || seen.highest > fence || (wasThere && state === null))) {
        return;
      } else {
        wasThere ||= state !== null;
        // Over, but Redis cannot say how far it came: that is still waited for.
        await bell.next(rung, isOver ? stop : stopOrOver, this.#pollMs);
      }
    }
  }

  async fences(jobId: string): Promise<readonly number[]> {
    const fields = await this.#reader.fields(jobId);
    return fields
      .filter((field) => /^\d+$/.test(field))
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Redis itself flushes, before each answer or about once a second; there is no command to wait for the latter. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#lines.values());
  }

  remove(jobId: string): Promise<void> {
    const position = this.#redis.position();
    return this.#inLine({ jobId, fence: 0 }, async () => {
      const { keys } = this.#redis;
      const gone = [keys.job(jobId)];
      for (const field of await this.#reader.fields(jobId)) {
        const artifact = parseArtifactField(field);
        if (artifact !== null) gone.push(keys.artifact(jobId, artifact.fence, artifact.name));
        else if (/^\d+$/.test(field)) {
          gone.push(keys.head(jobId, Number(field)), keys.tail(jobId, Number(field)));
          this.#states.delete(keys.head(jobId, Number(field)));
        }
      }
      await this.#redis.write(position, REMOVE_LOGS, gone, []);
      this.#bells.ring(jobId);
    });
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.flush();
    this.#redis.close();
  }

  async #append(
    position: Position,
    { offset, bytes, ...key }: LogKey & { offset: number; bytes: Uint8Array },
  ): Promise<Appended> {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`${offset} is not an offset`);
    const end = offset + bytes.length;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const known = this.#states.get(this.#redis.keys.head(key.jobId, key.fence));
      // Everything but the plain next chunk is decided by what is there now, not by what was.
      const isNext = known?.bytes === offset && !known.sealed && bytes.length > 0;
      const seen = isNext ? { highest: -1, state: known } : await this.#reader.look(key);
      if (seen.highest > key.fence) return lost(seen.highest);
      const state = seen.state ?? NO_STREAM;
      const placed = placeChunk(offset, bytes.length, state.bytes);
      if (placed.type === "gap") return { ok: false, code: "wrong_offset", expected: state.bytes };
      const isNew = placed.repeated < bytes.length;
      const isSame =
        placed.repeated === 0 || (await this.#reader.isThere(key, state, offset, bytes.subarray(0, placed.repeated)));
      if (!isSame || (state.sealed && isNew)) return { ok: false, code: "log_differs", expected: state.bytes };
      if (isNew && end > this.#limits.logBytes)
        return { ok: false, code: "log_too_large", limit: this.#limits.logBytes };
      const added = bytes.subarray(placed.repeated);
      const written = isNew
        ? await this.#write(position, key, seen.state, extended(state, added, this.#half), added)
        : await this.#see(position, key, state);
      if (written === "moved") continue;
      return written.ok ? { ok: true, committed: written.state.bytes } : written;
    }
    throw new Error(`the log of attempt ${key.fence} of job ${key.jobId} is written to by somebody else`);
  }

  async #seal(
    position: Position,
    { bytes, crc32: checksum, ...key }: LogKey & { bytes: number; crc32: number },
  ): Promise<Sealed> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const { highest, state: found } = await this.#reader.look(key);
      if (highest > key.fence) return lost(highest);
      const state = found ?? NO_STREAM;
      if (bytes > state.bytes && !state.sealed) return { ok: false, code: "log_incomplete", expected: state.bytes };
      if (bytes !== state.bytes || checksum !== state.crc32)
        return { ok: false, code: "log_differs", expected: state.bytes };
      if (state.sealed) return { ok: true };
      const written = await this.#write(position, key, found, { ...state, sealed: true }, new Uint8Array());
      if (written === "moved") continue;
      return written.ok ? { ok: true } : written;
    }
    throw new Error(`the log of attempt ${key.fence} of job ${key.jobId} is written to by somebody else`);
  }

  /** Brings a stream from one state to the next, with the bytes between them. */
  async #write(
    position: Position,
    key: LogKey,
    from: StreamState | null,
    to: StreamState,
    bytes: Uint8Array,
  ): Promise<Written> {
    const { keys } = this.#redis;
    const { jobId, fence } = key;
    const name = keys.head(jobId, fence);
    const forgotten = Math.max(to.head, to.bytes - this.#half);
    const start = to.bytes - bytes.length;
    const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.max(0, Math.min(to.head, to.bytes) - start));
    // A piece is forgotten whole: small ones where little is kept.
    const tail = [...toEntries(bytes, start, forgotten, to.bytes, Math.min(READ_PIECE, Math.ceil(this.#half / 8)))];
    this.#states.delete(name);
    const [answer, detail = ""] = await this.#redis.write(
      position,
      WRITE_LOG,
      [keys.job(jobId), name, keys.tail(jobId, fence)],
      [
        String(fence),
        from === null ? "" : formatState(from),
        ...[to.bytes, to.crc32, to.sealed ? 1 : 0, to.head, to.headCrc32, forgotten].map(String),
        head,
        ...tail.flat(),
      ],
    );
    if (answer === "lost") return lost(Number(detail));
    if (answer === "moved") return "moved";
    const state = parseState(detail);
    this.#states.set(name, state);
    const oldest = this.#states.keys().next();
    if (this.#states.size > STATES_KEPT && !oldest.done) this.#states.delete(oldest.value);
    this.#bells.ring(jobId);
    return { ok: true, state };
  }

  /** Notes the fence although nothing is to be written. */
  async #see(position: Position, { jobId, fence }: LogKey, state: StreamState): Promise<Written> {
    const [answer, detail] = await this.#redis.write(
      position,
      SEE_FENCE,
      [this.#redis.keys.job(jobId)],
      [String(fence)],
    );
    if (answer === "lost") return lost(Number(detail));
    this.#bells.ring(jobId);
    return { ok: true, state };
  }

  /** Calls for one job one after the other, as they came. */
  #inLine<T>({ jobId, fence }: LogKey, work: () => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted) return Promise.reject(new Error("the log store is closed"));
    if (!Number.isSafeInteger(fence) || fence < 0) return Promise.reject(new RangeError(`${fence} is not a fence`));
    const done = (this.#lines.get(jobId) ?? Promise.resolve()).then(work, work);
    this.#lines.set(jobId, done);
    const leave = (): void => {
      if (this.#lines.get(jobId) === done) this.#lines.delete(jobId);
    };
    void done.then(leave, leave);
    return done;
  }
}

/** Where the store stood when the call came. */
type Position = ReturnType<GuardedRedis["position"]>;

type Written =
  | { readonly ok: true; readonly state: StreamState }
  | Extract<LogRefusal, { code: "lease_lost" }>
  | "moved";

function lost(fence: number): Extract<LogRefusal, { code: "lease_lost" }> {
  return { ok: false, code: "lease_lost", fence };
}

/** Null for a Redis that cannot be reached at the moment. @throws anything else */
function nullWhileAway(error: unknown): null {
  if (error instanceof HiveError && error.code === "not_ready") return null;
  throw error;
}
