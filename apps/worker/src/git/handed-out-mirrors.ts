/**
 * Mirrors for a worker in a container: the server's mirror keeper brings them up to date and makes a read-only hand-out
 * of one for this lease, which lies in a folder that is mounted here. Nothing is copied or written on this side. Where
 * the server has replicas, the one that leads may be on another machine than this folder: then a plain clone does.
 */
import { access } from "node:fs/promises";
import { join, relative } from "node:path";
import type { MirrorReply } from "@hive/protocol";
import { type GitFailed, failedWith, isGitFailure } from "./failure.ts";
import type { Mirrors } from "./mirror.ts";

/** What is wrong with hand-outs of this lease, by their folders. */
export interface MirrorAsk {
  /** Its files are damaged. */
  readonly broken: string | null;
  /** It lacks what the remote has by now. */
  readonly outdated: string | null;
}

export interface HandedOutMirrorsOptions {
  /** Asks the server in the name of the lease, as long as it takes. Rejects when the lease is over or the signal fires. */
  readonly ask: (about: MirrorAsk, signal?: AbortSignal) => Promise<MirrorReply>;
  /** Where the server's folder of mirrors is mounted. */
  readonly folder: string;
  /** Mirrors of this worker's own, for when what was handed out is not in `folder`. Called once at most. */
  readonly own: () => Promise<Mirrors>;
  /** Told when that happens: it works, and costs a whole clone. */
  readonly warn: (message: string) => void;
}

/** The mirrors of one lease. The server knows its repository and credential: what `prepare` is given is not sent to it. */
export function createHandedOutMirrors({ ask, folder, own, warn }: HandedOutMirrorsOptions): Mirrors {
  let given: string | null = null;
  let broken: string | null = null;
  /** What is used in place of hand-outs, once one was not there. */
  let instead: Mirrors | null = null;

  return {
    async prepare(remote, signal, old) {
      if (instead !== null) return instead.prepare(remote, signal, old);
      let reply: MirrorReply;
      try {
        reply = await ask({ broken, outdated: old === undefined ? null : relative(folder, old.folder) }, signal);
      } catch (error) {
        if (signal?.aborted !== true) throw error;
        return { ok: false, code: "aborted", message: "stopped", stderr: "", exitCode: null };
      }
      if (!reply.ok) return failed(reply.code, reply.message);
      given = reply.folder;
      broken = null;
      const place = join(folder, reply.folder);
      const isThere = await access(join(place, "HEAD")).then(
        () => true,
        () => false,
      );
      if (!isThere) {
        warn(
          `the server handed out ${reply.folder}, which is not in ${folder} (is its folder mounted?): cloning instead`,
        );
        instead = await own();
        return instead.prepare(remote, signal);
      }
      const { defaultBranch, heads } = reply;
      return { ok: true, folder: place, refs: { ok: true, defaultBranch, heads: new Map(heads) } };
    },
    // It is the job's alone, and readable to its agent, as it was handed out.
    lend: (mirror, target, signal) =>
      instead?.lend(mirror, target, signal) ?? Promise.resolve({ ok: true, folder: mirror.folder }),
    discard(mirror) {
      if (instead !== null) return instead.discard(mirror);
      broken = given;
      return Promise.resolve();
    },
  };
}

function failed(code: string, message: string): GitFailed {
  return failedWith(isGitFailure(code) ? code : "git_failed", message);
}
