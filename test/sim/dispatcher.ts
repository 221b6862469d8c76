/**
 * One life of the dispatcher: the real committer, waiting claims, lease access, worker presence, worker endpoints and
 * deliverer, on the run's time and over a store that fails on request. What is not real: HTTP itself and signatures.
 */

import { HiveError, numberId, type HiveEvent } from "@hive/core";
import { DEFAULT_PULL_REQUEST } from "@hive/protocol";
import { agentPolicy } from "../../apps/dispatcher/src/agents/agent-policy.fixture.ts";
import { createLeaseAccess } from "../../apps/dispatcher/src/auth/lease-access.ts";
import type { Registration } from "../../apps/dispatcher/src/auth/registration.ts";
import { createWorkerTokens } from "../../apps/dispatcher/src/auth/worker-tokens.ts";
import { Deliverer } from "../../apps/dispatcher/src/callbacks/deliverer.ts";
import { testLeadership } from "../../apps/dispatcher/src/leader/leadership.fixture.ts";
import { attemptFileHandlers } from "../../apps/dispatcher/src/http/routes/attempt-files.ts";
import { gatewayQuotaHandlers } from "../../apps/dispatcher/src/http/routes/gateway-quota.ts";
import { candidateHandlers } from "../../apps/dispatcher/src/http/routes/candidates.ts";
import { gatewayHandlers } from "../../apps/dispatcher/src/http/routes/gateway.ts";
import { workerHandlers } from "../../apps/dispatcher/src/http/routes/worker-protocol.ts";
import { createWorkerPresence } from "../../apps/dispatcher/src/http/worker-presence.ts";
import type { MemoryLogs } from "../../apps/dispatcher/src/logs/memory/memory-logs.ts";
import { Committer } from "../../apps/dispatcher/src/queue/committer.ts";
import { createWaiters } from "../../apps/dispatcher/src/queue/waiters.ts";
import type { MemoryContent } from "../../apps/dispatcher/src/store/memory/memory-content.ts";
import { MemoryStore } from "../../apps/dispatcher/src/store/memory/memory-store.ts";
import { keepFileSchedules } from "./file-schedules.ts";
import { simulatedBudgets } from "./gateway.ts";
import type { Server } from "./network.ts";
import type { Program } from "./program.ts";
import type { Replica } from "./replicas.ts";
import { INTERVALS, LIMITS, RULES, TERM_MS } from "./rules.ts";
import { simulatedSweeps } from "./sweeps.ts";
import { simulatedTokens } from "./tokens.ts";
import type { World } from "./world.ts";

/** What outlives the dispatcher: its disk. */
export interface Disk {
  readonly content: MemoryContent;
  readonly logs: MemoryLogs;
}

export interface Dispatcher extends Server {
  readonly program: Program;
  readonly queue: Committer;
  /** What answers workers, by the names of the list of endpoints. */
  readonly handlers: ReturnType<typeof workerHandlers> &
    ReturnType<typeof attemptFileHandlers> &
    ReturnType<typeof candidateHandlers> &
    ReturnType<typeof gatewayQuotaHandlers> &
    ReturnType<typeof gatewayHandlers>;
  /** Who calls with this token. @throws HiveError */
  admitWorker(token: string | undefined): Promise<{ readonly workerId: string }>;
  admitLease(token: string | undefined, ended: boolean): ReturnType<ReturnType<typeof createLeaseAccess>["admit"]>;
  /** Sweeps away what is over and old. Trouble with it is told, and never thrown. */
  sweep(): Promise<void>;
  /** The process dies here. */
  crash(): void;
}

/**
 * Starts this replica's process. One alone has the disk to itself, several share it over the network.
 * @throws when the store cannot be opened: the process ends.
 */
export async function startDispatcher(world: World, program: Program, replica: Replica): Promise<Dispatcher> {
  const { disk } = world;
  const { mono } = program;
  const isShared = world.scenario.dispatchers > 1;
  // As long as the process lives: what it saw of the others is not forgotten between two looks.
  const leadership = testLeadership({ url: replica.url, mono, termMs: TERM_MS });
  const connections = new Set<() => void>();
  const stores: MemoryStore[] = [];
  const onTrouble = (message: string, error: unknown): void => {
    if (!program.isDead) world.trouble(message, error);
  };
  const queue = new Committer({
    openStore: () => {
      const store = new MemoryStore({
        content: disk.content,
        faults: world.storeFaults.of(program),
        newElectionId: () => `election-${world.numbers.next("election")}`,
        ...(isShared ? { shared: { leadership, mono } } : {}),
      });
      // The dead open nothing, even where a promise of theirs still goes on for a moment.
      if (program.isDead) store.crash();
      stores.push(store);
      return store;
    },
    rules: RULES,
    clock: program,
    onTrouble,
    abstain: (abstains) => leadership.watch.abstain(abstains),
  });
  const crash = (): void => {
    program.kill();
    for (const store of stores) store.crash();
    for (const breaks of connections) breaks();
  };
  replica.dying = crash;
  await queue.start();

  const leaseTokens = simulatedTokens();
  const leases = createLeaseAccess(leaseTokens, queue, program);
  const workerTokens = createWorkerTokens(new Uint8Array(32));
  const presence = createWorkerPresence(queue, program);
  const waiters = createWaiters(queue, program);
  const parts = {
    queue,
    presence,
    waiters,
    leaseTokens,
    workerTokens,
    logs: disk.logs,
    artifacts: disk.logs,
    intervals: INTERVALS,
    stuck: { silentSeconds: 900, repeats: 0, turns: 0 },
    limits: LIMITS,
    firstBeatMs: RULES.firstBeatMs,
    publicUrl: "http://hive",
    openSecret: () => "",
    githubApiFor: () => null,
    pullRequestFor: () => DEFAULT_PULL_REQUEST,
    credentials: { find: () => Promise.resolve(null) },
    log: { warn: () => undefined },
    registrar: {
      admit: ({ name, version, roles, labels, provider, isolation, agents, proof }: Registration) =>
        Promise.resolve({
          profile: { name, version, roles, labels, provider, isolation, agents },
          placement: { pool: null, egress: null, timeoutMs: null },
          provenAt: proof.kind === "launch" ? Number(proof.token) : null,
        }),
      issue: () => "",
      revoke: () => undefined,
    },
    caches: null,
    policy: { agents: agentPolicy() },
  };
  const signals = {
    open: () => {
      throw new HiveError("internal", "signals go by another way here");
    },
  };
  const deliverer = new Deliverer({
    queue,
    clock: program,
    send: (message) => world.receivers.send(program, message),
    serverUrl: "http://backend-0/hook",
    onTrouble,
  });
  queue.onEffect((effect) => {
    if (effect.type === "signal") world.signal(program, effect);
    if (effect.type === "event") world.readers.live(effect.event);
    if (effect.type === "reloaded") void world.readers.catchUp(queue).catch(() => undefined);
  });
  await world.readers.catchUp(queue).catch(() => undefined);
  await deliverer.start();
  const dispatcher: Dispatcher = {
    program,
    connections,
    queue,
    handlers: {
      ...workerHandlers(parts, signals),
      ...attemptFileHandlers(parts),
      ...candidateHandlers(parts),
      ...gatewayQuotaHandlers({ queue }),
      ...gatewayHandlers({ queue, leases, clock: program, ...simulatedBudgets(program.wall) }),
    },
    async admitWorker(token) {
      const { workerId, registration } = workerTokens.verify(token ?? "");
      await presence.admit(workerId, registration);
      return { workerId };
    },
    async admitLease(token, ended) {
      const lease = await leases.admit(token ?? "", "worker", { ended });
      presence.heard(lease.workerId);
      return lease;
    },
    sweep: simulatedSweeps({ world, program, queue, onTrouble }),
    crash,
  };
  keepFileSchedules({ world, program, queue, onTrouble });
  queue.onReadiness(({ ready }) => {
    if (ready) world.takeovers.elected(dispatcher);
  });
  if (queue.readiness().ready) world.takeovers.elected(dispatcher);
  return dispatcher;
}

/** All events of the store from this number on, as a reader of the stream gets them. */
export async function eventsFrom(queue: Committer, first: number): Promise<readonly HiveEvent[]> {
  const events: HiveEvent[] = [];
  for (let from = first; ; ) {
    const page = await queue.documents.list({ collection: "events", from: numberId(from), limit: 500 });
    for (const { doc } of page.items) {
      const stored: unknown = doc;
      const { id, type, at, jobId, data } = stored as HiveEvent;
      events.push({ id, type, at, jobId, data });
      from = id + 1;
    }
    if (page.next === null) return events;
  }
}
