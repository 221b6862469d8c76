/**
 * Watches one turn of an agent for the two ways of being busy with nothing: the same calls again and again, and many
 * answers of its model without a changed file. (Saying nothing at all is the process's own limit.) It counts what it
 * sees and decides; stopping the agent is its owner's business.
 */
import type { StuckLimits } from "@hive/protocol";
import type { AgentEvent } from "../agents/contract.ts";
import type { Stuck } from "./contract.ts";

/** What a tool answered may differ while nothing moves on (times, numbers): then it takes so many times more. */
const WITHOUT_ANSWERS = 5;

/** Calls that may wait for their answers at once. */
const MOST_OPEN = 1_000;

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
  // Of whole calls, answers included, and of what was asked alone. Polling what takes long is the same call with other answers.
  const calls = new History();
  const asked = new History();
  const open = new Map<string, Asked>();
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

  function sawRepeated(round: number | null, times: number, what: string): void {
    if (round === null) return;
    const same = round === 1 ? "the same call" : `the same ${round} calls in turn`;
    tell({ reason: "repeating", message: `It made ${same} ${times} times in a row: ${what}` });
  }

  function sawCall({ id, fingerprint, what }: Asked & { readonly id: string }): void {
    // Calls that nobody answers are no use here.
    if (open.size === MOST_OPEN) open.clear();
    open.set(id, { fingerprint, what });
    const times = limits.repeats * WITHOUT_ANSWERS;
    if (limits.repeats > 0) sawRepeated(asked.add(fingerprint, times), times, what);
  }

  function sawResult(id: string, answer: string): void {
    const call = open.get(id);
    open.delete(id);
    if (call === undefined || limits.repeats === 0) return;
    sawRepeated(calls.add(`${call.fingerprint} ${answer}`, limits.repeats), limits.repeats, call.what);
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
          sawResult(event.id, `${event.ok} ${event.summary}`);
          return;
        case "tool_call":
        case "message": {
          if (!inAnswer) void sawAnswer();
          inAnswer = true;
          if (event.kind === "message") return;
          const { id, fingerprint, tool, summary } = event;
          sawCall({ id, fingerprint, what: `${tool} ${summary}` });
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

interface Asked {
  readonly fingerprint: string;
  /** For people. */
  readonly what: string;
}

/** The last things that happened, as far as a repeated round can reach. */
class History {
  readonly #list: string[] = [];

  /** Adds one. Is the end of the list now one round of 1, 2 or 3, `times` over? Gives the round's length, or null. */
  add(one: string, times: number): number | null {
    const list = this.#list;
    list.push(one);
    if (list.length > times * LONGEST_ROUND) list.shift();
    for (let round = 1; round <= LONGEST_ROUND; round += 1) {
      const end = list.slice(-round * times);
      if (end.length === round * times && end.every((call, at) => call === end[at % round])) return round;
    }
    return null;
  }
}
