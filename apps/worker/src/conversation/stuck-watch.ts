/**
 * Watches one turn of an agent for the two ways of being busy with nothing: the same calls again and again, and many
 * answers of its model without a changed file. (Saying nothing at all is the process's own limit.) It counts what it
 * sees and decides; stopping the agent is its owner's business.
 */
import type { StuckLimits } from "@hive/protocol";
import type { AgentEvent } from "../agents/contract.ts";
import type { Stuck } from "./contract.ts";

/** The longest round of calls that is recognised when it repeats. */
const LONGEST_ROUND = 3;

export interface StuckWatchOptions {
  readonly limits: StuckLimits;
  /** The id of the files as they are now, or null where nobody can say. Asked only once `turns` answers changed nothing. */
  readonly lookAtFiles: () => Promise<string | null>;
  /** The id of the files at the start; null: nobody can say. */
  readonly filesAtStart: string | null;
  /** Called once. */
  readonly onStuck: (stuck: Stuck) => void;
}

export interface StuckWatch {
  readonly see: (event: AgentEvent) => void;
  /** Nothing is told any more. */
  stop(): void;
}

/** Begins to watch. */
export function watchForStuck(options: StuckWatchOptions): StuckWatch {
  const { limits } = options;
  const calls: string[] = [];
  let lastFiles = options.filesAtStart;
  let idleAnswers = 0;
  // An answer is what the model says between two results of its tools.
  let inAnswer = false;
  let looking = false;
  let over = false;

  function tell(stuck: Stuck): void {
    if (over) return;
    over = true;
    options.onStuck(stuck);
  }

  function sawCall(fingerprint: string, what: string): void {
    calls.push(fingerprint);
    const most = limits.repeats * LONGEST_ROUND;
    if (calls.length > most) calls.splice(0, calls.length - most);
    const round = limits.repeats === 0 ? null : repeatedRound(calls, limits.repeats);
    if (round === null) return;
    const same = round === 1 ? "the same call" : `the same ${round} calls in turn`;
    tell({ reason: "repeating", message: `It made ${same} ${limits.repeats} times in a row: ${what}` });
  }

  async function sawAnswer(): Promise<void> {
    idleAnswers += 1;
    if (limits.turns === 0 || idleAnswers < limits.turns || looking) return;
    looking = true;
    const files = await options.lookAtFiles().catch(() => null);
    looking = false;
    idleAnswers = 0;
    // What nobody could look at may have changed.
    if (files !== null && files === lastFiles) {
      tell({ reason: "no_changes", message: `No file changed during ${limits.turns} answers of its model.` });
    }
    lastFiles = files;
  }

  return {
    see(event) {
      if (over) return;
      switch (event.kind) {
        case "file_change":
          idleAnswers = 0;
          return;
        case "tool_result":
          inAnswer = false;
          return;
        case "tool_call":
        case "message": {
          if (!inAnswer) void sawAnswer();
          inAnswer = true;
          if (event.kind === "tool_call") sawCall(event.fingerprint, `${event.tool} ${event.summary}`);
          return;
        }
        default:
          return;
      }
    },
    stop() {
      over = true;
    },
  };
}

/** Is the end of the list one round of 1, 2 or 3 calls, `times` over? Gives the round's length, or null. */
function repeatedRound(calls: readonly string[], times: number): number | null {
  for (let round = 1; round <= LONGEST_ROUND; round += 1) {
    const end = calls.slice(-round * times);
    if (end.length === round * times && end.every((call, at) => call === end[at % round])) return round;
  }
  return null;
}
