/** What every task is given, and the parts of an end that are the same for all. */
import type { AttemptError } from "@hive/core";
import type { AgentAdapter } from "../agents/contract.ts";
import type { Git } from "../git/git.ts";
import type { TaskEnd, TaskRequest } from "../worker-parts.ts";
import type { MachineEnvironment } from "./job-environment.ts";
import type { RepositoryConfig } from "./repository-config.ts";

/** What the tasks of a worker are made of. */
export interface TaskSettings extends MachineEnvironment {
  readonly git: Git;
  readonly agents: readonly AgentAdapter[];
  /** Base address of the LLM gateway, or null. */
  readonly llmUrl: string;
  /** Milliseconds an agent may be silent where the job does not say. */
  readonly idleTimeoutMs: number;
  /** Model agents ask for; null: their own default. */
  readonly model?: string | null;
}

/** One job's task. */
export interface TaskContext {
  readonly settings: TaskSettings;
  readonly request: TaskRequest;
  readonly config: RepositoryConfig;
  /** The clean environment for the job's programs. */
  readonly env: Readonly<Record<string, string>>;
  /** A file at the base commit, or null. */
  readonly read: (path: string) => Promise<string | null>;
}

/** A task that did its work and has nothing to tell; the start of every end. */
export const NOTHING: TaskEnd = {
  error: null,
  summary: null,
  verdict: null,
  outputs: null,
  exitCode: null,
  agent: null,
  files: [],
  publishes: false,
  verify: null,
};

/** A task that failed. */
export function failed(error: AttemptError, more: Partial<TaskEnd> = {}): TaskEnd {
  return { ...NOTHING, ...more, error };
}
