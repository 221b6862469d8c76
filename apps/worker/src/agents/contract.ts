/**
 * What an agent adapter is. An adapter knows one program: how to start it without a terminal, and how to read what it
 * prints. It does not run anything itself and decides nothing about the job; `run-agent.ts` runs it, and the
 * supervisor computes success from the end an adapter reads plus what is really in the repository.
 *
 * Order of calls: `available` once at the worker's start; then per job `command`, one `parser`, its `push` for each
 * line of standard output, `end` once after the process tree is gone. Adapters keep no state between jobs.
 */
import { hash } from "node:crypto";
import type { AgentSettings, AgentTotals } from "@hive/protocol";
import type { RunResult } from "../process/run.ts";

/** One thing an agent did, in words that are the same for every agent. Texts are cut to a readable length. */
export type AgentEvent =
  | { readonly kind: "message"; readonly text: string }
  | { readonly kind: "thinking"; readonly text: string }
  | { readonly kind: "plan"; readonly items: readonly { readonly text: string; readonly done: boolean }[] }
  | {
      readonly kind: "tool_call";
      readonly id: string;
      readonly tool: string;
      readonly summary: string;
      /** A hash of the tool and all of its input: the same call again has the same. */
      readonly fingerprint: string;
    }
  | { readonly kind: "tool_result"; readonly id: string; readonly ok: boolean; readonly summary: string }
  | { readonly kind: "file_change"; readonly path: string; readonly change: "create" | "update" | "delete" }
  | { readonly kind: "usage"; readonly usage: AgentUsage }
  | { readonly kind: "cost"; readonly usd: number; readonly basis: string }
  | { readonly kind: "retry"; readonly message: string }
  | { readonly kind: "result"; readonly ok: boolean; readonly text: string }
  /** A line the adapter does not know: a newer version of the agent must not lose anything. */
  | { readonly kind: "unknown"; readonly data: string };

/** Tokens of this run alone, never of the session it may have resumed. */
export interface AgentUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

/** What is known about a run however it ended. */
export interface AgentFacts {
  /** The agent's last words. */
  readonly text: string | null;
  readonly version: string | null;
  readonly model: string | null;
  readonly sessionId: string | null;
  /** What the session has used in all its runs, this one included; null where the agent does not say. */
  readonly totals: AgentTotals | null;
  readonly usage: AgentUsage | null;
  /** US dollars as the agent reckons; null where it does not know the price. The gateway's count is the true one. */
  readonly costUsd: number | null;
}

/**
 * How a run ended. `ok` needs the agent's own terminal event without an error: an exit code alone proves nothing.
 * `kind` says whose fault an error was: `work` is not paid for twice, `system` is tried again.
 */
export type AgentEnd = AgentFacts &
  (
    | { readonly end: "ok" }
    | { readonly end: "error"; readonly code: string; readonly kind: "work" | "system"; readonly message: string }
  );

/** What an adapter gets to know about a job. */
export interface AgentInput {
  /** All the agent is told: Hive's rules, the repository's AGENTS.md, the instructions. */
  readonly prompt: string;
  /** What is asked now, alone: the job's instructions, or the comments a follow-up is for. */
  readonly instructions: string;
  /** The checked-out repository; the agent's working directory. */
  readonly workspace: string;
  /** Empty home of the agent's user. */
  readonly home: string;
  /** Folder for what is not to be committed (`report.md`). */
  readonly output: string;
  /** Base address of the LLM gateway, or null: then agents that need a model cannot run. */
  readonly llmBaseUrl: string | null;
  /** The lease's `llm` token: the one credential an agent ever sees. */
  readonly llmToken: string;
  /** How the operator wants the agent to be run; its model is in here. */
  readonly settings: AgentSettings;
  /**
   * The session to go on with: {@link AgentAdapter.sessionFiles} of it are in the home already. `totals` as the run
   * before it reported them. Null: a new session.
   */
  readonly resume: ResumedSession | null;
  /** The clean environment the command starts from. */
  readonly env: Readonly<Record<string, string>>;
}

/** A session of an earlier run of the same agent. */
export interface ResumedSession {
  readonly sessionId: string;
  readonly totals: AgentTotals | null;
}

/**
 * Code of an end where the agent does not know the session it was to go on with, or cannot read it: nothing was done.
 * The same work may be asked for again without `resume`.
 */
export const RESUME_REJECTED = "resume_rejected";

/** A command to run, with everything it needs. */
export interface AgentCommand {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Reads the standard output of one run. */
export interface AgentParser {
  /** Takes one line without its end; never throws, whatever the line holds. */
  push(line: string): AgentEvent[];
  /** True once the agent said it is done: what still runs then may be killed. */
  readonly done: boolean;
  /** Computes the end from what was read and how the process ended. */
  end(run: RunResult): AgentEnd;
}

/** Where an adapter looks for its program. */
export interface AgentSearch {
  /** The PATH that jobs search. */
  readonly path: string;
  /** See {@link AgentInput.llmBaseUrl}. */
  readonly llmBaseUrl: string | null;
}

/** Whether an agent can run on this worker; `why` says what is missing and the next step. */
export type Availability =
  | { readonly ok: true; readonly version: string | null }
  | { readonly ok: false; readonly why: string };

/** One kind of agent. */
export interface AgentAdapter {
  /** As jobs name it: `claude`, `command`, `demo`. */
  readonly name: string;
  /**
   * What of the home makes its sessions, as paths relative to it; files and folders, some of which may be missing.
   * Empty: it cannot go on with a session.
   */
  readonly sessionFiles: readonly string[];
  /**
   * Names of files and folders among {@link sessionFiles} that the agent makes from the path of its working directory,
   * which is another in every attempt: a session that is put back gets the new ones. Absent: none.
   */
  readonly workspaceNames?: (workspace: string) => readonly string[];
  available(search: AgentSearch): Promise<Availability>;
  /** @throws AgentUnavailableError when this worker cannot run the agent for this job */
  command(input: AgentInput): AgentCommand;
  /** A reader for the run that {@link AgentAdapter.command} was asked to make with the same input. */
  parser(input: Pick<AgentInput, "resume" | "settings" | "workspace">): AgentParser;
}

/** The worker lacks something an agent needs; the message says what and the next step. */
export class AgentUnavailableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AgentUnavailableError";
  }
}

/** No facts at all: for agents that print plain text. */
export const NO_FACTS: AgentFacts = {
  text: null,
  version: null,
  model: null,
  sessionId: null,
  totals: null,
  usage: null,
  costUsd: null,
};

const LONGEST_TEXT = 4_000;

/** The `fingerprint` of a call. */
export function fingerprint(tool: string, input: unknown): string {
  return hash("sha256", JSON.stringify([tool, input]), "base64url").slice(0, 22);
}

/** Cuts a text to what an event may carry. */
export function shorten(text: string, longest = LONGEST_TEXT): string {
  return text.length <= longest ? text : `${text.slice(0, longest)} … (${text.length - longest} more characters)`;
}

/**
 * The error of a run that ended without the agent's own terminal event; `exited` with whatever code is one of them.
 */
export function endWithoutResult(run: RunResult, facts: AgentFacts): AgentEnd {
  const error = (code: string, kind: "work" | "system", message: string): AgentEnd => ({
    ...facts,
    end: "error",
    code,
    kind,
    message,
  });
  switch (run.reason) {
    case "timeout":
      return error("timeout", "work", "The agent did not finish in the time the job may take.");
    case "idle":
      return error("agent_silent", "work", "The agent printed nothing for too long and was stopped.");
    case "output_limit":
      return error("agent_flood", "work", "The agent printed more than a job may and was stopped.");
    case "aborted":
      return error("aborted", "system", "The agent was stopped before it finished.");
    case "exited":
      break;
  }
  if (run.startError !== undefined)
    return error("agent_missing", "system", `The agent cannot be started: ${run.startError}`);
  if (run.exitCode === 127)
    return error("agent_missing", "system", "The agent's program was not found on this worker.");
  if (run.exitCode === 137) {
    return error("agent_killed", "system", "The agent was killed (exit code 137): the machine may lack memory.");
  }
  return error("agent_crashed", "system", `The agent ended with exit code ${run.exitCode} and without a result.`);
}
