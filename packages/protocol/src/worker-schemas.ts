/** The worker protocol's shapes. Any language can write a worker: `docs/worker-protocol.md` tells the story. */

import { z } from "zod";
import {
  agentSettingsSchema,
  DEFAULT_AGENT_SETTINGS,
  DEFAULT_STUCK_LIMITS,
  stuckLimitsSchema,
} from "./agent-schemas.ts";
import { candidateOfSchema, chosenSchema } from "./candidate-schemas.ts";
import { attemptReportSchema, followUpSchema } from "./comment-schemas.ts";
import {
  attemptErrorSchema,
  fileChangeSchema,
  inputFileSchema,
  nameSchema,
  resultSchema,
  sessionSchema,
  usageSchema,
} from "./job-schemas.ts";

/** The version of the worker protocol this code speaks. A server takes workers of the same number. */
export const WORKER_PROTOCOL = 1;

const opaqueId = z.string().regex(/^[A-Za-z0-9_-]{8,128}$/, "must be 8 to 128 of A-Z a-z 0-9 _ -");

/** How a worker proves itself: knowledge of CALLBACK_SECRET, or a single-use token its launcher gave it. */
export const proofSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("secret"),
    /** Milliseconds since 1970; refused when more than 5 minutes off. */
    at: z.int(),
    nonce: z.string().min(16).max(128),
    /** Base64url HMAC-SHA256, see `registration-proof.ts`. */
    mac: z.string().min(16).max(128),
  }),
  z.strictObject({ kind: z.literal("launch"), token: z.string().min(16).max(256) }),
]);

export const registerSchema = z.strictObject({
  /** The worker's own id of this registration; sending it again gets the same answer. */
  registrationId: opaqueId,
  protocol: z.int(),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  version: z.string().max(64),
  roles: z.array(nameSchema).max(16),
  labels: z.array(nameSchema).max(32),
  provider: z.string().max(32),
  isolation: z.string().max(64),
  agents: z.array(nameSchema).max(32),
  /** True: it also runs the agents whose command line comes with the job, whatever their name. */
  commandLines: z.boolean().optional(),
  proof: proofSchema,
});

export const registeredSchema = z.object({
  workerId: z.string(),
  token: z.string(),
  /** The key lease tokens are signed with, as a JWK: the worker can check its dispatcher and mint nothing. */
  leaseKey: z.record(z.string(), z.unknown()),
  /** The server sets every interval, in milliseconds. */
  intervals: z.object({ claimWaitMs: z.int(), heartbeatMs: z.int(), leaseMs: z.int(), logFlushMs: z.int() }),
  limits: z.object({ logChunkBytes: z.int(), logBytes: z.int(), artifactBytes: z.int() }),
});

export const claimSchema = z.strictObject({
  /** The worker's own id of this claim; sending it again gets the same answer. */
  claimId: opaqueId,
  /** How long the server may keep the request open, at most what it said at registration. */
  waitMs: z.int().min(0).max(60_000).optional(),
});

/** What the operator wants of a job's pull request. */
export const pullRequestSettingsSchema = z.object({
  /** Labels it gets when it is opened. */
  labels: z.array(z.string()),
  /** Who is asked to review it: user names, and teams as `org/team`. */
  reviewers: z.array(z.string()),
  /** Whether its text says what the work cost. */
  cost: z.boolean(),
  /** Whether it is opened as a draft. Work whose tests are red always is. */
  draft: z.boolean(),
});
export type PullRequestSettings = z.infer<typeof pullRequestSettingsSchema>;

/** Where the operator says nothing about pull requests. */
export const DEFAULT_PULL_REQUEST: PullRequestSettings = { labels: [], reviewers: [], cost: false, draft: true };

/** All a worker is told of a job. Secrets come separately, under the fence. */
export const leasedJobSchema = z.object({
  jobId: z.string(),
  generation: z.int(),
  attempt: z.int(),
  task: z.string(),
  repo: z.string(),
  branch: z.string().nullable(),
  base: z.string().nullable(),
  instructions: z.string().nullable(),
  script: z.string().nullable(),
  changes: z.array(fileChangeSchema).nullable(),
  /** Files the job was given, beside its repository. */
  inputs: z.array(inputFileSchema).default([]),
  agent: z.string().nullable(),
  /** How the agent is to be run, as the operator says. */
  agentSettings: agentSettingsSchema.default(DEFAULT_AGENT_SETTINGS),
  gitUser: z.object({ name: z.string(), email: z.string() }).nullable(),
  timeoutMs: z.int(),
  /** True when `timeoutMs` is what is left of the job's budget of minutes: its end is `budget_exceeded`, not `timeout`. */
  timeIsBudget: z.boolean().default(false),
  idleTimeoutMs: z.int().nullable(),
  /** When an agent that is busy counts as stuck all the same. */
  stuck: stuckLimitsSchema.default(DEFAULT_STUCK_LIMITS),
  untrusted: z.boolean(),
  /** True when a person must approve the bundle before it is pushed. */
  approvePublish: z.boolean(),
  /** For a lease that only publishes: the approved bundle. */
  bundle: z.object({ fence: z.int(), sha256: z.string(), artifact: z.string() }).nullable(),
  /** Commits this job announced before: a remote head equal to one of them is its own work. */
  announced: z.array(z.object({ ref: z.string(), commit: z.string() })),
  /** Whether this job may fill dependency caches; see apps/dispatcher/src/caches/cache-rules.ts. */
  fillsCaches: z.boolean().default(false),
  /** How its pull request should be; null: the job gets none, the pushed branch is its end. */
  pullRequest: pullRequestSettingsSchema.nullable().default(DEFAULT_PULL_REQUEST),
  /** Whether the repository's tests judge the agent's work, and how often it may go back to the agent. Null: they do not. */
  verify: z.object({ rounds: z.int() }).nullable().default(null),
  /** For one of several candidates: whose it is. It gets no pull request, and starts where all of them do. */
  candidate: candidateOfSchema.nullable().default(null),
  /** For a lease that only publishes: the chosen candidate, where there is no bundle. */
  chosen: chosenSchema.nullable().default(null),
  /** The error of the attempt before this one, where nothing was said to the job since: what is left to do may be little. */
  previous: attemptErrorSchema.nullable(),
  /** What the last attempt whose worker was not lost told of itself; null: there is none. */
  report: attemptReportSchema.nullable().default(null),
  /** The comments this attempt is for; null: none, the instructions are all. */
  followUp: followUpSchema.nullable().default(null),
  /** The issue that its pull request closes; null: none. */
  issue: z.object({ place: z.string(), number: z.int().positive() }).nullable().default(null),
  /** The agent's session to go on with; its files are that attempt's artifact. Null: none was kept. */
  session: sessionSchema.nullable().default(null),
  /** The job's page. */
  url: z.string(),
});

export const leaseSchema = z.object({
  fence: z.int(),
  purpose: z.enum(["work", "publish"]),
  /** Audience `worker`: for the supervisor alone. */
  token: z.string(),
  /** Audience `llm` and `egress`: all that an agent ever sees. */
  llmToken: z.string(),
  egressToken: z.string(),
  /** The first heartbeat is due within this. */
  firstBeatMs: z.int(),
  job: leasedJobSchema,
});
export type LeaseGrant = z.infer<typeof leaseSchema>;
export type LeasedJob = z.infer<typeof leasedJobSchema>;

export const heartbeatSchema = z.strictObject({
  phase: z.string().max(64).optional(),
  message: z.string().max(1024).optional(),
  percent: z.number().min(0).max(100).optional(),
});

export const heartbeatReplySchema = z.object({
  cancel: z.object({ reason: z.string() }).nullable(),
  /** The attempt must stop, and what was done so far is to be kept: its budget or its provider's quota is used up. */
  stop: z
    .object({ code: z.enum(["budget_exceeded", "quota"]), message: z.string() })
    .nullable()
    .default(null),
  drain: z.boolean(),
  leaseMs: z.int(),
});

export const reportSchema = z.strictObject({
  /** How many events of this lease were sent before these. */
  from: z.int().min(0),
  events: z.array(z.record(z.string(), z.unknown())).min(1).max(200),
});

export const secretsReplySchema = z.object({
  /** For the job's git host alone. Null: none is known; public repositories work without. */
  git: z.object({ username: z.string(), password: z.string() }).nullable(),
  /** The GitHub API that fits the repository's host, or null when it is not a GitHub. */
  githubApiUrl: z.string().nullable(),
});

export const factsReplySchema = z.object({
  /** What the job used of models so far, over all its attempts; null: nothing was counted. */
  usage: usageSchema.nullable(),
  /** Places this attempt was refused at the way out, each once. */
  blocked: z.array(z.object({ host: z.string(), port: z.int() })),
});

export type LeaseFacts = z.infer<typeof factsReplySchema>;

export const publishSchema = z.strictObject({
  ref: z.string().max(512),
  expectedOld: z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/),
  commit: z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/),
});

export const finishSchema = z.strictObject({
  finishId: opaqueId,
  outcome: z.discriminatedUnion("end", [
    z.strictObject({ end: z.literal("succeeded"), result: resultSchema }),
    z.strictObject({ end: z.literal("failed"), error: attemptErrorSchema, result: resultSchema.nullable() }),
    z.strictObject({ end: z.literal("canceled"), result: resultSchema.nullable() }),
    z.strictObject({ end: z.literal("returned"), message: z.string().max(1024) }),
    z.strictObject({ end: z.literal("parked"), message: z.string().max(2048), result: resultSchema.nullable() }),
    z.strictObject({
      end: z.literal("awaits_approval"),
      bundle: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), artifact: z.string().max(128) }),
      result: resultSchema,
    }),
  ]),
  /** What the log must be, byte for byte, before the end is accepted. */
  log: z.strictObject({ bytes: z.int().min(0), crc32: z.int().min(0) }).nullable(),
});
export type FinishRequest = z.infer<typeof finishSchema>;

/** What the signal stream carries, as server-sent events of these names. */
export const signalSchema = z.object({
  signal: z.enum(["cancel", "stop", "stale", "drain"]),
  jobId: z.string().nullable(),
  fence: z.int().nullable(),
  reason: z.string(),
});
