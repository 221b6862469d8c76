/**
 * Runs the repository's own tests after an agent's work: the command its base branch names, so that an agent cannot
 * choose another. They run as the job, in the place the agent left, so this finds mistakes and not malice. What they
 * leave behind is taken away again: it is no part of the change.
 */
import { dirname, join } from "node:path";
import type { VerifyResult } from "@hive/core";
import { killAgent } from "../clean-up.ts";
import { findCommand } from "../tasks/find-command.ts";
import { errorOfRun, runInJob } from "../tasks/run-in-job.ts";
import { shellProgram } from "../tasks/shell.ts";
import type { TaskContext } from "../tasks/task-context.ts";
import { takeSnapshot, treeOf } from "./working-tree.ts";

/** Bytes of a red run's output that are kept, from its end: where test programs say what failed. */
const REPORT_BYTES = 12 * 1_024;
const LONGEST_COMMAND = 4_096;

/** What one run of the tests said. */
export type Verified = Omit<VerifyResult, "rounds">;

/** Judges the work as it is now. Rejects when the attempt is stopped. */
export async function verify(context: TaskContext): Promise<Verified> {
  const { request, config, read, env } = context;
  if (request.job.verify === null) return { state: "off", command: null, report: null };
  const found = await findCommand("test", config, read);
  if (found === null) {
    await request.log.say("verify: the repository names no tests at base, so nothing judges the work");
    return { state: "none", command: null, report: null };
  }
  const command = found.lines.join("\n").slice(0, LONGEST_COMMAND);
  const snapshot = await takeSnapshot(context, request.signal);
  request.signal.throwIfAborted();
  if (snapshot !== null && snapshot.tree === (await treeOf(context, startOf(context)))) {
    await snapshot.forget();
    return { state: "unchanged", command: null, report: null };
  }
  await request.enter("verify");
  await request.log.say(`verify by ${found.from}: ${found.lines.join("; ")}`);
  const tail = new Tail();
  const argv = await shellProgram(found.lines.join("\n"), join(dirname(request.output), "verify.sh"));
  const result = await runInJob(request, {
    argv,
    env,
    onOutput: async (chunk, stream) => {
      tail.add(chunk);
      await request.log.write(chunk, stream);
    },
  });
  await killAgent(request.slot);
  // Also when the attempt was stopped: what it made so far may be pushed.
  await snapshot?.restore();
  request.signal.throwIfAborted();
  const error = errorOfRun(result, `The tests (${found.from})`, "verify_failed");
  if (error === null) return { state: "passed", command, report: null };
  return { state: "failed", command, report: `${tail.text().trimEnd()}\n${error.message}`.trim() };
}

/**
 * Where the work began. A branch that holds this job's own work from an attempt before is judged as a whole: nobody has
 * judged it yet.
 */
function startOf({ request: { workspace, job } }: TaskContext): string {
  const own = job.announced.some((one) => one.ref === workspace.ref && one.commit === workspace.expectedOld);
  return own ? workspace.baseHead : workspace.baseCommit;
}

/** The end of what a program printed. */
class Tail {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #cut = false;

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    // Joined now and then, so that a flood in small pieces costs no list without end.
    if (this.#bytes > 4 * REPORT_BYTES || this.#chunks.length > 1_000) this.#join();
  }

  text(): string {
    this.#join();
    const text = Buffer.concat(this.#chunks).toString("utf8").replaceAll("\0", "");
    return this.#cut ? `…${text.slice(text.indexOf("\n") + 1)}` : text;
  }

  #join(): void {
    const all = Buffer.concat(this.#chunks);
    this.#cut ||= all.byteLength > REPORT_BYTES;
    this.#chunks = [all.subarray(-REPORT_BYTES)];
    this.#bytes = Math.min(all.byteLength, REPORT_BYTES);
  }
}
