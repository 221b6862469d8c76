/** The task `script`: the shell script that came with the job. What it leaves in the repository is published. */
import { dirname, join } from "node:path";
import type { TaskEnd } from "../worker-parts.ts";
import { errorOfRun, runInJob } from "./run-in-job.ts";
import { shellProgram } from "./shell.ts";
import { failed, NOTHING, type TaskContext } from "./task-context.ts";

/** Runs the job's script. */
export async function runScriptTask({ request, env }: TaskContext): Promise<TaskEnd> {
  const { script } = request.job;
  if (script === null) return failed({ code: "nothing_to_run", kind: "work", message: "The job has no script." });
  const argv = await shellProgram(script, join(dirname(request.output), "script.sh"));
  const result = await runInJob(request, { argv, env });
  const error = errorOfRun(result, "The script", "script_failed");
  return { ...NOTHING, error, exitCode: result.exitCode, publishes: true };
}
