/**
 * A real Redis for tests: a folder and a free port of its own, on loopback only. It can be killed, stopped in its tracks
 * and started again on the same folder and port, as a machine does that lost its power or its patience.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, PeerProgram } from "../peer-program.ts";

/** The end of its output that is kept, in characters. */
const KEPT = 64_000;
/** What it prints once it takes commands. */
const READY = "Ready to accept connections";

export interface RedisOptions {
  /** When its log is flushed to the disk. Default `always`, which loses nothing it acknowledged. */
  readonly appendfsync?: "always" | "everysec" | "no";
  /** Keeps a log at all. Default true. */
  readonly appendonly?: boolean;
  /** Such as `50mb`; default: no limit. What happens at the limit is `noeviction` unless `extra` says otherwise. */
  readonly maxmemory?: string;
  /** Speaks TLS on its port, and nothing in the clear: paths of PEM files. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** More arguments of `redis-server`, such as `["--maxmemory-policy", "allkeys-lru"]`. */
  readonly extra?: readonly string[];
  /** An existing folder to keep its data in; it stays. Default: a new one that `dispose` removes. */
  readonly folder?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Variables over a plain environment, such as `LD_PRELOAD`. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it is started by, such as `["ip", "netns", "exec", NAME]`; it must become the program it starts. Default: nothing. */
  readonly startedBy?: readonly string[];
}

export interface RedisServer {
  /** `redis://127.0.0.1:PORT`, or `rediss://localhost:PORT` */
  readonly url: string;
  readonly port: number;
  /** Its data: `appendonlydir` is in it. */
  readonly folder: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** The last part of what it printed, of all its lives. */
  printed(): string;
  /** SIGKILL; resolves when it is gone. */
  crash(): Promise<void>;
  /** SIGTERM: a clean end that keeps its data; resolves when it is gone. */
  shutDown(): Promise<void>;
  /** SIGSTOP: it takes connections and answers nobody. */
  stopNow(): void;
  /** SIGCONT */
  goOn(): void;
  /** Starts it again on the same folder and port, and waits until it takes commands. @throws when it refuses to start */
  start(more?: { readonly env?: Readonly<Record<string, string>>; readonly extra?: readonly string[] }): Promise<void>;
  /** Resolves with exit code or signal when the process that runs now is gone, by whatever hand. */
  ended(): Promise<number | NodeJS.Signals | null>;
  /** Ends it and removes its folder. Safe to call twice. */
  dispose(): Promise<void>;
}

/** Starts it and waits until it takes commands. @throws with what it printed when it does not */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const own = options.folder === undefined;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "hive-redis-"));
  const port = options.port ?? (await freePort());
  let printed = "";
  let life: PeerProgram | null = null;

  const start: RedisServer["start"] = async (more = {}) => {
    if (life !== null && !life.isOver()) throw new Error("this Redis runs already");
    const args = [...argumentsOf(options, folder, port), ...(more.extra ?? [])];
    let isReady = false;
    const begun = new PeerProgram(
      [...(options.startedBy ?? []), "redis-server", ...args],
      { ...options.env, ...more.env },
      (text) => {
        printed = (printed + text).slice(-KEPT);
        // Its own words: asking over the network would need a client, and would meet LOADING first.
        isReady ||= printed.slice(1 - text.length - READY.length).includes(READY);
      },
    );
    life = begun;
    try {
      await begun.until(() => isReady);
    } catch (error) {
      await begun.end("SIGKILL");
      throw new Error(`redis-server did not start on port ${port}:\n${printed.slice(-4000)}`, { cause: error });
    }
  };
  const running = (): PeerProgram => {
    if (life === null) throw new Error("this Redis never ran");
    return life;
  };
  try {
    await start();
  } catch (error) {
    if (own) rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    url: options.tls === undefined ? `redis://127.0.0.1:${port}` : `rediss://localhost:${port}`,
    port,
    folder,
    get pid() {
      return running().pid;
    },
    printed: () => printed,
    crash: () => running().end("SIGKILL"),
    shutDown: () => running().end("SIGTERM"),
    stopNow: () => running().signal("SIGSTOP"),
    goOn: () => running().signal("SIGCONT"),
    start,
    ended: () => running().ended,
    async dispose() {
      await running().end("SIGKILL");
      if (own) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function argumentsOf(options: RedisOptions, folder: string, port: number): string[] {
  const { appendonly = true, appendfsync = "always", maxmemory } = options;
  return [
    ...listening(options.tls, port),
    ...["--bind", "127.0.0.1", "--dir", folder, "--save", ""],
    ...["--appendonly", appendonly ? "yes" : "no", "--appendfsync", appendfsync],
    ...["--maxmemory-policy", "noeviction"],
    ...(maxmemory === undefined ? [] : ["--maxmemory", maxmemory]),
    ...(options.extra ?? []),
  ];
}

function listening(tls: RedisOptions["tls"], port: number): string[] {
  if (tls === undefined) return ["--port", String(port)];
  const files = ["--tls-cert-file", tls.certificate, "--tls-key-file", tls.key];
  return ["--port", "0", "--tls-port", String(port), ...files, "--tls-auth-clients", "no"];
}
