/** One turn: one run of the agent's program, watched, its events handed on, and stopped when it leads nowhere. */
import type { AgentAdapter, AgentInput } from "../agents/contract.ts";
import { runAgent } from "../agents/run-agent.ts";
import { MOST_OUTPUT } from "../tasks/run-in-job.ts";
import type { TaskContext } from "../tasks/task-context.ts";
import type { Stuck, Turn } from "./contract.ts";
import { watchForStuck } from "./stuck-watch.ts";
import { lookAtFiles } from "./working-tree.ts";

/** What a turn is about. */
export interface TurnInput {
  readonly adapter: AgentAdapter;
  readonly input: AgentInput;
  /** The id of the files at the start, or null. */
  readonly files: string | null;
}

/** Runs it to its end; errors of the agent are values. @throws AgentUnavailableError */
export async function runTurn(context: TaskContext, { adapter, input, files }: TurnInput): Promise<Turn> {
  const { settings, request } = context;
  const { job, slot } = request;
  const idleTimeoutMs = job.idleTimeoutMs ?? settings.idleTimeoutMs;
  const halt = new AbortController();
  let stuck: Stuck | null = null;
  const watch = watchForStuck({
    // An analysis changes no files at all.
    limits: job.task === "analyze" ? { ...job.stuck, turns: 0 } : job.stuck,
    filesAtStart: files,
    lookAtFiles: () => lookAtFiles(context, AbortSignal.any([request.signal, halt.signal])),
    onStuck(found) {
      stuck = found;
      halt.abort();
    },
  });
  try {
    const { end, run } = await runAgent({
      adapter,
      input,
      user: slot.user,
      limits: slot.limits,
      signal: AbortSignal.any([request.signal, halt.signal]),
      timeoutMs: request.remainingMs(),
      idleTimeoutMs,
      maxOutputBytes: MOST_OUTPUT,
      log: (bytes, source) => request.log.write(bytes, source),
      onEvent(event) {
        const { kind, ...rest } = event;
        request.onEvent({ type: kind, ...rest });
        watch.see(event);
      },
    });
    if (run.reason === "idle") {
      stuck ??= { reason: "silent", message: `It printed nothing for ${seconds(idleTimeoutMs)}.` };
    }
    // An agent that finished all the same, in the moment it was stopped or after it hung, is not stuck.
    return { end, exitCode: run.exitCode, stuck: end.end === "ok" ? null : stuck };
  } finally {
    watch.stop();
    halt.abort();
  }
}

function seconds(ms: number): string {
  return ms >= 120_000 ? `${Math.round(ms / 60_000)} minutes` : `${Math.round(ms / 1_000)} seconds`;
}
