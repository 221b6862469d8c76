/**
 * What is said about mirrors: between a worker and the dispatcher (`POST /v1/worker/mirror`), and between the dispatcher
 * and the mirror keeper, a program beside it that alone writes mirrors. The two of them exchange lines of JSON.
 */

import { z } from "zod";

/** `handouts/<worker>/<32 hex characters>.git`: where a hand-out is, seen from the folder of mirrors. */
const handOutFolder = z.string().regex(/^handouts\/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[0-9a-f]{32}\.git$/);
const commit = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/);

/** What the worker adds to its request for a mirror. */
export const mirrorRequestSchema = z
  .strictObject({
    /** A hand-out of this lease whose files turned out to be damaged: the repository is then fetched anew. */
    broken: handOutFolder.optional(),
    /** A hand-out of this lease that lacks what the remote has by now: another one is made. */
    outdated: handOutFolder.optional(),
  })
  .optional();

/** A bare repository to read from, or why there is none. */
export const mirrorReplySchema = z.union([
  z.object({
    ok: z.literal(true),
    folder: handOutFolder,
    /** The branch the remote's HEAD names, if there is that branch. */
    defaultBranch: z.string().nullable(),
    /** Branches and their commits, as the job's own credential saw them. Pairs: a branch may have any name. */
    heads: z.array(z.tuple([z.string(), commit])),
  }),
  z.object({
    ok: z.literal(false),
    /** `pending`: not there yet, ask again. Else why it failed, as an attempt's error would say it. */
    code: z.string(),
    message: z.string(),
  }),
]);
export type MirrorReply = z.infer<typeof mirrorReplySchema>;

/** What the mirror keeper is told once, when it starts. */
export const keeperSettingsSchema = z.strictObject({
  /** Absolute: holds `mirrors` and `handouts`. */
  folder: z.string().min(1),
  /** Where git and its helpers are found. */
  path: z.string(),
  /** File of certificate authorities beyond the system's. */
  caFile: z.string().optional(),
  allowFileRepos: z.boolean(),
  /** Milliseconds after which a mirror nobody used is removed. */
  keepMs: z.number().min(0),
  /** Bytes all mirrors together may have. */
  maxBytes: z.number().min(0),
  /** Bytes of the disk that are left free. */
  minFreeBytes: z.number().min(0),
});
export type KeeperSettings = z.infer<typeof keeperSettingsSchema>;

/** The keeper's first line: it is there. */
export const keeperReadySchema = z.object({ ready: z.literal(true) });

const requestId = z.int().min(0);
/** One attempt's lease; `<job id>:<fence>`. Its hand-outs are removed with it. */
const leaseKey = z.string().min(1).max(256);

/** A line to the keeper. Requests are answered in any order; `id` says which answer belongs to which. */
export const keeperRequestSchema = z.discriminatedUnion("do", [
  z.strictObject({
    do: z.literal("handOut"),
    id: requestId,
    lease: leaseKey,
    worker: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
    repo: z.string(),
    credential: z.strictObject({ username: z.string(), password: z.string() }).nullable(),
    /** The way out, its token included; null: git connects by itself. */
    proxy: z.string().nullable(),
    /** See `mirrorRequestSchema`. */
    broken: handOutFolder.nullable(),
  }),
  /** The lease is over: what it asked for is stopped, what it was given is removed. */
  z.strictObject({ do: z.literal("release"), id: requestId, lease: leaseKey }),
  /** Which leases have something. */
  z.strictObject({ do: z.literal("list"), id: requestId }),
]);
export type KeeperRequest = z.infer<typeof keeperRequestSchema>;

/** A line from the keeper. */
export const keeperAnswerSchema = z.union([
  z.object({ id: requestId, mirror: mirrorReplySchema }),
  z.object({ id: requestId, leases: z.array(z.string()) }),
  /** False: it could not be removed; the log says why. Ask again later. */
  z.object({ id: requestId, released: z.boolean() }),
]);
export type KeeperAnswer = z.infer<typeof keeperAnswerSchema>;
