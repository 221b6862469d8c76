/**
 * The agent's own session from one attempt of a job to the next, so that it need not read and think everything again.
 * It saves time and money and nothing else: whatever goes wrong here is one line in the job's log, and the agent begins
 * a new session with a report of what was done before.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SessionRef } from "@hive/core";
import type { LeasedJob } from "@hive/protocol";
import type { AgentAdapter, ResumedSession } from "../agents/contract.ts";
import type { AgentSessions, NotedSession } from "../conversation/contract.ts";
import type { Slot } from "../process/agent-user.ts";
import type { LeaseCalls } from "../report/lease-calls.ts";
import type { Findings, RunningJob } from "../running-job.ts";
import { packSession, SESSION_LIMITS, type SessionLimits, type SessionPlace, unpackSession } from "./session-files.ts";

/** What the sessions of a job work with. */
export interface SessionJob {
  readonly running: Pick<RunningJob, "attempt" | "folder" | "say" | "keep"> & {
    readonly lease: { readonly job: Pick<LeasedJob, "session"> };
    readonly calls: Pick<LeaseCalls, "getArtifact">;
    readonly findings: Pick<Findings, "session" | "artifacts" | "task">;
  };
  readonly slot: Slot;
  /** The working copy: its path is part of how some agents file their sessions. */
  readonly workspace: string;
  /** Default: {@link SESSION_LIMITS}. */
  readonly limits?: SessionLimits;
}

/** Under this name an attempt keeps its agent's session. */
export const SESSION_ARTIFACT = "session.tar.zst";
/** Milliseconds that packing may take: the attempt is over and its end waits for it. */
const KEEP_MS = 60_000;
/** Ends of an attempt whose session the next one had better not see: the agent broke with it, or went round in circles. */
const SPOILT: ReadonlySet<string> = new Set(["agent_stuck", "agent_error", "agent_crashed", "resume_rejected"]);

/** The sessions of one attempt. */
export function createAgentSessions(job: SessionJob): AgentSessions {
  const { running, slot, workspace, limits = SESSION_LIMITS } = job;
  const { findings, attempt } = running;
  let noted: NotedSession | null = null;

  const placeOf = (adapter: AgentAdapter, signal: AbortSignal): SessionPlace => ({
    slot,
    files: adapter.sessionFiles,
    workspaceNames: adapter.workspaceNames?.(workspace) ?? [],
    limits,
    signal,
  });

  async function restore(adapter: AgentAdapter): Promise<ResumedSession | null> {
    const { session } = running.lease.job;
    if (session === null || adapter.sessionFiles.length === 0) return null;
    if (session.agent !== adapter.name) {
      await running.say(`session: the one that was kept is ${session.agent}'s; ${adapter.name} begins a new one`);
      return null;
    }
    try {
      const file = join(running.folder, "session-before");
      await running.calls.getArtifact(session.fence, session.artifact, file);
      await unpackSession(placeOf(adapter, attempt.work), file);
    } catch (error) {
      attempt.work.throwIfAborted();
      await running.say(`session: the one that was kept cannot be used: ${messageOf(error)}`);
      return null;
    }
    await running.say(`session: going on with ${session.sessionId}`);
    return { sessionId: session.sessionId, totals: session.totals };
  }

  async function keep(): Promise<void> {
    // Without the lease nothing may be written, and nobody would look for it.
    if (attempt.right.aborted) return;
    try {
      findings.session = await kept();
    } catch (error) {
      findings.session = null;
      if (!attempt.right.aborted) await running.say(`session: it is not kept: ${messageOf(error)}`).catch(() => {});
    }
  }

  async function kept(): Promise<SessionRef | null> {
    // An agent that ended over a call that was refused it, for want of money or quota, did not break its session.
    if (attempt.stopped() === null && SPOILT.has(findings.task?.error?.code ?? "")) return null;
    // No turn had a session: what an earlier attempt kept is as good as before.
    if (noted === null) return running.lease.job.session;
    const { adapter, sessionId, totals } = noted;
    if (adapter.sessionFiles.length === 0) return null;
    const signal = AbortSignal.any([attempt.right, AbortSignal.timeout(KEEP_MS)]);
    const file = join(running.folder, SESSION_ARTIFACT);
    if ((await packSession(placeOf(adapter, signal), file)) === null) return null;
    const artifact = await running.keep(SESSION_ARTIFACT, await readFile(file));
    if (artifact === null) return null;
    findings.artifacts.push(artifact);
    return { fence: attempt.fence, artifact: artifact.name, agent: adapter.name, sessionId, totals };
  }

  return {
    restore,
    note: (session) => {
      noted = session;
    },
    keep,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
