/**
 * The files that attempts leave, beside their logs. A file's name on the disk carries its SHA-256, so that one rename
 * makes file and checksum appear together, whole or not at all.
 */

import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  ARTIFACT_NAME,
  type Artifact,
  type ArtifactPut,
  type ArtifactStore,
  type LogKey,
  READ_PIECE,
} from "../contract.ts";
import { attemptPaths, fencesAmong, flushFolder, flushFolders, jobFolder, namesIn } from "./folders.ts";
import type { HeldJob, Jobs } from "./jobs.ts";

const STORED = /^([A-Za-z0-9][A-Za-z0-9._-]{0,127})~([0-9a-f]{64})$/;

type Put = Parameters<ArtifactStore["putArtifact"]>[0];

export class FileArtifacts implements ArtifactStore {
  readonly #jobs: Jobs;
  /** The last step of every put, one after the other: two files of one name must not both find it free. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(jobs: Jobs) {
    this.#jobs = jobs;
  }

  async putArtifact(put: Put): Promise<ArtifactPut> {
    if (!ARTIFACT_NAME.test(put.name)) return { ok: false, code: "bad_name" };
    using job = await this.#jobs.hold(put.jobId);
    const highest = job.see(put.fence);
    if (put.fence < highest) return { ok: false, code: "lease_lost", fence: highest };
    const folder = attemptPaths(this.#jobs.root, put.jobId, put.fence).artifacts;
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (made !== undefined) await flushFolders(dirname(folder));
    const partial = join(folder, `.partial-${randomBytes(8).toString("hex")}`);
    try {
      const refusal = await this.#receive(put, partial);
      if (refusal !== null) return refusal;
      const placed = this.#line.then(() => this.#place(put, job, folder, partial));
      this.#line = placed.catch(() => {});
      return await placed;
    } finally {
      await rm(partial, { force: true });
    }
  }

  async readArtifact({ jobId, fence, name }: LogKey & { name: string }) {
    const artifact = (await this.listArtifacts({ jobId, fence })).find((each) => each.name === name);
    if (artifact === undefined) return null;
    const path = join(attemptPaths(this.#jobs.root, jobId, fence).artifacts, storedName(artifact));
    return { artifact, stream: verified(path, artifact) };
  }

  async listArtifacts({ jobId, fence }: { jobId: string; fence?: number }): Promise<readonly Artifact[]> {
    const names = fence === undefined ? await namesIn(jobFolder(this.#jobs.root, jobId)) : [];
    const found: Artifact[] = [];
    for (const each of fence === undefined ? fencesAmong(names, ".artifacts") : [fence]) {
      const folder = attemptPaths(this.#jobs.root, jobId, each).artifacts;
      for (const stored of (await namesIn(folder)).sort()) {
        const [, name, sha256] = STORED.exec(stored) ?? [];
        if (name === undefined || sha256 === undefined) continue;
        found.push({ fence: each, name, bytes: (await stat(join(folder, stored))).size, sha256 });
      }
    }
    return found;
  }

  /** Writes what comes to a file of its own. Null when it is all there and what was announced. */
  async #receive(put: Put, partial: string): Promise<ArtifactPut | null> {
    const limit = this.#jobs.limits.artifactBytes;
    if ((put.bytes ?? 0) > limit) return { ok: false, code: "artifact_too_large", limit };
    const hash = createHash("sha256");
    let bytes = 0;
    const file = await open(partial, "wx", 0o600);
    try {
      for await (const piece of put.stream) {
        bytes += piece.length;
        if (bytes > limit) return { ok: false, code: "artifact_too_large", limit };
        hash.update(piece);
        await file.writeFile(piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const sha256 = hash.digest("hex");
    const isRight = sha256 === put.sha256 && (put.bytes === undefined || bytes === put.bytes);
    return isRight ? null : { ok: false, code: "artifact_mismatch", bytes, sha256 };
  }

  async #place(put: Put, job: HeldJob, folder: string, partial: string): Promise<ArtifactPut> {
    const { jobId, fence, name, sha256 } = put;
    // The bytes took time to arrive: the lease may be over by now.
    const highest = job.see(fence);
    if (fence < highest) return { ok: false, code: "lease_lost", fence: highest };
    const there = await this.listArtifacts({ jobId, fence });
    const same = there.find((each) => each.name === name);
    if (same !== undefined) {
      return same.sha256 === sha256
        ? { ok: true, artifact: same }
        : { ok: false, code: "artifact_exists", sha256: same.sha256 };
    }
    const limit = this.#jobs.limits.artifacts;
    if (there.length >= limit) return { ok: false, code: "too_many_artifacts", limit };
    const artifact: Artifact = { fence, name, bytes: (await stat(partial)).size, sha256 };
    await rename(partial, join(folder, storedName(artifact)));
    await flushFolder(folder);
    return { ok: true, artifact };
  }
}

function storedName({ name, sha256 }: Artifact): string {
  return `${name}~${sha256}`;
}

/** The bytes of a file; the last piece only once the whole is known to be right. */
async function* verified(path: string, { name, sha256 }: Artifact): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let held: Uint8Array | null = null;
  for await (const piece of createReadStream(path, { highWaterMark: READ_PIECE })) {
    if (held !== null) yield held;
    held = piece as Buffer;
    hash.update(held);
  }
  if (hash.digest("hex") !== sha256)
    throw new Error(`the artifact ${name} is damaged: its bytes are not those that were kept`);
  if (held !== null) yield held;
}
