/**
 * An agent whose every turn is a shell script of the test's, run by the real worker as a job's user. It speaks as the
 * demo agent does, has sessions if the test wants some, and shows what each turn was given.
 */
import type { AgentAdapter, AgentInput, AgentParser } from "../agents/contract.ts";
import { RESUME_REJECTED } from "../agents/contract.ts";
import { demoAdapter } from "../agents/demo.ts";

/** Shell lines for one thing an agent does. */
export const does = {
  say: (text: string): string => line({ type: "message", text }),
  call: (tool: string, text: string): string => line({ type: "tool_call", id: "1", tool, text }),
  answer: (text: string): string => line({ type: "tool_result", id: "1", ok: true, text }),
  end: (text: string): string => line({ type: "result", ok: true, text }),
  fail: (text: string): string => line({ type: "result", ok: false, text }),
  /** Says nothing any more and waits to be stopped. */
  hang: "exec tail -f /dev/null",
} as const;

function line(event: object): string {
  return `echo '${JSON.stringify(event)}'`;
}

export interface ScriptedAgent extends AgentAdapter {
  /** What each run was given, in order. */
  readonly given: Pick<AgentInput, "prompt" | "resume">[];
}

/** One script per run; the last one again for all further runs. `sessions`: their ids, run by run; "refused" refuses. */
export function scriptedAgent(
  scripts: readonly (readonly string[])[],
  sessions: readonly (string | null)[] = [],
): ScriptedAgent {
  const given: ScriptedAgent["given"] = [];
  return {
    name: "scripted",
    sessionFiles: sessions.length === 0 ? [] : [".scripted"],
    given,
    available: () => Promise.resolve({ ok: true, version: "1" }),
    command(input) {
      const script = scripts[Math.min(given.length, scripts.length - 1)] ?? [];
      given.push({ prompt: input.prompt, resume: input.resume });
      return { argv: ["/bin/sh", "-c", script.join("\n")], env: input.env, stdin: input.prompt };
    },
    parser(input): AgentParser {
      const parser = demoAdapter.parser(input);
      const sessionId = sessions[given.length - 1] ?? null;
      return {
        push: (text) => parser.push(text),
        get done() {
          return parser.done;
        },
        end(run) {
          const end = parser.end(run);
          if (sessionId !== "refused") return { ...end, sessionId };
          return { ...end, end: "error", code: RESUME_REJECTED, kind: "system", message: "no such session" };
        },
      };
    },
  };
}
