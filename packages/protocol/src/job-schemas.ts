/** The shapes of jobs on the wire. */

import {
  CANDIDATES_MAX,
  CANDIDATES_MIN,
  CHOOSE_BY,
  isEgressEntry,
  MAX_EGRESS_ENTRIES,
  STATUSES,
  TASKS,
} from "@hive/core";
import { z } from "zod";
import { agentModelSchema, agentTotalsSchema } from "./agent-schemas.ts";

/** Ids of jobs: chosen by the caller or made by the server. */
export const jobIdSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/,
    "must be 1 to 128 of A-Z a-z 0-9 . _ : - and begin with a letter or digit",
  )
  .meta({ example: "demo-1" });

const DAY_MS = 86_400_000;

/** Times that red tests may go back to an agent, at most. */
export const MOST_VERIFY_ROUNDS = 10;

/** Names of roles and labels. */
export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/=-]{0,63}$/, "must be 1 to 64 of A-Z a-z 0-9 . _ / = -");

const noControls = (text: string): boolean => !/[\u0000-\u001f\u007f]/.test(text);

export const fileChangeSchema = z
  .strictObject({
    path: z.string().min(1).max(1024),
    content: z.string().optional(),
    base64: z.base64().optional(),
    delete: z.literal(true).optional(),
    mode: z.enum(["644", "755"]).optional(),
  })
  .refine(
    (change) => [change.content, change.base64, change.delete].filter((part) => part !== undefined).length === 1,
    {
      message: "needs exactly one of content, base64, delete",
    },
  );

/** A file given to a job, beside its repository. */
export const inputFileSchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      "must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit",
    ),
  text: z.string(),
});

/** Files of one job. */
const MOST_INPUTS = 16;
/** Bytes that the files given to one job may have together. */
export const MOST_INPUT_BYTES = 262_144;

const inputFilesSchema = z
  .array(inputFileSchema)
  .max(MOST_INPUTS)
  .refine((files) => new Set(files.map(({ name }) => name.toLowerCase())).size === files.length, "names must differ")
  .refine(
    (files) => files.reduce((bytes, { text }) => bytes + new TextEncoder().encode(text).length, 0) <= MOST_INPUT_BYTES,
    `may hold ${MOST_INPUT_BYTES} bytes together`,
  );

/** One entry of an `egress` list, as `packages/core/src/egress-rule.ts` explains them. */
export const egressEntrySchema = z
  .string()
  .max(300)
  .refine(isEgressEntry, "must be a host (registry.npmjs.org), a host and port (host:8443), *.host, registries or *");

/** JSON of at most this many bytes and levels may be kept beside a job. */
const METADATA_BYTES = 65_536;
const METADATA_DEPTH = 16;

function depthOf(value: unknown, limit: number): number {
  if (limit === 0 || typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map((inner) => depthOf(inner, limit - 1)));
}

export const metadataSchema = z
  .record(z.string(), z.unknown())
  .refine(
    (value) => depthOf(value, METADATA_DEPTH + 1) <= METADATA_DEPTH,
    `may be nested ${METADATA_DEPTH} levels deep`,
  )
  .refine((value) => JSON.stringify(value).length <= METADATA_BYTES, `may hold ${METADATA_BYTES} bytes of JSON`);

/** How many candidates, or what each of them is run by; what an entry leaves out is the job's own. */
export const candidatesSchema = z.union([
  z.int().min(CANDIDATES_MIN).max(CANDIDATES_MAX),
  z
    .array(z.strictObject({ agent: nameSchema.optional(), model: agentModelSchema.optional() }))
    .min(CANDIDATES_MIN)
    .max(CANDIDATES_MAX),
]);

/** Limits of a budget. */
export const budgetSchema = z
  .strictObject({
    /** US dollars, of all calls to models. 0: only models that cost nothing. */
    usd: z.number().min(0).max(1_000_000).optional(),
    /** Tokens in and out, cached ones too. */
    tokens: z.int().min(0).max(1_000_000_000_000).optional(),
    /** Minutes that attempts may run, all together. */
    minutes: z.number().min(0.1).max(10_080).optional(),
    /** Calls to a model. */
    turns: z.int().min(0).max(1_000_000).optional(),
  })
  .meta({ id: "Budget" });

/** The body of `POST /enqueue` and `POST /v1/jobs`. */
export const newJobSchema = z
  .strictObject({
    jobId: jobIdSchema.optional(),
    repo: z.string().min(1).max(2048).meta({ example: "https://github.com/acme/app" }),
    /** Where the work is pushed. Default `hive/<jobId>`. */
    branch: z.string().min(1).max(244).optional(),
    /** Where the work starts. Default: the repository's default branch. */
    base: z.string().min(1).max(244).optional(),
    task: z.enum(TASKS),
    instructions: z.string().min(1).max(262_144).optional(),
    script: z.string().min(1).max(262_144).optional(),
    changes: z.array(fileChangeSchema).min(1).max(1000).optional(),
    /** Files for what the job runs to read, in the folder `$HIVE_INPUTS`; they never become part of the repository. */
    inputs: inputFilesSchema.optional(),
    githubToken: z.string().min(1).max(4096).refine(noControls, "must be one line").optional(),
    role: nameSchema.optional(),
    labels: z.array(nameSchema).max(16).optional(),
    priority: z.int().min(0).max(9).optional(),
    /** Not before this instant, ISO 8601 with an offset; at most a year ahead. In the past: at once. */
    runAt: z.iso.datetime({ offset: true }).optional(),
    maxAttempts: z.int().min(1).max(20).optional(),
    retryOn: z.enum(["system", "failure"]).optional(),
    timeoutMs: z.int().min(1000).max(DAY_MS).optional(),
    concurrencyKey: z.string().min(1).max(256).refine(noControls, "must be one line").optional(),
    dependsOn: z.array(jobIdSchema).max(100).optional(),
    agent: nameSchema.optional(),
    /** The model the agent is asked to use, as the agent names it. Default: what hive.yaml says, else the agent's own. */
    model: agentModelSchema.optional(),
    /** `false`: the repository's tests do not judge what the agent made. Default: what hive.yaml says of the repository, else true. */
    verify: z.boolean().optional(),
    /** How often red tests go back to the agent. Default: what hive.yaml says of the repository, else 2. */
    verifyRounds: z.int().min(0).max(MOST_VERIFY_ROUNDS).optional(),
    /** What one generation of the job may use; what is not said is the server's default. */
    budget: budgetSchema.optional(),
    callbackUrl: z.string().min(1).max(2048).optional(),
    metadata: metadataSchema.optional(),
    gitUser: z
      .strictObject({
        name: z
          .string()
          .min(1)
          .max(128)
          .refine((name) => noControls(name) && !/[<>]/.test(name), "must be one line without < >"),
        email: z.email().max(254),
      })
      .optional(),
    /** Hosts the job may reach, of those its worker may; `[]` is none. Default: all its worker may. */
    egress: z.array(egressEntrySchema).max(MAX_EGRESS_ENTRIES).optional(),
    /** The work is done several times, on branches of their own, and the best is published; only for the task `agent`. */
    candidates: candidatesSchema.optional(),
    /** Who chooses among the candidates. Default: `rule`. */
    choose: z.enum(CHOOSE_BY).optional(),
  })
  .meta({ id: "NewJob" });
export type NewJobRequest = z.input<typeof newJobSchema>;

export const acceptedSchema = z
  .object({
    accepted: z.literal(true),
    jobId: z.string(),
    status: z.enum(STATUSES),
    reason: z.string().nullable(),
    /** Jobs that will be looked at before this one. */
    position: z.int(),
    url: z.string(),
  })
  .meta({ id: "Accepted" });
export type Accepted = z.infer<typeof acceptedSchema>;

export const usageSchema = z
  .object({
    calls: z.int(),
    inputTokens: z.int(),
    outputTokens: z.int(),
    cacheReadTokens: z.int(),
    cacheWriteTokens: z.int(),
    costUsd: z.number().nullable(),
    /** Calls of models without a known price: counted in tokens, missing in `costUsd`. */
    unpricedCalls: z.int().optional(),
    /** Calls whose last figures never came: `costUsd` has the worst they can have cost. */
    uncertainCalls: z.int().optional(),
  })
  .meta({ id: "Usage" });

const limit = z.number().nullable();

/** What an account may use, and what it has. Null: no limit. */
export const accountSchema = z
  .object({
    limit: z.object({ usd: limit, tokens: limit, minutes: limit, turns: limit }),
    /** `usd` counts calls without a known price at the dearest known one, and calls cut off at their worst. */
    spent: z.object({ usd: z.number(), tokens: z.int(), minutes: z.number(), turns: z.int() }),
    /** Set aside for calls under way. */
    reserved: z.object({ usd: z.number(), tokens: z.int() }),
  })
  .meta({ id: "Account" });
export type AccountView = z.infer<typeof accountSchema>;

/** What the repository's tests said of an agent's work. */
export const verifySchema = z
  .object({
    state: z.enum(["passed", "failed", "none", "unchanged", "off"]),
    rounds: z.int(),
    command: z.string().max(8_192).nullable(),
    report: z.string().max(16_384).nullable(),
  })
  .meta({ id: "Verify" });

/** Where a result was made. */
export const environmentSchema = z
  .object({
    isolation: z.string().max(64),
    provider: z.string().max(32),
    image: z.object({ name: z.string().max(512), digest: z.string().max(128).nullable() }).nullable(),
    build: z.string().max(128).nullable(),
    tools: z
      .record(z.string().max(64), z.string().max(64))
      .refine((tools) => Object.keys(tools).length <= 64, "at most 64 tools"),
    config: z.object({ path: z.string().max(256), commit: z.string().max(64), sha256: z.string().max(64) }).nullable(),
  })
  .meta({ id: "Environment" });

/** An agent's session as an attempt left it: its files are an artifact of that attempt. */
export const sessionSchema = z
  .object({
    /** The attempt that has the artifact. */
    fence: z.int().min(1),
    artifact: z.string().max(128),
    /** The adapter it belongs to; no other can read it. */
    agent: z.string().max(64),
    /** The agent's own name of it. */
    sessionId: z.string().min(1).max(256),
    /** What it had used when it was kept; null where that need not be known. */
    totals: agentTotalsSchema.nullable(),
  })
  .meta({ id: "Session" });
export type KeptSession = z.infer<typeof sessionSchema>;

export const resultSchema = z
  .object({
    summary: z.string().max(65_536).nullable(),
    noChanges: z.boolean(),
    branch: z.string().max(512).nullable(),
    commit: z.string().max(64).nullable(),
    baseCommit: z.string().max(64).nullable(),
    patchId: z.string().max(64).nullable(),
    diffStat: z.object({ files: z.int(), insertions: z.int(), deletions: z.int() }).nullable(),
    pullRequest: z.object({ number: z.int(), url: z.string().max(2048) }).nullable(),
    verdict: z.string().max(4096).nullable(),
    outputs: z.record(z.string(), z.string()).nullable(),
    usage: usageSchema.nullable(),
    exitCode: z.int().nullable(),
    phases: z.array(z.object({ name: z.string().max(64), ms: z.number() })).max(64),
    artifacts: z.array(z.object({ name: z.string(), bytes: z.int(), sha256: z.string() })).max(256),
    salvage: z.string().max(2048).nullable(),
    agent: z.object({ name: z.string(), version: z.string().nullable(), model: z.string().nullable() }).nullable(),
    isolation: z.string().max(64),
    /** Null or absent: the job is none that is verified. */
    verify: verifySchema.nullable().optional(),
    /** The agent's session, kept for a later attempt to go on with. Null or absent: none was kept. */
    session: sessionSchema.nullable().optional(),
    /** Null or absent: the worker does not say. */
    environment: environmentSchema.nullable().optional(),
  })
  .meta({ id: "Result" });

export const attemptErrorSchema = z.object({
  code: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  kind: z.enum(["work", "system"]),
  message: z.string().max(8192),
});

export const attemptSchema = z
  .object({
    fence: z.int(),
    generation: z.int(),
    attempt: z.int(),
    workerId: z.string(),
    grantedAt: z.number(),
    begunAt: z.number().nullable(),
    endedAt: z.number(),
    end: z.string(),
    error: attemptErrorSchema.nullable(),
    result: resultSchema.nullable(),
    log: z.object({ bytes: z.int(), crc32: z.int() }).nullable(),
  })
  .meta({ id: "Attempt" });

/** A job in a list: small, without instructions. */
export const jobSummarySchema = z
  .object({
    jobId: z.string(),
    seq: z.int(),
    status: z.enum(STATUSES),
    reason: z.string().nullable(),
    task: z.enum(TASKS),
    role: z.string().nullable(),
    labels: z.array(z.string()),
    priority: z.int(),
    repo: z.string(),
    agent: z.string().nullable(),
    createdAt: z.number(),
    runAt: z.number().nullable(),
    endedAt: z.number().nullable(),
    /** When the attempt under way began; null: none is. */
    startedAt: z.number().nullable(),
    /** Milliseconds that the ended attempts of this generation ran. */
    workedMs: z.number(),
    generation: z.int(),
    attempts: z.int(),
    failures: z.int(),
    losses: z.int(),
    fence: z.int(),
    phase: z.string().nullable(),
    workerId: z.string().nullable(),
    cancelRequested: z.boolean(),
    /** For a candidate: the job it works for. */
    parent: z.string().nullable(),
    /** For a job done several times: who chooses, which one is chosen (from 1), and why. */
    candidates: z
      .object({
        count: z.int(),
        choose: z.enum(CHOOSE_BY),
        chosen: z.int().nullable(),
        why: z.string().nullable(),
      })
      .nullable(),
  })
  .meta({ id: "JobSummary" });
export type JobSummary = z.infer<typeof jobSummarySchema>;

/** Everything about one job but its logs. Secrets are never part of it. */
export const jobDetailSchema = jobSummarySchema
  .extend({
    branch: z.string().nullable(),
    base: z.string().nullable(),
    instructions: z.string().nullable(),
    script: z.string().nullable(),
    /** The model the job asked for; null: none. */
    model: z.string().nullable(),
    changes: z.array(z.object({ path: z.string(), delete: z.boolean(), bytes: z.int() })).nullable(),
    /** The files it was given. */
    inputs: z.array(z.object({ name: z.string(), bytes: z.int() })),
    maxAttempts: z.int(),
    retryOn: z.enum(["system", "failure"]),
    timeoutMs: z.int(),
    concurrencyKey: z.string().nullable(),
    dependsOn: z.array(z.string()),
    waitsFor: z.array(z.string()),
    /** `untrusted`: text from outside is part of what it was told. */
    trust: z.enum(["trusted", "untrusted"]),
    callbackUrl: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    /** The job's own list of hosts it may reach; null: those its worker may. */
    egress: z.array(z.string()).nullable(),
    /** Places the latest attempt that was refused any wanted to reach, with the reason as a code; at most fifty. */
    blocked: z.array(z.object({ fence: z.int(), host: z.string(), port: z.int(), reason: z.string() })),
    origin: z.string(),
    /** Why it is not running now, in words; null when it runs or is over. */
    waiting: z.string().nullable(),
    bundle: z.object({ sha256: z.string(), artifact: z.string() }).nullable(),
    error: attemptErrorSchema.nullable(),
    result: resultSchema.nullable(),
    usage: usageSchema.nullable(),
    /** What this generation may use and has used; null for jobs of versions without budgets. */
    budget: accountSchema.nullable(),
    /** How many comments it has, and up to which they were given to an attempt, and are done; null: none. */
    comments: z.object({ count: z.int(), given: z.int(), done: z.int() }).nullable(),
    history: z.array(attemptSchema),
    url: z.string(),
  })
  .meta({ id: "Job" });
export type JobDetail = z.infer<typeof jobDetailSchema>;

export const eventSchema = z
  .object({
    id: z.int(),
    type: z.string(),
    at: z.number(),
    jobId: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "Event" });

export const callbackSchema = z
  .object({
    id: z.int(),
    jobId: z.string(),
    type: z.string(),
    state: z.enum(["pending", "delivered", "dead"]),
    createdAt: z.number(),
    nextAt: z.number().nullable(),
    tries: z.int(),
    attempts: z.array(
      z.object({ at: z.number(), ms: z.number(), status: z.int().nullable(), error: z.string().nullable() }),
    ),
  })
  .meta({ id: "Callback" });

export const cursorSchema = z.string().max(256);
export const limitSchema = z.coerce.number().int().min(1).max(1000).default(100);

/** Names of artifacts. */
export const artifactName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
/** A fence in a path or query. */
export const fence = z.coerce.number().int().min(1);
/** A byte offset, or a number of the event stream. */
export const offset = z.coerce.number().int().min(0);
