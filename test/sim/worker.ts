/**
 * A worker: the real session, claim, heartbeat, report, delivery and replay loops in a simulated process. Simulated are
 * the work itself (`work.ts`), the disk of unsent results, which outlives the process, and the stream of signals.
 */

import type { Effect } from "@hive/core";
import { type ApiClient, endpoints, type LeaseGrant } from "@hive/protocol";
import { startClaimLoop } from "../../apps/worker/src/loops/claim-loop.ts";
import { startReplayLoop } from "../../apps/worker/src/loops/replay-loop.ts";
import { createSession, type Session } from "../../apps/worker/src/loops/session.ts";
import type { Outbox, UnsentResult } from "../../apps/worker/src/report/outbox.ts";
import { dice, type Dice } from "./dice.ts";
import { Program } from "./program.ts";
import { doWork, type JobAtWork } from "./work.ts";
import { workerClient } from "./worker-port.ts";
import type { World } from "./world.ts";

/** One worker with a name; its processes come and go. */
export class Worker {
  readonly name: string;
  readonly world: World;
  readonly dice: Dice;
  readonly roles: readonly string[];
  /** Results not yet confirmed, on the disk. */
  readonly #disk = new Map<string, UnsentResult>();
  program: Program;
  client: ApiClient;
  session: Session | null = null;
  job: JobAtWork | null = null;
  #lives = 0;
  #stopTaking = new AbortController();

  constructor(world: World, name: string, roles: readonly string[]) {
    this.world = world;
    this.name = name;
    this.roles = roles;
    this.dice = dice(world.seed, name);
    this.program = new Program(name, world.time, this.dice);
    this.client = workerClient(world, this.program);
  }

  /** A new process of this worker. */
  start(): void {
    const { world } = this;
    this.#lives += 1;
    const program = new Program(this.name, world.time, dice(world.seed, `${this.name} life ${this.#lives}`));
    this.program = program;
    this.client = workerClient(world, program);
    this.job = null;
    this.#stopTaking = new AbortController();
    void this.#live(program, this.client, this.#stopTaking.signal).catch((error: unknown) =>
      world.trouble(`${this.name} broke`, error),
    );
  }

  async #live(program: Program, client: ApiClient, signal: AbortSignal): Promise<void> {
    const { world } = this;
    const profile = {
      name: this.name,
      version: "1",
      roles: this.roles,
      labels: [],
      provider: "simulated",
      isolation: "none",
      agents: [],
    };
    const credential = { kind: "launch" as const, token: "simulated-launch-token" };
    const session = createSession({ client, profile, credential, clock: program, warn: () => undefined });
    this.session = session;
    await session.register(signal, null);
    const replaying = new AbortController();
    startReplayLoop({
      client,
      outbox: this.outbox(),
      clock: program,
      signal: replaying.signal,
      isInWork: (jobId, fence) => this.job?.jobId === jobId && this.job.fence === fence,
      resendLog: () => Promise.resolve(false),
      say: (line) => {
        if (line.includes("taken")) world.counters.count("unsent result replayed");
      },
    });
    const loop = startClaimLoop({
      client: this.#noticingRepeats(client),
      session,
      clock: program,
      signal,
      work: (lease) => this.#work(lease, program, client),
      say: () => undefined,
      verify: () => Promise.resolve(),
    });
    await loop.done;
    replaying.abort();
    // It was told to leave: says goodbye and, later, a new one takes its name.
    world.counters.count("worker drained");
    await client.call(endpoints.workerGoodbye, {}, { token: session.current().token }).catch(() => undefined);
    program.kill();
    world.time.after(1_000, () => {
      if (this.program === program) this.start();
    });
  }

  async #work(lease: LeaseGrant, program: Program, client: ApiClient): Promise<void> {
    const { jobId } = lease.job;
    const at = this.world.time.now;
    this.world.history.add({ kind: "granted", at, worker: this.name, jobId, fence: lease.fence });
    await doWork(this, lease, program, client);
    this.job = null;
  }

  /** Counts claims whose answer was lost and that then got a job under the same id. */
  #noticingRepeats(client: ApiClient): ApiClient {
    let failed = false;
    return {
      ...client,
      call: async (endpoint, request, options) => {
        try {
          const reply = await client.call(endpoint, request, options);
          if (failed && JSON.stringify(reply).includes('"fence"')) {
            this.world.counters.count("claim answer lost and repeated");
          }
          failed = false;
          return reply;
        } catch (error) {
          failed = true;
          throw error;
        }
      },
    };
  }

  /** What the dispatcher says at once, on the worker's stream. */
  hear(signal: Extract<Effect, { readonly type: "signal" }>): void {
    const { job } = this;
    if (job === null || job.jobId !== signal.jobId || job.fence !== signal.fence) return;
    if (signal.signal === "cancel") {
      this.world.counters.count("cancel reached a worker");
      job.attempt.stop({ why: "canceled", reason: signal.reason });
    }
    if (signal.signal === "stop") job.attempt.stop({ why: "budget", reason: signal.reason });
    if (signal.signal === "stale") job.attempt.stop({ why: "stale", reason: signal.reason });
  }

  /** Finishes what it has and leaves. */
  leave(): void {
    this.#stopTaking.abort();
  }

  crash(): void {
    this.program.kill();
    this.job = null;
  }

  /** The disk, as this process sees it. */
  outbox(): Outbox {
    const place = ({ jobId, fence }: Pick<UnsentResult, "jobId" | "fence">): string => `${jobId}/${fence}`;
    return {
      save: (result) => Promise.resolve(void this.#disk.set(place(result), structuredClone(result))),
      list: () => Promise.resolve([...this.#disk.values()]),
      remove: (result) => Promise.resolve(void this.#disk.delete(place(result))),
    };
  }
}
