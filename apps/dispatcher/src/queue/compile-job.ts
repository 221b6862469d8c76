/**
 * Turns what a client sent into the job the queue takes: every default filled in, every address and name judged, secrets
 * sealed, and all that is wrong listed at once. Pure: the same request, policy, instant and id give the same job. Only
 * the compiled job travels further.
 */

import { createHmac } from "node:crypto";
import {
  checkBranchName,
  parseRepoAddress,
  type ApprovalRule,
  type BudgetLimits,
  type JobIssue,
  type NewJob,
  type RepoAddress,
  type RepoAddressRules,
  type Task,
  type Trust,
} from "@hive/core";
import type { newJobSchema } from "@hive/protocol";
import type { AgentPolicy } from "../agents/agent-policy.ts";
import type { AddressCheck } from "../guard/address-checks.ts";
import type { z } from "zod";

/** A job as its schema gives it. */
export type JobRequest = z.output<typeof newJobSchema>;

/** The server's settings as far as they decide about new jobs. */
export interface JobPolicy {
  readonly repoRules: RepoAddressRules;
  /** Says why an address may not be called back, or null. Text only; the deliverer checks again when it connects. */
  readonly refuseCallback: (url: string) => string | null;
  /** The same with a look at what the host's name stands for now; asked by the edge once the text is fine. */
  readonly refuseAddress: AddressCheck;
  /** Which agent does a job, and with which model. */
  readonly agents: AgentPolicy;
  /** True when no isolation is there and the operator has not allowed to go without: real agents and jobs from outside are held. */
  readonly holdRealAgents: boolean;
  /** What a person must approve about jobs of this repository. */
  readonly approvalFor: (repo: RepoAddress) => ApprovalRule;
  /** What one generation of a job of this repository may use; `own` is what the job itself says. */
  readonly budgetFor: (repo: RepoAddress, own: NonNullable<JobRequest["budget"]>) => BudgetLimits;
  /** How often red tests of this repository go back to an agent, where the job does not say; null: its work is not verified. */
  readonly verifyRoundsFor: (repo: RepoAddress) => number | null;
  /** True when hive.yaml limits this repository as a whole, over all its branches. */
  readonly limitedAsOne: (repo: RepoAddress) => boolean;
  /** True when the server has an address of its own that is called back about every job. */
  readonly callbackByDefault: boolean;
  readonly seal: (jobId: string, name: string, plaintext: string) => unknown;
  /** 32 secret bytes; what a client sent is remembered only as an HMAC under them. */
  readonly hashKey: Uint8Array;
}

/** Something wrong with the request, by field. */
export interface JobProblem {
  readonly path: string;
  readonly message: string;
}

export type CompiledJob =
  | { readonly ok: true; readonly job: NewJob }
  | { readonly ok: false; readonly problems: readonly JobProblem[] };

export interface CompileInput {
  readonly request: JobRequest;
  readonly policy: JobPolicy;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The id of a job that was sent without one. */
  readonly randomId: string;
  /** Who puts it in: `api`, `demo`, … */
  readonly origin: string;
  /** `untrusted`: text from outside is among its instructions, its inputs or its metadata. Default: trusted. */
  readonly trust?: Trust;
  /** Default: it is for none. */
  readonly issue?: JobIssue | null;
}

/** Milliseconds an attempt may take when the job does not say. */
export const DEFAULT_TIMEOUT_MS = 3_600_000;
const DEFAULT_MAX_ATTEMPTS = 3;
const DEFAULT_PRIORITY = 5;
/** Times that red tests go back to an agent when neither its job nor hive.yaml says. */
export const DEFAULT_VERIFY_ROUNDS = 2;
const YEAR_MS = 366 * 86_400_000;
/** The agent that needs no key, spends nothing and does what its script says: it needs no isolation either. */
export const HARMLESS_AGENT = "demo";

/** What each task needs, and what else only it may have. `instructions` explain a job to people, so every task takes them. */
const FIELDS: Readonly<Record<Task, { readonly needs: readonly TaskField[]; readonly takes: readonly TaskField[] }>> = {
  agent: { needs: ["instructions"], takes: ["agent", "model", "verify", "verifyRounds"] },
  analyze: { needs: ["instructions"], takes: ["agent", "model"] },
  script: { needs: ["script"], takes: [] },
  changes: { needs: ["changes"], takes: [] },
  build: { needs: [], takes: [] },
  test: { needs: [], takes: [] },
  lint: { needs: [], takes: [] },
};
const TASK_FIELDS = ["instructions", "script", "changes", "agent", "model", "verify", "verifyRounds"] as const;
type TaskField = (typeof TASK_FIELDS)[number];

/** The job, or everything that is wrong with the request. */
export function compileJob(input: CompileInput): CompiledJob {
  const { request, policy } = input;
  const problems: JobProblem[] = [];
  const wrong = (path: string, message: string): void => void problems.push({ path, message });

  const repo = parseRepoAddress(request.repo, policy.repoRules);
  if (!repo.ok) wrong("repo", repo.message);
  checkFields(request, wrong);
  checkBranches(request, wrong);
  const runAt = readRunAt(request.runAt, input.now, wrong);
  const refused = request.callbackUrl === undefined ? null : policy.refuseCallback(request.callbackUrl);
  if (refused !== null) wrong("callbackUrl", refused);
  const trust = input.trust ?? "trusted";
  const { agent, hold } = chooseAgent(request, policy, repo.ok ? `${repo.host}/${repo.path}` : "", wrong);
  if (request.jobId !== undefined && request.dependsOn?.includes(request.jobId) === true) {
    wrong("dependsOn", `job ${request.jobId} cannot depend on itself`);
  }
  if (!repo.ok || problems.length > 0) return { ok: false, problems };

  const id = request.jobId ?? input.randomId;
  return {
    ok: true,
    job: {
      id,
      idGiven: request.jobId !== undefined,
      // Nobody can send an id again that only this answer will tell; whoever does is told that the id is taken.
      bodyHash: request.jobId === undefined ? "" : bodyHash(request, policy.hashKey),
      task: request.task,
      role: request.role ?? null,
      labels: request.labels ?? [],
      priority: request.priority ?? DEFAULT_PRIORITY,
      repo: repo.url,
      key: request.concurrencyKey ?? (policy.limitedAsOne(repo) ? repo.key : defaultKey(request.branch, repo)),
      agent,
      model: request.model ?? null,
      trust,
      approval: policy.approvalFor(repo),
      callback: policy.callbackByDefault || request.callbackUrl !== undefined,
      runAt,
      maxAttempts: request.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
      retryOn: request.retryOn ?? "system",
      timeoutMs: request.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      budget: policy.budgetFor(repo, request.budget ?? {}),
      dependsOn: request.dependsOn === undefined ? [] : [...new Set(request.dependsOn)],
      branch: request.branch ?? null,
      base: request.base ?? null,
      instructions: request.instructions ?? null,
      script: request.script ?? null,
      changes: request.changes ?? null,
      callbackUrl: request.callbackUrl ?? null,
      metadata: request.metadata ?? null,
      gitUser: request.gitUser ?? null,
      egress: request.egress ?? null,
      verifyRounds: verifyRounds(request, policy.verifyRoundsFor(repo)),
      ...(request.inputs === undefined ? {} : { inputs: request.inputs }),
      ...(input.issue == null ? {} : { issue: input.issue }),
      origin: input.origin,
      secrets:
        request.githubToken === undefined ? {} : { githubToken: policy.seal(id, "githubToken", request.githubToken) },
      // What is not isolated stops accidents only, and strangers' words are none: whatever runs it, it waits.
      hold: hold ?? (trust === "untrusted" && policy.holdRealAgents ? "no_isolation" : null),
    },
  };
}

/** What the job says, then what is said of its repository. Rounds without `verify` mean that it is wanted. */
function verifyRounds({ task, verify, verifyRounds: rounds }: JobRequest, usual: number | null): number | null {
  if (task !== "agent" || verify === false) return null;
  return rounds ?? usual ?? (verify === true ? DEFAULT_VERIFY_ROUNDS : null);
}

/** Jobs of one branch push to the same place, so by default one of them runs at a time. */
function defaultKey(branch: string | undefined, repo: RepoAddress): string | null {
  return branch === undefined ? null : `${repo.key}#${branch}`;
}

function checkFields(request: JobRequest, wrong: (path: string, message: string) => void): void {
  const { needs, takes } = FIELDS[request.task];
  for (const field of TASK_FIELDS) {
    const given = request[field] !== undefined;
    if (!given && needs.includes(field)) wrong(field, `the task "${request.task}" needs ${field}`);
    if (given && field !== "instructions" && !needs.includes(field) && !takes.includes(field)) {
      wrong(field, `the task "${request.task}" does not use ${field}; leave it out or choose another task`);
    }
  }
}

function checkBranches(request: JobRequest, wrong: (path: string, message: string) => void): void {
  for (const field of ["branch", "base"] as const) {
    const name = request[field];
    if (name === undefined) continue;
    const checked = checkBranchName(name);
    if (!checked.ok) wrong(field, checked.message);
  }
}

function readRunAt(
  text: string | undefined,
  now: number,
  wrong: (path: string, message: string) => void,
): number | null {
  if (text === undefined) return null;
  const at = Date.parse(text);
  if (Number.isNaN(at)) wrong("runAt", `"${text}" is no date that exists`);
  else if (at > now + YEAR_MS) wrong("runAt", `"${text}" is more than a year ahead`);
  // In the past: at once.
  return Number.isNaN(at) || at <= now ? null : at;
}

function chooseAgent(
  { task, agent, model, role, labels }: JobRequest,
  policy: JobPolicy,
  place: string,
  wrong: (path: string, message: string) => void,
): Pick<NewJob, "agent" | "hold"> {
  if (task !== "agent" && task !== "analyze") return { agent: null, hold: null };
  const { agents } = policy;
  if (agent !== undefined && !agents.names.includes(agent)) {
    wrong("agent", `there is no agent "${agent}"; this server knows ${agents.names.join(", ")}`);
  }
  const question = { place, role: role ?? null, labels: labels ?? [] };
  const chosen = agent ?? agents.agentFor(question);
  if (chosen === null) return { agent: null, hold: "no_agent" };
  const refused = agents.refuseModel(chosen, model ?? null, question);
  if (refused !== null) wrong("model", refused);
  return { agent: chosen, hold: policy.holdRealAgents && chosen !== HARMLESS_AGENT ? "no_isolation" : null };
}

/**
 * An HMAC over the canonical JSON of what the client sent, without tokens and before defaults: the same request again is
 * the same job, also after the token in it was renewed or a default of the server has changed.
 */
export function bodyHash(request: JobRequest, key: Uint8Array): string {
  const { jobId: _id, githubToken: _token, ...rest } = request;
  return createHmac("sha256", key).update(canonical(rest)).digest("base64url");
}

/** JSON with sorted members. Depth is bounded by the schema. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}
