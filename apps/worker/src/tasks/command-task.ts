/** The tasks `build`, `test` and `lint`: the repository's own command. They judge the repository and publish nothing. */
import { dirname, join } from "node:path";
import type { TaskEnd } from "../worker-parts.ts";
import { type CommandTask, findCommand } from "./find-command.ts";
import { CONFIG_PATH } from "./repository-config.ts";
import { errorOfRun, runInJob } from "./run-in-job.ts";
import { shellProgram } from "./shell.ts";
import { failed, NOTHING, type TaskContext } from "./task-context.ts";

/** Finds the command of the task and runs it. */
export async function runCommandTask(context: TaskContext, task: CommandTask): Promise<TaskEnd> {
  const { request, config, env, read } = context;
  const found = await findCommand(task, config, read);
  if (!found) {
    const message = `Nothing says how to ${task} this repository: name a command as ${task}: in ${CONFIG_PATH} on the base branch.`;
    return failed({ code: "nothing_to_run", kind: "work", message });
  }
  await request.log.say(`${task} by ${found.from}: ${found.lines.join("; ")}`);
  const argv = await shellProgram(found.lines.join("\n"), join(dirname(request.output), `${task}.sh`));
  const result = await runInJob(request, { argv, env });
  const error = errorOfRun(result, `The command of the task ${task} (${found.from})`, `${task}_failed`);
  const summary = error === null ? `${found.lines.join("; ")}: passed` : null;
  return { ...NOTHING, error, summary, exitCode: result.exitCode };
}
