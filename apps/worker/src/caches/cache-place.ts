/** What is done to a cache's folder, always as the job's user: the supervisor never walks through a job's files itself. */

import { runAsJob } from "../process/run-as-job.ts";
import type { CacheJob, CachePlace } from "./job-caches.ts";

// No part of the way may be a link: the folder could then be anywhere. $1 root, $2 path.
const ON_THE_WAY = `set -eu
[ "$(realpath -m -- "$1/$2")" = "$(realpath -- "$1")/$2" ] || { echo "a link leads away from it" >&2; exit 9; }
`;
// One line for each file, hashed: names, kinds, sizes, modes, times and where links point, but not what is in the files.
const LOOK = `${ON_THE_WAY}
[ -e "$1/$2" ] || exit 0
[ -d "$1/$2" ] || { echo "it is no folder" >&2; exit 9; }
find "$1/$2" -printf '%P\\t%y\\t%s\\t%m\\t%T@\\t%l\\0' | sort -z | sha256sum | cut -c 1-64`;

/** What the folder looks like, as a hash that changes with it; null when it is not there. @throws when it is elsewhere */
export async function lookAtPlace(job: CacheJob, place: CachePlace): Promise<string | null> {
  let printed = "";
  const { exitCode, said } = await runAsJob(job, {
    argv: ["/bin/sh", "-c", LOOK, "hive-cache", place.root, place.path],
    onOutput: (chunk) => {
      printed += Buffer.from(chunk).toString("latin1");
    },
  });
  if (exitCode !== 0) throw new Error(said || `looking at it ended with exit code ${exitCode}`);
  return /^[0-9a-f]{64}$/.exec(printed.trim())?.[0] ?? null;
}

// $@: one line each for git's own list of what it leaves out, in this copy alone.
const EXCLUDE = `set -eu
mkdir -p .git/info
printf '%s\\n' "$@" >> .git/info/exclude`;

/** What is declared as a cache is never committed, also where the repository does not ignore it itself. */
export async function keepOutOfGit(job: CacheJob, places: readonly CachePlace[]): Promise<void> {
  if (places.length === 0) return;
  const lines = places.map(({ path }) => `/${path.replace(/[*?[\]\\ ]/g, "\\$&")}`);
  const { exitCode, said } = await runAsJob(job, {
    argv: ["/bin/sh", "-c", EXCLUDE, "hive-cache", ...lines],
    cwd: job.workspace.repo,
  });
  if (exitCode !== 0) throw new Error(`git could not be told to leave the caches out: ${said}`);
}
