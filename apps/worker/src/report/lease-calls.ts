/**
 * Everything the supervisor asks of the dispatcher in the name of one lease, except heartbeats and the end. Each call is
 * repeated until it was answered; the first answer that says the lease is over stops the attempt, and nothing is sent
 * after it.
 */

import { createHash } from "node:crypto";
import { createWriteStream, openAsBlob } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { CandidateStart } from "@hive/core";
import {
  type ApiClient,
  ApiError,
  type CallOptions,
  endpoints,
  type LeaseFacts,
  type MirrorReply,
  UnreachableError,
} from "@hive/protocol";
import type { Attempt } from "../attempt.ts";
import type { MirrorAsk } from "../git/handed-out-mirrors.ts";
import type { PushAnnouncement } from "../git/push.ts";
import type { Upload } from "../logs/upload-spool.ts";
import { backOff, type Clock, pause } from "../loops/clock.ts";

/** Milliseconds one request for a mirror may take; the server says "pending" well before. */
const MIRROR_MS = 60_000;
/** Milliseconds a file may take on its way, either way: a server that stands still would be waited for without end. */
const FILE_MS = 300_000;

/** What the supervisor is told about the job's repository. */
export interface LeaseSecrets {
  readonly git: { readonly username: string; readonly password: string } | null;
  readonly githubApiUrl: string | null;
}

/** A kept file. */
export interface KeptArtifact {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A cache as it comes from the dispatcher. */
export interface StoredCache {
  readonly sha256: string | null;
  readonly stream: AsyncIterable<Uint8Array>;
}

/** All calls reject with the attempt's end when the lease is over, and with ApiError when the dispatcher refuses for another reason. */
export interface LeaseCalls {
  secrets(): Promise<LeaseSecrets>;
  /** What the server alone knows of the work, as it is now. */
  facts(): Promise<LeaseFacts>;
  /** For a candidate: says where it would start and gives where all of them do. */
  readonly agreeStart: (start: CandidateStart) => Promise<CandidateStart>;
  /**
   * The job's repository among the server's mirrors, asked for until it is there. `broken`: what was handed out before
   * is damaged. Rejects with the signal's reason too.
   */
  mirror(about: MirrorAsk, signal?: AbortSignal): Promise<MirrorReply>;
  /** One try at one chunk of the log; the log stream repeats it. */
  readonly uploadLog: Upload;
  /** Adds agent events; gives how many of this lease are durable. */
  readonly report: (from: number, events: readonly Readonly<Record<string, unknown>>[]) => Promise<number>;
  putArtifact(name: string, bytes: Uint8Array): Promise<KeptArtifact>;
  /** Writes an earlier attempt's artifact to a file. */
  getArtifact(fence: number, name: string, file: string): Promise<void>;
  /** A dependency cache, tried once; null when there is none. @throws when it cannot be had */
  getCache(name: string, signal: AbortSignal): Promise<StoredCache | null>;
  /** Sends a file as a dependency cache, once. @throws when it was not taken */
  putCache(name: string, sha256: string, file: string, signal: AbortSignal): Promise<void>;
  /** True: announced durably, it may be pushed. False: it may not. */
  readonly announce: (announcement: PushAnnouncement) => Promise<boolean>;
}

export interface LeaseCallsOptions {
  readonly client: ApiClient;
  readonly token: string;
  readonly attempt: Attempt;
  readonly clock: Clock;
  /** Asked before a push is announced: may we still act, by the clock of this moment? */
  readonly isOurs: () => boolean;
}

/** The calls of one lease. */
export function createLeaseCalls(options: LeaseCallsOptions): LeaseCalls {
  const { client, token, attempt, clock } = options;
  const call: CallOptions = { token, signal: attempt.right };

  function noticeEnd(error: unknown): void {
    if (error instanceof ApiError && error.is("lease_lost")) attempt.stop({ why: "stale", reason: error.message });
  }

  async function untilAnswered<T>(ask: () => Promise<T>, until = attempt.right): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      until.throwIfAborted();
      try {
        return await ask();
      } catch (error) {
        noticeEnd(error);
        until.throwIfAborted();
        const again = error instanceof UnreachableError || (error instanceof ApiError && error.retry);
        if (!again) throw error;
        await pause(clock, backOff(clock, tries), until);
      }
    }
  }

  return {
    secrets: () => untilAnswered(() => client.call(endpoints.leaseSecrets, {}, call)),

    facts: () => untilAnswered(() => client.call(endpoints.leaseFacts, {}, call)),

    agreeStart: (start) => untilAnswered(() => client.call(endpoints.leaseStart, { body: { ...start } }, call)),

    async mirror({ broken, outdated }, signal) {
      const until = signal === undefined ? attempt.right : AbortSignal.any([attempt.right, signal]);
      const body = { ...(broken === null ? {} : { broken }), ...(outdated === null ? {} : { outdated }) };
      const ask = () => client.call(endpoints.leaseMirror, { body }, { token, signal: until, timeoutMs: MIRROR_MS });
      for (;;) {
        const reply = await untilAnswered(ask, until);
        if (reply.ok || reply.code !== "pending") return reply;
      }
    },

    async uploadLog(offset, bytes) {
      try {
        const reply = await client.call(endpoints.leaseLogs, { query: { offset }, body: bytes }, call);
        return { ok: true, committed: reply.committed };
      } catch (error) {
        noticeEnd(error);
        if (attempt.right.aborted) return { ok: false, code: "stale" };
        const expected = error instanceof ApiError && error.is("wrong_offset") ? expectedOffset(error) : null;
        if (expected !== null) return { ok: false, code: "wrong_offset", expected };
        throw error;
      }
    },

    async report(from, events) {
      const body = { from, events: events.map((event) => ({ ...event })) };
      return (await untilAnswered(() => client.call(endpoints.leaseEvents, { body }, call))).accepted;
    },

    putArtifact(name, bytes) {
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const request = { params: { name }, query: { sha256 }, body: bytes };
      return untilAnswered(() => client.call(endpoints.leasePutArtifact, request, { ...call, timeoutMs: FILE_MS }));
    },

    getArtifact(fence, name, file) {
      const limited = { ...call, timeoutMs: FILE_MS };
      return untilAnswered(async () => {
        const response = await client.open(endpoints.leaseGetArtifact, { params: { fence, name } }, limited);
        if (response.body === null) throw new UnreachableError(`the artifact ${name} came without bytes`);
        try {
          await pipeline(Readable.fromWeb(response.body), createWriteStream(file, { mode: 0o600 }));
        } catch (cause) {
          throw new UnreachableError(`the artifact ${name} was cut off`, { cause });
        }
      });
    },

    async getCache(name, signal) {
      try {
        const limited = { token, signal, timeoutMs: FILE_MS };
        const response = await client.open(endpoints.leaseGetCache, { params: { name } }, limited);
        if (response.body === null) return null;
        const sha256 = /^"([0-9a-f]{64})"$/.exec(response.headers.get("etag") ?? "")?.[1] ?? null;
        return { sha256, stream: Readable.fromWeb(response.body) };
      } catch (error) {
        noticeEnd(error);
        if (error instanceof ApiError && error.is("not_found")) return null;
        throw error;
      }
    },

    async putCache(name, sha256, file, signal) {
      const request = { params: { name }, query: { sha256 }, body: await openAsBlob(file) };
      try {
        await client.call(endpoints.leasePutCache, request, { token, signal, timeoutMs: FILE_MS });
      } catch (error) {
        noticeEnd(error);
        throw error;
      }
    },

    async announce(announcement) {
      if (!options.isOurs()) return false;
      try {
        await untilAnswered(() => client.call(endpoints.leasePublish, { body: announcement }, call));
        // The answer may have taken long: what counts is whether the lease is ours now that the push begins.
        return options.isOurs();
      } catch (error) {
        if (attempt.right.aborted) return false;
        throw error;
      }
    },
  };
}

/** Where a log goes on, as a `wrong_offset` problem says it. */
export function expectedOffset(error: ApiError): number | null {
  const expected = error.problem["expected"];
  return typeof expected === "number" && Number.isSafeInteger(expected) && expected >= 0 ? expected : null;
}
