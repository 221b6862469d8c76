/**
 * The words of a conversation with an agent. An attempt at an `agent` job is one conversation: a first turn, and then
 * a turn for each thing the agent has to hear of (red tests, a conflict with a moved base, that it was stuck). A turn
 * is one run of the agent's program. Where the program can go on with its session a turn is told only what is new, else
 * it is told everything again.
 */
import type { AgentAdapter, AgentEnd, ResumedSession } from "../agents/contract.ts";

/** Why a turn was begun: the work itself, red tests, a conflict, or the turn before was stuck. */
export type TurnReason = "work" | "red" | "conflict" | "stuck";

/** A turn that led nowhere: it said nothing for too long, did the same again and again, or changed nothing. */
export interface Stuck {
  readonly reason: "silent" | "repeating" | "no_changes";
  /** For people, and for the agent's next turn. */
  readonly message: string;
}

/** How one turn ended. */
export interface Turn {
  readonly end: AgentEnd;
  readonly exitCode: number | null;
  /** Null: it was not stopped for being stuck. */
  readonly stuck: Stuck | null;
}

/** A session as a turn left it. */
export interface NotedSession extends ResumedSession {
  readonly adapter: AgentAdapter;
}

/**
 * The agent's own sessions from one attempt to the next. Order of calls: `restore` once before the first turn, `note`
 * after each turn that had a session, however it ended; `keep` once, when nothing of the agent lives any more and
 * before the attempt's end is told, also when the attempt was stopped.
 */
export interface AgentSessions {
  /**
   * Puts the session of the attempt before into the agent's home. Null: there is none, it is another agent's, or it
   * cannot be had, which the log says: a lost session costs nobody their job. Rejects only when the attempt is stopped.
   */
  restore(adapter: AgentAdapter): Promise<ResumedSession | null>;
  readonly note: (session: NotedSession) => void;
  /** Keeps what was noted last for a later attempt. Never rejects. */
  keep(): Promise<void>;
}
