/**
 * A job's working copy against a whole clone, both from a git server over HTTP: out of a mirror of the worker's own, and
 * out of what the mirror keeper hands to workers in containers.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseRepoAddress } from "@hive/core";
import { checkout } from "../../apps/worker/src/git/checkout.ts";
import { createGit } from "../../apps/worker/src/git/git.ts";
import { createHandedOutMirrors } from "../../apps/worker/src/git/handed-out-mirrors.ts";
import { createMirrors, type Mirrors } from "../../apps/worker/src/git/mirror.ts";
import { createMirrorKeeper } from "../../apps/worker/src/mirror-keeper/keeper.ts";
import { machineOf } from "../../apps/worker/src/mirror-keeper/shelf.ts";
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

  const keeperFolder = join(folder, "keeper");
  await mkdir(keeperFolder);
  const keeper = await createMirrorKeeper({
    git,
    folder: keeperFolder,
    allowFileRepos: false,
    limits: { keepMs: Infinity, maxBytes: Infinity, minFreeBytes: 0 },
    machine: machineOf(keeperFolder),
    log: { info: say, warn: say },
  });
  stage.onClear(() => keeper.stop());
  const asking = { worker: "bench", repo: address.url, credential: null, proxy: null, broken: null };
  const toLease = (lease: string): Mirrors =>
    createHandedOutMirrors({
      ask: () => keeper.handOut({ ...asking, lease }),
      folder: keeperFolder,
      own: () => Promise.reject(new Error("the keeper's hand-out is not where it says")),
      warn: say,
    });
  const kept = await keeper.handOut({ ...asking, lease: "first" });
  if (!kept.ok) throw new Error(kept.message);

  const mirrored: number[] = [];
  const handedOut: number[] = [];
  const whole: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}`);
    const clone = join(folder, `clone-${round}`);
    const begun = performance.now();
    await plainClone(stage, address.url, clone);
    whole.push(performance.now() - begun);

    const ways = [
      [mirrors, mirrored],
      [toLease(`round-${round}`), handedOut],
    ] as const;
    // In turns: the disk is still busy with the files of whichever came before.
    for (const [from, times] of round % 2 === 1 ? ways : [...ways].reverse()) {
      const attempt = join(folder, `attempt-${round}`);
      await mkdir(attempt);
      const asked = performance.now();
      const made = await checkout({
        git,
        mirrors: from,
        remote,
        jobId: `job-${round}`,
        branch: null,
        base: null,
        folder: attempt,
      });
      times.push(performance.now() - asked);
      if (!made.ok) throw new Error(`${made.code}: ${made.message}`);
      if (head(made.repo) !== head(clone)) throw new Error("the working copy is at another commit than the clone");
      rmSync(attempt, { recursive: true });
    }
    await keeper.release(`round-${round}`);
    rmSync(clone, { recursive: true });
  }
  const mb = Math.round(packed / 1e6);
  const goal = { of: "value", at: "least", bound: 15 } as const;
  return [
    {
      name: `full clone / checkout from the mirror, ${mb} MB pack`,
      value: median(whole) / median(mirrored),
      unit: "x faster",
      goal,
      note:
        `full clone ${Math.round(median(whole))} ms, from the mirror ${Math.round(median(mirrored))} ms (asking the host ` +
        `included), first fill of the mirror ${Math.round(fillMs)} ms; loopback, so the network costs nothing here`,
    },
    {
      name: `full clone / checkout from what the mirror keeper hands out, ${mb} MB pack`,
      value: median(whole) / median(handedOut),
      unit: "x faster",
      goal,
      note: `from a hand-out ${Math.round(median(handedOut))} ms, its making and asking the host included`,
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
