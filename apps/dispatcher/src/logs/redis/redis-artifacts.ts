/**
 * The files that attempts leave, in Redis: lists of pieces. They come under a name of their own, unseen by anybody, and
 * one script gives them their name once they are whole, if the lease still lives. What is left of uploads that broke off
 * with their dispatcher, or with Redis, is removed by the next upload.
 */

import { createHash, randomUUID } from "node:crypto";
import { HiveError } from "@hive/core";
import { StoreCorrupt, type StorePosition } from "../../store/contract.ts";
import { textsIn } from "../../store/redis/replies.ts";
import {
  ARTIFACT_NAME,
  type Artifact,
  type ArtifactPut,
  type ArtifactStore,
  type LogKey,
  type LogLimits,
  READ_PIECE,
} from "../contract.ts";
import type { GuardedRedis } from "./guarded-redis.ts";
import type { JobBells } from "./job-bells.ts";
import { artifactField, parseArtifactField } from "./log-keys.ts";
import { PLACE_ARTIFACT, READ_JOB, SEE_FENCE } from "./log-scripts.ts";

/** Pieces sent, or read, at once: half a megabyte. */
const PIECES = 8;
/** When a worker whose file was lost on the way is told to send it again, in milliseconds. */
const GONE_RETRY_MS = 1000;

type Put = Parameters<ArtifactStore["putArtifact"]>[0];

export class RedisArtifacts implements ArtifactStore {
  readonly #redis: GuardedRedis;
  readonly #limits: LogLimits;
  readonly #bells: JobBells;
  /** What comes in here now. */
  readonly #coming = new Set<string>();
  /** The election under which what was left over was removed; null: there may be something. */
  #cleaned: string | null = null;

  /** Use `openRedisLogs`. */
  constructor(options: {
    readonly redis: GuardedRedis;
    readonly limits: LogLimits;
    readonly bells: JobBells;
  }) {
    this.#redis = options.redis;
    this.#limits = options.limits;
    this.#bells = options.bells;
  }

  async putArtifact(put: Put): Promise<ArtifactPut> {
    const { jobId, fence, name } = put;
    if (!ARTIFACT_NAME.test(name)) return { ok: false, code: "bad_name" };
    const { keys } = this.#redis;
    const position = this.#redis.position();
    const [answer, highest] = await this.#redis.write(position, SEE_FENCE, [keys.job(jobId)], [String(fence)]);
    if (answer === "lost") return { ok: false, code: "lease_lost", fence: Number(highest) };
    this.#bells.ring(jobId);
    await this.#clean();
    const partial = keys.partial(randomUUID());
    this.#coming.add(partial);
    let placed = false;
    try {
      const received = await this.#receive(put, partial);
      if (!received.ok) return received.refusal;
      const result = await this.#place(position, put, partial, received.artifact, received.pieces);
      placed = result.ok;
      return result;
    } finally {
      this.#coming.delete(partial);
      // What cannot be removed now is removed before the next upload.
      if (!placed) await this.#remove([partial]).catch(() => (this.#cleaned = null));
    }
  }

  async readArtifact({ jobId, fence, name }: LogKey & { name: string }) {
    if (!ARTIFACT_NAME.test(name)) return null;
    const artifact = (await this.listArtifacts({ jobId, fence })).find((each) => each.name === name);
    if (artifact === undefined) return null;
    return { artifact, stream: this.#verified(this.#redis.keys.artifact(jobId, fence, name), artifact) };
  }

  async listArtifacts({ jobId, fence }: { jobId: string; fence?: number }): Promise<readonly Artifact[]> {
    const texts = textsIn(await this.#redis.read(READ_JOB, [this.#redis.keys.job(jobId)]));
    const found: Artifact[] = [];
    for (let i = 0; i < texts.length; i += 2) {
      const place = parseArtifactField(texts[i] ?? "");
      if (place === null || (fence !== undefined && place.fence !== fence)) continue;
      found.push({ ...place, ...parseValue(texts[i + 1] ?? "") });
    }
    return found.sort((a, b) => a.fence - b.fence || (a.name < b.name ? -1 : 1));
  }

  /** Keeps the pieces that come, unseen; refuses them when they are not what was announced. */
  async #receive(put: Put, partial: string): Promise<Received> {
    const limit = this.#limits.artifactBytes;
    const tooLarge = { ok: false, refusal: { ok: false, code: "artifact_too_large", limit } } as const;
    if ((put.bytes ?? 0) > limit) return tooLarge;
    await this.#redis.command(["SADD", this.#redis.keys.partials, partial]);
    const hash = createHash("sha256");
    let bytes = 0;
    let pieces = 0;
    let batch: Buffer[] = [];
    const send = async (): Promise<void> => {
      if (batch.length === 0) return;
      await this.#redis.command(["RPUSH", partial, ...batch]);
      pieces += batch.length;
      batch = [];
    };
    async function* measured(): AsyncGenerator<Uint8Array> {
      for await (const piece of put.stream) {
        bytes += piece.length;
        if (bytes > limit) return;
        hash.update(piece);
        yield piece;
      }
    }
    for await (const piece of inPieces(measured())) {
      batch.push(piece);
      if (batch.length === PIECES) await send();
    }
    if (bytes > limit) return tooLarge;
    await send();
    const sha256 = hash.digest("hex");
    if (sha256 !== put.sha256 || (put.bytes !== undefined && bytes !== put.bytes))
      return { ok: false, refusal: { ok: false, code: "artifact_mismatch", bytes, sha256 } };
    return { ok: true, artifact: { fence: put.fence, name: put.name, bytes, sha256 }, pieces };
  }

  async #place(
    position: StorePosition | null,
    { jobId }: Put,
    partial: string,
    artifact: Artifact,
    pieces: number,
  ): Promise<ArtifactPut> {
    const { keys } = this.#redis;
    const { fence, name, bytes, sha256 } = artifact;
    const limit = this.#limits.artifacts;
    const [answer, detail = ""] = await this.#redis.write(
      position,
      PLACE_ARTIFACT,
      [keys.job(jobId), partial, keys.partials, keys.artifact(jobId, fence, name)],
      [
        String(fence),
        artifactField(fence, name),
        `${bytes} ${sha256}`,
        String(pieces),
        String(limit),
        artifactField(fence, ""),
      ],
    );
    switch (answer) {
      case "done":
        return { ok: true, artifact };
      case "lost":
        return { ok: false, code: "lease_lost", fence: Number(detail) };
      case "full":
        return { ok: false, code: "too_many_artifacts", limit };
      case "there": {
        const there = { fence, name, ...parseValue(detail) };
        if (there.sha256 !== sha256) return { ok: false, code: "artifact_exists", sha256: there.sha256 };
        await this.#remove([partial]);
        return { ok: true, artifact: there };
      }
      default:
        // Another queen took them for what was left over, or Redis was started again without them.
        throw new HiveError("not_ready", `The pieces of ${name} were gone before it was whole; send it again`, {
          retryAfterMs: GONE_RETRY_MS,
        });
    }
  }

  /** Removes what is left of uploads that broke off: those of another election cannot be finished any more. */
  async #clean(): Promise<void> {
    const election = this.#redis.position()?.electionId ?? "";
    if (this.#cleaned === election) return;
    const left = textsIn(await this.#redis.command(["SMEMBERS", this.#redis.keys.partials]));
    await this.#remove(left.filter((partial) => !this.#coming.has(partial)));
    this.#cleaned = election;
  }

  async #remove(partials: readonly string[]): Promise<void> {
    if (partials.length === 0) return;
    await this.#redis.command(["UNLINK", ...partials]);
    await this.#redis.command(["SREM", this.#redis.keys.partials, ...partials]);
  }

  /** The bytes of a file; the last piece only once the whole is known to be right. */
  async *#verified(key: string, { name, sha256 }: Artifact): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    let held: Buffer | null = null;
    for (let at = 0; ; at += PIECES) {
      const pieces = await this.#redis.bytes(["LRANGE", key, String(at), String(at + PIECES - 1)]);
      if (!Array.isArray(pieces) || pieces.length === 0) break;
      for (const piece of pieces as readonly unknown[]) {
        if (!Buffer.isBuffer(piece)) throw damaged(name);
        if (held !== null) yield held;
        held = piece;
        hash.update(piece);
      }
    }
    if (hash.digest("hex") !== sha256) throw damaged(name);
    if (held !== null) yield held;
  }
}

type Received =
  | { readonly ok: true; readonly artifact: Artifact; readonly pieces: number }
  | { readonly ok: false; readonly refusal: ArtifactPut };

function parseValue(value: string): { readonly bytes: number; readonly sha256: string } {
  const [, bytes, sha256] = /^(\d+) ([0-9a-f]{64})$/.exec(value) ?? [];
  if (bytes === undefined || sha256 === undefined)
    throw new StoreCorrupt(
      `an artifact's entry in Redis is not what was written: ${JSON.stringify(value.slice(0, 80))}`,
    );
  return { bytes: Number(bytes), sha256 };
}

function damaged(name: string): Error {
  return new Error(`the artifact ${name} is damaged: its bytes are not those that were kept`);
}

/** The same bytes in pieces of one size, the last one smaller. */
async function* inPieces(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let gathered = Buffer.alloc(0);
  for await (const each of stream) {
    gathered = gathered.length === 0 ? Buffer.from(each) : Buffer.concat([gathered, each]);
    while (gathered.length >= READ_PIECE) {
      yield gathered.subarray(0, READ_PIECE);
      gathered = gathered.subarray(READ_PIECE);
    }
  }
  if (gathered.length > 0) yield gathered;
}
