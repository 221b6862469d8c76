/**
 * Puts a worker together and runs it: registers, claims, listens, tells results that are still untold, and leaves when
 * it is told to. One job at a time.
 *
 * Three ways to leave: `drain` (an operator, or a parent that is gone) finishes the job first however long it takes;
 * `drain` with a grace (SIGTERM) gives the job back when the grace is over; `stopNow` (a second signal) at once.
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createClient, endpoints, type LeaseGrant } from "@hive/protocol";
import type { Logger } from "pino";
import { reserveUid } from "./agent-uid.ts";
import { clearLeftovers } from "./clean-up.ts";
import type { Credential, WorkerConfig } from "./config.ts";
import { describeEnvironment } from "./environment.ts";
import { createGit, type Git } from "./git/git.ts";
import { openMirrors } from "./git/open-mirrors.ts";
import { startClaimLoop } from "./loops/claim-loop.ts";
import type { Clock } from "./loops/clock.ts";
import { startReplayLoop } from "./loops/replay-loop.ts";
import { createSession } from "./loops/session.ts";
import { type Signal, startSignalsLoop } from "./loops/signals-loop.ts";
import { openSlot } from "./process/agent-user.ts";
import { watchMemory } from "./process/memory-watch.ts";
import { hasOpenNetwork, isolationOf } from "./process/isolation.ts";
import { openOutbox } from "./report/outbox.ts";
import { createResendLog } from "./report/report.ts";
import { type JobInWork, runJob } from "./run-job.ts";
import type { WayToServer } from "./way/way-to-server.ts";
import type { Tasks, WorkerParts } from "./worker-parts.ts";

export interface StartOptions {
  readonly config: WorkerConfig;
  readonly credential: Credential;
  /** Closed when the worker has left. */
  readonly way: WayToServer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** What does the work of a job, with the git of this worker. */
  readonly tasksWith: (git: Git) => Tasks;
  /** Versions of the tools that jobs find here. Never rejects; results wait for it. */
  readonly tools: Promise<Readonly<Record<string, string>>>;
  /** Agents that can run here, by name. */
  readonly agents: readonly string[];
  /** Whether agents run here whose command line comes with the job. Default: false. */
  readonly commandLines?: boolean;
  /** Files that the agents' user must be able to read. */
  readonly mustReach: readonly string[];
}

export interface Worker {
  /** Resolves when the worker has left in order. @throws when it cannot go on: a slot that cannot be emptied, a refused registration */
  readonly done: Promise<void>;
  /** Takes no more jobs. With `graceMs` the job in work is given back after it; without, it may finish. */
  drain(reason: string, graceMs?: number): void;
  /** Gives the job back and leaves. */
  stopNow(reason: string): void;
  /** One line for each thing it is doing. */
  status(): readonly string[];
}

/** The niceness of those who let everybody go first. */
const LAST_IN_LINE = 19;
/** Milliseconds a goodbye and a given-back job have, once everything must end. */
const LAST_WORDS_MS = 3_000;

/** Starts a worker. Nobody else may use its slot's folder. */
export async function startWorker(options: StartOptions): Promise<Worker> {
  const { config, clock, log, way, credential } = options;
  const folder = join(config.dataFolder, `slot-${config.slot}`);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const { uidBase, release } = await reserveUid(config.slot, config.uidBase);
  const { mustReach } = options;
  // In a container the job shares its processors with nobody but us, and a thousand busy processes of its own must not
  // keep us from our heartbeats. On a machine it would be everybody's last.
  const niceness = config.contained ? LAST_IN_LINE : 0;
  const slot = await openSlot({
    folder,
    slot: config.slot,
    mustReach,
    uidBase,
    processes: config.agentProcesses,
    niceness,
  });
  if (slot.why !== undefined) {
    if (config.contained && !config.allowUnisolated) {
      release();
      await way.close();
      throw new Error(`${slot.why} and could read the worker's secrets; HIVE_ALLOW_UNISOLATED=1 takes that`);
    }
    log.warn(slot.why);
  }
  await clearLeftovers(slot, folder);
  const privateFolder = join(folder, "private");
  await mkdir(privateFolder, { recursive: true, mode: 0o700 });
  const git = createGit({
    privateFolder,
    path: config.path,
    ...(config.extraCaFile === null ? {} : { caFile: config.extraCaFile }),
  });
  const client = createClient({ baseUrl: way.baseUrl, serverName: way.serverName, fetch: way.fetch });
  const { name, roles, labels, provider } = config;
  const isolation = isolationOf({
    contained: config.contained,
    hasUser: slot.user !== undefined,
    hasNetwork: hasOpenNetwork(),
  });
  const session = createSession({
    client,
    profile: { name, version: options.version, roles, labels, provider, isolation, agents: options.agents },
    credential,
    ...(options.commandLines === true ? { commandLines: true } : {}),
    clock,
    warn: (message) => log.warn(message),
  });
  const outbox = await openOutbox(join(folder, "unsent"), (message) => log.warn(message));

  const claiming = new AbortController();
  const leaving = new AbortController();
  let inWork: JobInWork | null = null;
  let giveBack: (() => void) | null = null;
  let why: string | null = null;

  function drain(reason: string, graceMs?: number): void {
    if (why === null) log.info("leaving: %s", reason);
    why ??= reason;
    claiming.abort();
    if (graceMs !== undefined && giveBack === null) {
      giveBack = clock.after(graceMs, () => inWork?.stop({ why: "leaving", reason }));
    }
  }

  function onSignal(signal: Signal): void {
    if (signal.signal === "drain") return drain(signal.reason);
    if (inWork === null || signal.jobId !== inWork.jobId || signal.fence !== inWork.fence) return;
    // What to do about it is in the answer to a heartbeat.
    if (signal.signal === "stop") return inWork.ask();
    inWork.stop({ why: signal.signal === "cancel" ? "canceled" : "stale", reason: signal.reason });
  }

  const parts: WorkerParts = {
    client,
    clock,
    log,
    registered: session.current,
    outbox,
    slot,
    folder,
    git,
    mirrorsFor: await openMirrors(git, config, (message) => log.warn(message)),
    allowFileRepos: config.allowFileRepos,
    way,
    tasks: options.tasksWith(git),
    isolation,
    // Elsewhere the counter is the machine's: other programs' kills are not the job's.
    watchMemory: (onKill) =>
      config.contained ? watchMemory({ clock, onKill }) : { look: () => undefined, stop: () => undefined },
    environment: describeEnvironment(config, isolation, options.tools),
    leaving: leaving.signal,
    onDrain: () => drain("the dispatcher wants this worker to leave"),
  };

  async function work(lease: LeaseGrant): Promise<void> {
    const { jobId, task, agent, repo, attempt } = lease.job;
    const what = `${task}${agent === null ? "" : ` (${agent})`} of ${repo}, attempt ${attempt}`;
    log.info({ jobId, fence: lease.fence }, what);
    try {
      await runJob(parts, lease, (job) => {
        inWork = job;
      });
    } finally {
      inWork = null;
      way.dropConnections();
    }
    if (config.oneShot) drain("its one job is done");
  }

  const loops: { status(): string }[] = [session];

  async function serve(): Promise<void> {
    const ended = new AbortController();
    const registered = await session.register(claiming.signal, null);
    if (registered === null) return;
    const able = `${roles.join(", ") || "any role"}, agents: ${options.agents.join(", ") || "none"}`;
    log.info("registered as %s at %s (%s, isolation: %s)", name, way.serverName, able, isolation);
    const replay = startReplayLoop({
      client,
      outbox,
      clock,
      signal: AbortSignal.any([ended.signal, leaving.signal]),
      resendLog: createResendLog(client, clock, registered.limits.logChunkBytes),
      isInWork: (jobId, fence) => inWork?.jobId === jobId && inWork.fence === fence,
      say: (message) => log.info(message),
    });
    const signals = startSignalsLoop({ client, session, clock, signal: ended.signal, onSignal });
    const claims = startClaimLoop({
      client,
      session,
      clock,
      signal: claiming.signal,
      work,
      say: (message) => log.warn(message),
    });
    loops.push(claims, signals, replay);
    // A registration that is refused ends the signals first; the claims find out by themselves.
    signals.done.catch(() => undefined);
    try {
      await claims.done;
      await tellWhatIsUntold(replay);
    } finally {
      giveBack?.();
      ended.abort();
      await Promise.all([replay.done, signals.done.catch(() => undefined)]);
    }
    await goodbye();
  }

  async function live(): Promise<void> {
    try {
      await serve();
    } finally {
      release();
      await way.close();
    }
  }

  /** An unsent result keeps the worker a while; after that the disk keeps it for the slot's next worker. */
  async function tellWhatIsUntold(replay: { drained(): Promise<void> }): Promise<void> {
    if ((await outbox.list()).length === 0) return;
    const patience = new AbortController();
    const takeBack = clock.after(config.orphanMs, () => patience.abort());
    const over = new Promise<void>((resolve) => {
      for (const signal of [patience.signal, leaving.signal]) signal.addEventListener("abort", () => resolve());
    });
    await Promise.race([replay.drained(), over]);
    takeBack();
  }

  async function goodbye(): Promise<void> {
    // A result that is still untold may yet be taken; a goodbye would give its job to somebody else.
    if ((await outbox.list()).length > 0) return;
    const { token } = session.current();
    await client
      .call(endpoints.workerGoodbye, {}, { token, timeoutMs: LAST_WORDS_MS })
      .catch((error: unknown) => log.debug({ err: error }, "the goodbye was not heard"));
  }

  return {
    done: live(),
    drain,
    stopNow(reason) {
      drain(reason);
      inWork?.stop({ why: "leaving", reason });
      clock.after(LAST_WORDS_MS, () => leaving.abort());
    },
    status: () => [...loops.map((loop) => loop.status()), ...(inWork === null ? [] : [inWork.status()])],
  };
}
