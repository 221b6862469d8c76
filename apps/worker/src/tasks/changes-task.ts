/** The task `changes`: files that came with the job, written into the repository and published. */
import { fileURLToPath } from "node:url";
import type { TaskEnd } from "../worker-parts.ts";
import { errorOfRun, runInJob } from "./run-in-job.ts";
import { failed, NOTHING, type TaskContext } from "./task-context.ts";

/** The program that writes the files, as the job's user. */
export const APPLY_CHANGES_PROGRAM = fileURLToPath(new URL("./apply-changes-main.ts", import.meta.url));

const LONGEST_REASON = 2_000;

/** Writes the job's files. */
export async function runChangesTask({ request, env }: TaskContext): Promise<TaskEnd> {
  const changes = request.job.changes ?? [];
  let said = "";
  const result = await runInJob(request, {
    argv: [process.execPath, APPLY_CHANGES_PROGRAM],
    env,
    stdin: JSON.stringify(changes),
    onOutput: async (chunk, stream) => {
      if (stream === "stderr" && said.length < LONGEST_REASON) said += Buffer.from(chunk).toString();
      await request.log.write(chunk, stream);
    },
  });
  if (result.reason === "exited" && result.exitCode === 2) {
    const message = `A change was refused: ${said.trim()}`;
    return failed({ code: "change_refused", kind: "work", message }, { exitCode: 2 });
  }
  const error = errorOfRun(result, "Writing the changes", "changes_failed");
  const files = changes.length === 1 ? "1 file" : `${changes.length} files`;
  return { ...NOTHING, error, exitCode: result.exitCode, summary: error ? null : `Changed ${files}.`, publishes: true };
}
