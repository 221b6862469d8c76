/**
 * Any program as an agent. The operator names it as one shell line, in the worker's settings or, for agents with names
 * of their own, in the server's; the prompt comes on its standard input or as a file for programs that want a path
 * (`$HIVE_PROMPT_FILE`). It prints plain text and its exit code is its result: that is all a program of unknown make can
 * promise. The commit check comes after it.
 */
import {
  type AgentAdapter,
  type AgentCommand,
  type AgentEnd,
  type AgentFacts,
  type AgentInput,
  type AgentParser,
  AgentUnavailableError,
  endWithoutResult,
  NO_FACTS,
  shorten,
} from "./contract.ts";

/** An operator's shell line. `promptBy` file: its standard input is closed. */
export interface CommandLine {
  readonly line: string;
  readonly promptBy: "stdin" | "file";
}

// The line is the operator's, not the job's. The prompt reaches it as bytes only, never as shell text.
const WRITE_PROMPT = `umask 077; HIVE_PROMPT_FILE="$HIVE_OUTPUT/prompt.md"; export HIVE_PROMPT_FILE
cat >"$HIVE_PROMPT_FILE" && exec /bin/sh -c "$1" hive-agent`;
const RUN = { stdin: `${WRITE_PROMPT} <"$HIVE_PROMPT_FILE"`, file: `${WRITE_PROMPT} </dev/null` } as const;

const NO_LINE = "no command: set HIVE_AGENT_COMMAND on this worker";

/** Makes an adapter for a shell line of the operator's; null where none is set. Default name: `command`. */
export function commandAdapter(command: CommandLine | null, name = "command"): AgentAdapter {
  return {
    name,
    sessionFiles: [],
    available: () => Promise.resolve(command === null ? { ok: false, why: NO_LINE } : { ok: true, version: null }),
    command: (input) => runLine(command, input),
    parser: ({ settings }) => new PlainTextParser(settings.model),
  };
}

function runLine(command: CommandLine | null, input: AgentInput): AgentCommand {
  if (command === null) throw new AgentUnavailableError(NO_LINE);
  const { model, systemPrompt } = input.settings;
  return {
    argv: ["/bin/sh", "-c", RUN[command.promptBy], "hive-agent", command.line],
    stdin: systemPrompt === null ? input.prompt : `${systemPrompt}\n\n${input.prompt}`,
    env: {
      ...input.env,
      HIVE_OUTPUT: input.output,
      ...(model === null ? {} : { HIVE_MODEL: model }),
      // For programs that speak to a model: the gateway and this lease's token, nothing else.
      ...(input.llmBaseUrl === null ? {} : { HIVE_LLM_URL: input.llmBaseUrl, HIVE_LLM_TOKEN: input.llmToken }),
    },
  };
}

class PlainTextParser implements AgentParser {
  readonly done = false;
  #facts: AgentFacts;

  constructor(model: string | null) {
    this.#facts = { ...NO_FACTS, model };
  }

  push(line: string): ReturnType<AgentParser["push"]> {
    if (line.trim() === "") return [];
    this.#facts = { ...this.#facts, text: shorten(line) };
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
