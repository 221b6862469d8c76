/** The tasks `agent` and `analyze`: the same agent, told different things, and only the first is published. */
import { type AgentEnd, AgentUnavailableError } from "../agents/contract.ts";
import { adapterFor } from "../agents/registry.ts";
import { converse } from "../conversation/conversation.ts";
import type { FileToKeep, TaskEnd, TaskRequest } from "../worker-parts.ts";
import { buildPrompt, REPORT_NAME } from "./prompt.ts";
import { runInJob } from "./run-in-job.ts";
import { failed, NOTHING, type TaskContext } from "./task-context.ts";

const LONGEST_REPORT = 1_024 * 1_024;
const LONGEST_SUMMARY = 4_000;

/** Runs the job's agent to its end. */
export async function runAgentTask(context: TaskContext): Promise<TaskEnd> {
  const { settings, request } = context;
  const { job } = request;
  const adapter = adapterFor(settings.agents, job);
  if (!adapter) {
    const message = `This worker has no agent "${job.agent ?? ""}"; it has ${settings.agents.map((one) => one.name).join(", ")}.`;
    return failed({ code: "agent_missing", kind: "system", message });
  }
  const agentsMd = await context.read("AGENTS.md");
  const { output, inputs, feedback, putBack } = request;
  const opening = (resumed: boolean): string =>
    buildPrompt({ job, output, inputs, agentsMd, feedback, resumed, putBack });
  try {
    const { error, turn, verify } = await converse({ context, adapter, opening });
    const { end, exitCode } = turn;
    const agent = { name: adapter.name, version: end.version, model: end.model };
    const done: TaskEnd = { ...NOTHING, exitCode, agent, summary: summaryOf(end), verify };
    if (error !== null) return { ...done, error };
    if (job.task === "analyze") return await withReport(request, context.env, done);
    return { ...done, publishes: true };
  } catch (error) {
    if (!(error instanceof AgentUnavailableError)) throw error;
    return failed({ code: "agent_missing", kind: "system", message: error.message });
  }
}

function summaryOf(end: AgentEnd): string | null {
  return end.text === null || end.text.trim() === "" ? null : end.text.trim().slice(0, LONGEST_SUMMARY);
}

/** An analysis without a report and a verdict is not done, whatever the agent says. */
async function withReport(
  request: TaskRequest,
  env: Readonly<Record<string, string>>,
  done: TaskEnd,
): Promise<TaskEnd> {
  const report = await readReport(request, env);
  const name = REPORT_NAME;
  if (report === null) {
    const message = `The agent left no ${name} in $HIVE_OUTPUT (or one that is empty or larger than 1 MiB).`;
    return { ...done, error: { code: "no_report", kind: "work", message } };
  }
  const files: FileToKeep[] = [{ name, bytes: report }];
  const verdict = /^\W*verdict\W+([a-z][a-z0-9_-]{0,31})\b/im.exec(Buffer.from(report).toString())?.[1]?.toLowerCase();
  if (verdict === undefined) {
    const message = `${name} has no line "Verdict: WORD".`;
    return { ...done, files, error: { code: "no_verdict", kind: "work", message } };
  }
  return { ...done, files, verdict };
}

/** Read as the agent: a link in place of the report leads only to what the agent could read anyway. */
async function readReport(request: TaskRequest, env: Readonly<Record<string, string>>): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  const script = '[ -f "$1" ] && [ ! -L "$1" ] && exec cat -- "$1"';
  const result = await runInJob(request, {
    argv: ["/bin/sh", "-c", script, "hive-read", `${request.output}/${REPORT_NAME}`],
    env,
    maxOutputBytes: LONGEST_REPORT,
    onOutput: (chunk, stream) => {
      if (stream === "stdout") chunks.push(chunk);
    },
  });
  const bytes = Buffer.concat(chunks);
  return result.reason === "exited" && result.exitCode === 0 && bytes.length > 0 ? bytes : null;
}
