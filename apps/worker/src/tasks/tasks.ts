/**
 * The tasks of a worker: one short function per kind of job. Everything a job runs goes through `run-in-job.ts` or an
 * agent adapter; everything a task needs comes in as an argument. Expected failures are values.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { AttemptError, Task } from "@hive/core";
import { DEMO_PROGRAM } from "../agents/demo.ts";
import { readBaseFile } from "../git/checkout.ts";
import type { TaskEnd, TaskRequest, Tasks } from "../worker-parts.ts";
import { runAgentTask } from "./agent-task.ts";
import { APPLY_CHANGES_PROGRAM, runChangesTask } from "./changes-task.ts";
import { runCommandTask } from "./command-task.ts";
import { jobEnvironment } from "./job-environment.ts";
import { openProgressFile } from "./progress-file.ts";
import { CONFIG_PATH, parseRepositoryConfig } from "./repository-config.ts";
import { errorOfRun, runInJob } from "./run-in-job.ts";
import { runScriptTask } from "./script-task.ts";
import { shellProgram } from "./shell.ts";
import { failed, type TaskContext, type TaskSettings } from "./task-context.ts";

/** Programs of ours that run as a job's user: it must be able to read them (see `openSlot`). */
export const JOB_PROGRAMS: readonly string[] = [process.execPath, DEMO_PROGRAM, APPLY_CHANGES_PROGRAM];

/** Bytes of the largest file read from the base commit. */
const READ_LONGEST = 1_024 * 1_024;

const RUNNERS: Readonly<Record<Task, (context: TaskContext) => Promise<TaskEnd>>> = {
  agent: runAgentTask,
  analyze: runAgentTask,
  script: runScriptTask,
  build: (context) => runCommandTask(context, "build"),
  test: (context) => runCommandTask(context, "test"),
  lint: (context) => runCommandTask(context, "lint"),
  changes: runChangesTask,
};

/** Puts the tasks of a worker together. */
export function createTasks(settings: TaskSettings): Tasks {
  return {
    async setUp(request) {
      if (request.job.task === "changes") return null; // runs nothing of the repository's
      return inContext(settings, request, setUp);
    },
    async run(request) {
      const runner = Object.hasOwn(RUNNERS, request.job.task) ? RUNNERS[request.job.task as Task] : undefined;
      if (!runner) {
        const message = `This worker does not know the task "${request.job.task}"; it may be older than the dispatcher.`;
        return failed({ code: "unknown_task", kind: "system", message });
      }
      const end = await inContext(settings, request, runner);
      return "code" in end ? failed(end) : end;
    },
  };
}

async function inContext<T>(
  settings: TaskSettings,
  request: TaskRequest,
  act: (context: TaskContext) => Promise<T>,
): Promise<T | AttemptError> {
  const read = (path: string): Promise<string | null> =>
    readBaseFile(settings.git, request.workspace, path, READ_LONGEST);
  const text = await read(CONFIG_PATH);
  const commit = request.workspace.baseHead;
  const sha256 = createHash("sha256")
    .update(text ?? "")
    .digest("hex");
  request.onConfig(text === null ? null : { path: CONFIG_PATH, commit, sha256 });
  const parsed = parseRepositoryConfig(text);
  if (!parsed.ok) return { code: "bad_config", kind: "work", message: parsed.message };
  // The attempt's folder is the supervisor's: the job can read there what we put there and change nothing.
  const progress = await openProgressFile(dirname(request.output), request.slot.user, request.onProgress);
  try {
    const own = { bin: progress.bin, progressFile: progress.file };
    const env = jobEnvironment(settings, request, own);
    return await act({ settings, request, config: parsed.config, env, read });
  } finally {
    await progress.stop();
  }
}

async function setUp({ request, config, env }: TaskContext): Promise<AttemptError | null> {
  if (!config.setup) return null;
  const file = join(dirname(request.output), "setup.sh");
  await request.log.say(`setup of ${CONFIG_PATH}: ${config.setup.join("; ")}`);
  const result = await runInJob(request, { argv: await shellProgram(config.setup.join("\n"), file), env });
  return errorOfRun(result, `The setup of ${CONFIG_PATH}`, "setup_failed");
}
