/**
 * The real programs of a run: a dispatcher with a folder of its own, workers that outlive it, an owner's backend, a bare
 * repository. Everything ends with the world, also after a failure half-way.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { git } from "../e2e/git-host.ts";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { type CallbackRecorder, startCallbackRecorder } from "./callbacks.ts";
import type { RunHistory } from "./history.ts";
import { startWorkers, type Workers } from "./workers.ts";

export interface World extends AsyncDisposable {
  readonly server: HiveProcess;
  readonly workers: Workers;
  readonly backend: CallbackRecorder;
  /** `CALLBACK_SECRET`. */
  readonly secret: string;
  /** The bare repository. */
  readonly bare: string;
  /** Where scripts note that they run. */
  readonly acts: string;
}

/** Starts everything. */
export async function openWorld(options: {
  readonly history: RunHistory;
  readonly workers: number;
  readonly leaseMs: number;
}): Promise<World> {
  const rooms = new AsyncDisposableStack();
  try {
    const place = mkdtempSync(join(tmpdir(), "hive-faults-"));
    rooms.defer(() => rmSync(place, { recursive: true, force: true }));
    const acts = join(place, "acts");
    mkdirSync(acts);
    // The programs of jobs run as users of their own.
    chmodSync(place, 0o711);
    chmodSync(acts, 0o777);
    const bare = makeRepository(place);
    const secret = randomBytes(24).toString("base64url");
    const webhookSecret = `whsec_${randomBytes(32).toString("base64")}`;
    const backend = await startCallbackRecorder(webhookSecret, options.history);
    rooms.defer(() => backend.stop());
    const server = await startHive({
      env: {
        CALLBACK_SECRET: secret,
        HIVE_WEBHOOK_SECRET: webhookSecret,
        HIVE_CALLBACK_URL: backend.url,
        HIVE_WORKERS: "0",
        HIVE_LEASE_MS: String(options.leaseMs),
        HIVE_ALLOW_FILE_REPOS: "1",
      },
    });
    rooms.defer(() => server.dispose());
    const folder = join(dirname(server.data), "workers");
    const [uid] = server.traces.uids;
    const workers = startWorkers({ count: options.workers, url: server.url, secret, folder, uid });
    rooms.defer(() => workers.stop());
    return {
      server,
      workers,
      backend,
      secret,
      bare,
      acts,
      [Symbol.asyncDispose]: () => rooms.disposeAsync(),
    };
  } catch (error) {
    await rooms.disposeAsync();
    throw error;
  }
}

function makeRepository(place: string): string {
  const bare = join(place, "app.git");
  const work = join(place, "work");
  mkdirSync(bare);
  mkdirSync(work);
  git(bare, "init", "-q", "--bare", "-b", "main");
  git(work, "init", "-q", "-b", "main");
  git(work, "commit", "-q", "--allow-empty", "-m", "first");
  git(work, "push", "-q", bare, "main");
  return bare;
}
