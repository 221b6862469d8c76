/**
 * Any program as an agent. The operator names it in the worker's settings as one shell line; the prompt comes on its
 * standard input, and also as a file for programs that want a path (`$HIVE_PROMPT_FILE`). It prints plain text and its
 * exit code is its result: that is all a program of unknown make can promise. The commit check comes after it.
 */
import {
  type AgentAdapter,
  type AgentEnd,
  type AgentFacts,
  type AgentParser,
  AgentUnavailableError,
  endWithoutResult,
  NO_FACTS,
  shorten,
} from "./contract.ts";

// The line is the operator's, not the job's. The prompt reaches it as bytes only, never as shell text.
const RUN_LINE = `umask 077; HIVE_PROMPT_FILE="$HIVE_OUTPUT/prompt.md"; export HIVE_PROMPT_FILE
cat >"$HIVE_PROMPT_FILE" && exec /bin/sh -c "$1" hive-agent <"$HIVE_PROMPT_FILE"`;

/** Makes the adapter `command` for a shell line of the operator's; null where none is set. */
export function commandAdapter(line: string | null): AgentAdapter {
  return {
    name: "command",
    sessionFiles: [],
    available: () =>
      Promise.resolve(
        line === null
          ? { ok: false, why: "no command: set HIVE_AGENT_COMMAND on this worker" }
          : { ok: true, version: null },
      ),
    command(input) {
      if (line === null) throw new AgentUnavailableError("no command: set HIVE_AGENT_COMMAND on this worker");
      return {
        argv: ["/bin/sh", "-c", RUN_LINE, "hive-agent", line],
        stdin: input.prompt,
        env: {
          ...input.env,
          HIVE_OUTPUT: input.output,
          // For programs that speak to a model: the gateway and this lease's token, nothing else.
          ...(input.llmBaseUrl === null ? {} : { HIVE_LLM_URL: input.llmBaseUrl, HIVE_LLM_TOKEN: input.llmToken }),
        },
      };
    },
    parser: () => new PlainTextParser(),
  };
}

class PlainTextParser implements AgentParser {
  readonly done = false;
  #facts: AgentFacts = NO_FACTS;

  push(line: string): ReturnType<AgentParser["push"]> {
    if (line.trim() === "") return [];
    this.#facts = { ...NO_FACTS, text: shorten(line) };
    return [{ kind: "message", text: shorten(line) }];
  }

  end(run: Parameters<AgentParser["end"]>[0]): AgentEnd {
    if (run.reason === "exited" && run.exitCode === 0) return { ...this.#facts, end: "ok" };
    const { exitCode } = run;
    if (run.reason !== "exited" || exitCode === null || [126, 127, 137].includes(exitCode)) {
      return endWithoutResult(run, this.#facts);
    }
    const message = `The agent's command ended with exit code ${exitCode}.`;
    return { ...this.#facts, end: "error", code: "agent_error", kind: "work", message };
  }
}
