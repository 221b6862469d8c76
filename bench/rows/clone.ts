/** A job's working copy out of the mirror against a whole clone, both from a git server over HTTP. */
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseRepoAddress } from "@hive/core";
import { checkout } from "../../apps/worker/src/git/checkout.ts";
import { createGit } from "../../apps/worker/src/git/git.ts";
import { createMirrors } from "../../apps/worker/src/git/mirror.ts";
import { startGitHttpServer } from "../../test/peers/git-http-server.ts";
import { median, type Row, type RowContext } from "../row.ts";
import { makeRepository } from "./big-repository.ts";

export const cloneRow: Row = {
  name: "clone",
  about: "a working copy out of the mirror against a full clone, over HTTP",
  run: measureClone,
};

async function measureClone({ stage, pick, say }: RowContext): ReturnType<Row["run"]> {
  const bytes = pick({ quick: 1e6, usual: 20e6, full: 100e6 });
  const rounds = pick({ quick: 1, usual: 3, full: 3 });
  const folder = stage.folder("clone");
  const served = join(folder, "served");
  const privateFolder = join(folder, "private");
  await mkdir(served);
  await mkdir(privateFolder, { mode: 0o700 });
  say("making the repository");
  const bare = join(served, "big.git");
  await makeRepository(bare, bytes);
  const packed = packBytes(bare);
  const server = await startGitHttpServer({ dir: served });
  stage.onClear(() => server.stop());

  const git = createGit({ privateFolder, path: process.env["PATH"] ?? "/usr/bin:/bin" });
  const mirrors = await createMirrors(git, join(folder, "mirrors"));
  const address = parseRepoAddress(`${server.url}/big.git`, { allowFile: false, allowPlainHttp: () => true });
  if (!address.ok) throw new Error(address.message);
  const remote = { address, credential: null };

  say("filling the mirror");
  const first = performance.now();
  const filled = await mirrors.prepare(remote);
  if (!filled.ok) throw new Error(filled.message);
  const fillMs = performance.now() - first;

  const mirrored: number[] = [];
  const whole: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}`);
    const clone = join(folder, `clone-${round}`);
    const begun = performance.now();
    await plainClone(stage, address.url, clone);
    whole.push(performance.now() - begun);

    const attempt = join(folder, `attempt-${round}`);
    await mkdir(attempt);
    const asked = performance.now();
    const made = await checkout({
      git,
      mirrors,
      remote,
      jobId: `job-${round}`,
      branch: null,
      base: null,
      folder: attempt,
    });
    mirrored.push(performance.now() - asked);
    if (!made.ok) throw new Error(`${made.code}: ${made.message}`);
    if (head(made.repo) !== head(clone)) throw new Error("the working copy is at another commit than the clone");
    rmSync(clone, { recursive: true });
    rmSync(attempt, { recursive: true });
  }
  const faster = median(whole) / median(mirrored);
  return [
    {
      name: `full clone / checkout from the mirror, ${Math.round(packed / 1e6)} MB pack`,
      value: faster,
      unit: "x faster",
      goal: { of: "value", at: "least", bound: 15 },
      note:
        `full clone ${Math.round(median(whole))} ms, from the mirror ${Math.round(median(mirrored))} ms (asking the host ` +
        `included), first fill of the mirror ${Math.round(fillMs)} ms; loopback, so the network costs nothing here`,
    },
  ];
}

async function plainClone(stage: RowContext["stage"], url: string, folder: string): Promise<void> {
  const program = stage.start("git", ["clone", "-q", "--", url, folder], { env: { GIT_CONFIG_GLOBAL: "/dev/null" } });
  if ((await program.ended) !== 0) throw new Error(`git clone failed:\n${program.printed()}`);
}

function head(repo: string): string {
  return execFileSync("git", ["-C", repo, "rev-parse", "HEAD"], { encoding: "utf8" }).trim();
}

function packBytes(bare: string): number {
  const folder = join(bare, "objects", "pack");
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
