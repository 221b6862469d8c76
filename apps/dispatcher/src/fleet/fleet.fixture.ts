/** A small world for the tests of the fleet: a real queue, a machine that is not there, workers that do what a test says, and a clock moved by hand. */

import { type CommandType, DEFAULT_RULES, HiveError, type NewJob } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { createRegistrar } from "../auth/registration.ts";
import type { Clock } from "../clock.ts";
import { Committer } from "../queue/committer.ts";
import { HandClock, settle } from "../queue/queue.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore } from "../store/memory/memory-store.ts";
import { createFakeMachine, createFakeProvider, type FakeMachine, type FakeProvider } from "./fake-provider.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { compilePools, type Pool, poolsSchema } from "./pool-settings.ts";
import type { PoolView } from "./pool-view.ts";
import type { Launch } from "./provider.ts";

export interface WorldOptions {
  /** As in hive.yaml. Default: one pool `default` of containers with its defaults. */
  readonly pools?: readonly Record<string, unknown>[];
  /** `HIVE_WORKERS`. */
  readonly workers?: number;
  /** Milliseconds a worker takes to register; null: it never does. Default 1,000. */
  readonly bootMs?: number | null;
  /** How many listings of the machine fail before one answers. */
  readonly failLists?: number;
  readonly limitOf?: (key: string) => number | null;
  /** See `FleetOptions`. Default null. */
  readonly dispatcher?: string;
}

export interface FleetWorld {
  readonly clock: HandClock;
  readonly queue: Committer;
  readonly docker: FakeProvider;
  readonly process: FakeProvider;
  readonly fleet: Fleet;
  readonly logged: string[];
  /** From now on; see {@link WorldOptions}. */
  bootMs: number | null;
  /** Moves the clock; everything settles after each step. */
  readonly pass: (ms: number) => Promise<void>;
  readonly enqueue: (...jobs: Partial<NewJob>[]) => Promise<void>;
  /** Names of the workers that run, sorted. */
  readonly names: () => readonly string[];
  readonly launchOf: (name: string) => Launch;
  /** Every idle worker claims once; gives the names of those that got a job, sorted. */
  readonly claim: () => Promise<readonly string[]>;
  /** The worker finishes its job and, as one for a single job, leaves, unless it is to stay a while. */
  readonly finish: (name: string, stays?: "stays") => Promise<void>;
  /** Registers a worker again. @throws HiveError as the registrar does */
  readonly register: (launch: Launch) => Promise<void>;
  /** From now on the fleet's commands of this type wait until `release`, or fail. */
  readonly hold: (type: CommandType, how?: "fail") => { release: () => void };
  /** The worker says goodbye and ends with code 0. */
  readonly leave: (name: string) => Promise<void>;
  readonly pool: (name?: string) => PoolView;
  readonly job: (id: string) => Promise<{ readonly status: string; readonly losses: number; readonly returns: number }>;
  /** The server is killed and starts again over the same store and machine. */
  readonly restart: (options?: WorldOptions) => Promise<void>;
  readonly dispose: () => Promise<void>;
}

interface Hold {
  readonly type: CommandType;
  readonly until: Promise<void>;
}

interface Life extends Pick<FleetWorld, "queue" | "docker" | "process" | "fleet"> {
  /** SIGKILL: nothing of this life does anything any more. */
  readonly crash: () => Promise<void>;
  readonly register: (launch: Launch) => Promise<void>;
}

const LONG_MS = 365 * 86_400_000;
const SECRET = "a secret of sixteen letters";

/** Starts a queue and a fleet. */
export async function fleetWorld(options: WorldOptions = {}): Promise<FleetWorld> {
  const hand = new HandClock();
  const content = new MemoryContent();
  const machines = { docker: createFakeMachine(), process: createFakeMachine() };
  const logged: string[] = [];
  let ids = 0;

  const holds = new Set<Hold>();
  let bootMs = options.bootMs === undefined ? 1_000 : options.bootMs;

  async function life(settings: WorldOptions): Promise<Life> {
    let alive = true;
    const clock: Clock = {
      random: hand.random,
      mono: hand.mono,
      wall: hand.wall,
      after: (ms, run) => hand.after(ms, () => alive && run()),
    };
    const queue = new Committer({
      openStore: () => new MemoryStore({ content }),
      // Workers here do not beat.
      rules: { ...DEFAULT_RULES, leaseMs: LONG_MS, limitOf: settings.limitOf ?? (() => 1) },
      clock,
      onTrouble: (message) => void logged.push(message),
    });
    await queue.start();
    const registrar = createRegistrar(SECRET, clock);
    const make = (name: "docker" | "process", machine: FakeMachine): FakeProvider => {
      const oneShot = name === "docker";
      const provider = createFakeProvider({ clock, machine, name, oneShot, outlivesServer: oneShot });
      return {
        ...provider,
        async start(launch) {
          await provider.start(launch);
          const isThere = (): boolean => machine.workers.get(launch.launchId)?.untold === null;
          if (bootMs === null) return;
          clock.after(bootMs, () => isThere() && void register(queue, registrar, launch));
        },
      };
    };
    const docker = make("docker", machines.docker);
    const process = make("process", machines.process);
    for (let n = 0; n < (settings.failLists ?? 0); n += 1) docker.failList();
    const entries = settings.pools === undefined ? undefined : poolsSchema.parse(settings.pools);
    const pools: readonly Pool[] = compilePools(entries, { provider: "docker", workers: settings.workers });
    const starting = startFleet({
      pools,
      providers: new Map([
        ["docker", docker],
        ["process", process],
      ]),
      max: settings.workers ?? 1_000,
      dispatcher: settings.dispatcher ?? null,
      queue: {
        readiness: () => queue.readiness(),
        read: (look) => queue.read(look),
        onEffect: (listener) => queue.onEffect(listener),
        async submit(command) {
          for (const one of holds) if (one.type === command.type) await one.until;
          return queue.submit(command);
        },
      },
      clock,
      tokens: registrar,
      everyAgent: ["claude", "demo"],
      environmentOf: () => ({ PATH: "/bin" }),
      log: { info: (text) => void logged.push(text), warn: (text) => void logged.push(`WARN ${text}`) },
    });
    const fleet = await starting;
    const crash = async (): Promise<void> => {
      alive = false;
      docker.close();
      process.close();
      await queue.stop();
    };
    return { queue, docker, process, fleet, crash, register: (launch) => register(queue, registrar, launch) };
  }

  async function register(
    queue: Committer,
    registrar: ReturnType<typeof createRegistrar>,
    launch: Launch,
  ): Promise<void> {
    const registrationId = `registration-${launch.launchId}`;
    const said = { roles: [], labels: [], provider: "docker", isolation: "container", agents: ["demo"] };
    const token = launch.env["HIVE_LAUNCH_TOKEN"] ?? "";
    const proof = { kind: "launch" as const, token };
    const { profile, placement } = await registrar.admit({
      ...said,
      registrationId,
      protocol: 1,
      name: launch.name,
      version: "1",
      proof,
    });
    await queue.submit<"register">({ type: "register", workerId: profile.name, registrationId, profile, placement });
  }

  async function pass(ms: number): Promise<void> {
    for (let n = 0; n < 5; n += 1) await settle();
    await hand.pass(ms);
    for (let n = 0; n < 5; n += 1) await settle();
  }

  const running = (): Launch[] =>
    [...machines.docker.workers.values(), ...machines.process.workers.values()].map(({ launch }) => launch);
  const launchOf = (name: string): Launch => {
    const found = running().find((launch) => launch.name === name);
    if (found === undefined) throw new Error(`no worker ${name} runs`);
    return found;
  };
  const end = (name: string): void => {
    const { launchId } = launchOf(name);
    for (const provider of [world.docker, world.process])
      if (provider.machine.workers.has(launchId)) provider.end(launchId);
  };
  const leave = async (name: string): Promise<void> => {
    await world.queue.submit<"workerGone">({ type: "workerGone", workerId: name, blame: false, message: "left" });
    end(name);
    await pass(0);
  };

  let now = await life(options);
  const world: FleetWorld = {
    clock: hand,
    logged,
    get queue() {
      return now.queue;
    },
    get docker() {
      return now.docker;
    },
    get process() {
      return now.process;
    },
    get fleet() {
      return now.fleet;
    },
    get bootMs() {
      return bootMs;
    },
    set bootMs(ms) {
      bootMs = ms;
    },
    pass,
    launchOf,
    leave,
    async enqueue(...jobs) {
      const whole = jobs.map((what) => newJob(`j${(ids += 1)}`, what));
      await world.queue.submit<"enqueue">({ type: "enqueue", jobs: whole, idempotency: null });
    },
    names: () =>
      running()
        .map(({ name }) => name)
        .sort(),
    async claim() {
      const idle = await world.queue.read((state) =>
        [...state.workers.values()].filter(({ jobId }) => jobId === null).map(({ record }) => record.id),
      );
      const got: string[] = [];
      for (const workerId of idle.toSorted()) {
        const claimId = `claim-${(ids += 1)}`;
        const { grant } = await world.queue.submit<"claim">({ type: "claim", workerId, claimId });
        if (grant === null) continue;
        const lease = { jobId: grant.job.id, fence: grant.lease.fence };
        await world.queue.submit<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
        got.push(workerId);
      }
      await pass(0);
      return got;
    },
    register: (launch) => now.register(launch),
    hold(type, how) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const hold: Hold = { type, until: promise };
      holds.add(hold);
      promise.catch(() => undefined);
      if (how === "fail") reject(new HiveError("not_ready", "the store is away"));
      const release = (): void => {
        holds.delete(hold);
        resolve();
      };
      return { release };
    },
    async finish(name, stays) {
      const jobId = await world.queue.read((state) => state.workers.get(name)?.jobId ?? null);
      const job = await world.queue.read((state) => (jobId === null ? undefined : state.jobs.get(jobId)));
      if (job === undefined) throw new Error(`${name} has no job`);
      const lease = { jobId: job.id, fence: job.run?.fence ?? 0 };
      const outcome = { end: "failed", error: { code: "done", kind: "work", message: "" }, result: null } as const;
      await world.queue.submit<"finish">({ type: "finish", lease, finishId: `f-${name}`, outcome, log: null });
      if (launchOf(name).env["HIVE_ONE_SHOT"] === "1" && stays === undefined) await leave(name);
    },
    pool(name = "default") {
      const found = world.fleet.pools().find((pool) => pool.name === name);
      if (found === undefined) throw new Error(`no pool ${name}`);
      return found;
    },
    async job(id) {
      const [doc] = await world.queue.documents.get([{ collection: "jobs", id }]);
      const run = doc?.["run"] as { losses?: number; returns?: number } | null | undefined;
      return { status: String(doc?.["status"]), losses: run?.losses ?? 0, returns: run?.returns ?? 0 };
    },
    async restart(settings = options) {
      await now.crash();
      now = await life(settings);
      await pass(0);
    },
    async dispose() {
      const stopped = world.fleet.stop(1_000);
      await pass(2_000);
      await stopped;
      await world.queue.stop();
    },
  };
  return world;
}
