/** A folder of the job's user where an archive is unpacked before its files go to their place. */

import { type JobProcess, runAsJob } from "../process/run-as-job.ts";

// $1: the folder for temporary files; prints a new one in it.
const MAKE = `set -eu
mktemp -d -- "$1/hive-archive-XXXXXXXX"`;
const DROP = `chmod -R u+rwX -- "$1"; rm -rf -- "$1"`;

/** Gives `act` a new folder, which goes with everything in it when it is done. @throws when there is no room for one */
export async function onStage<T>(job: JobProcess, act: (folder: string) => Promise<T>): Promise<T> {
  const stage = await make(job);
  try {
    return await act(stage);
  } finally {
    // When the job is stopped, its slot is emptied anyway.
    if (!job.signal.aborted) await runAsJob(job, { argv: ["/bin/sh", "-c", DROP, "hive-archive", stage] });
  }
}

async function make(job: JobProcess): Promise<string> {
  let printed = "";
  const { exitCode, said } = await runAsJob(job, {
    argv: ["/bin/sh", "-c", MAKE, "hive-archive", job.slot.tmp],
    onOutput: (chunk) => {
      printed += Buffer.from(chunk).toString("utf8");
    },
  });
  if (exitCode !== 0) throw new Error(`there is no room for it: ${said}`);
  return printed.trim();
}
