/**
 * Who brings sources to the rules: for each source two programs that know nothing of each other. They look at the same
 * deliveries, the same log and the same groups, and bring what they found, again where they do not know what became of a
 * request. After the trouble they go on until nothing is left to do.
 */

import {
  type CommandOf,
  type CommandType,
  type Cursor,
  cursorKey,
  type Delivery,
  type Group,
  type Signal,
  SIGNALS_MAX,
  type Tally,
  tallyKey,
} from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { ApiError } from "@hive/protocol";
import { nextInLine } from "../../apps/dispatcher/src/sources/next-in-line.ts";
import { dice, type Dice } from "./dice.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { isOfTheNetwork, LATEST_MS } from "./network.ts";
import { Program } from "./program.ts";
import { FLOOD } from "./rules.ts";
import { logLine, type Senders } from "./senders.ts";
import type { World } from "./world.ts";

const RUNNERS = 2;
/** Lines of a log that are read at once. */
const LINES = 4;

/** What a runner finds to do about a source. */
interface Work {
  readonly deliveries: readonly Delivery[];
  readonly cursor: Cursor | null;
  /** How many jobs are not known to be over. */
  readonly open: number;
  /** Groups whose job is over. */
  readonly over: readonly (readonly [fingerprint: string, jobId: string])[];
  readonly due: readonly Group[];
  readonly wake: readonly string[];
  /** Groups that time alone changes, now or later. */
  readonly timed: number;
}

export class Runners {
  readonly #world: World;
  readonly #senders: Senders;
  readonly #dice: Dice;
  readonly #asked = new Set<string>();
  readonly #restless = new Set<string>();

  constructor(world: World, senders: Senders) {
    this.#world = world;
    this.#senders = senders;
    this.#dice = dice(world.seed, "runners");
  }

  /** Sources that are not at rest yet. */
  get waiting(): number {
    return this.#restless.size;
  }

  start(): void {
    const { time, seed } = this.#world;
    for (const source of this.#senders.sources) {
      this.#restless.add(source);
      for (let n = 0; n < RUNNERS; n += 1) {
        void this.#run(source, new Program(`runner-${n}`, time, dice(seed, `runner-${n} of ${source}`)));
      }
    }
  }

  async #run(source: string, program: Program): Promise<void> {
    while (this.#restless.has(source)) {
      await program.sleep(this.#dice.int(50, 600));
      try {
        const idle = await this.#look(source, program);
        if (idle && this.#isQuiet() && this.#senders.allTold(source)) this.#restless.delete(source);
      } catch (error) {
        if (!isOfTheNetwork(error)) this.#world.trouble("a runner broke", error);
      }
    }
  }

  /** Has everything arrived that anybody asked for while there was trouble? */
  #isQuiet(): boolean {
    return this.#world.time.now > this.#world.scenario.troubleMs + LATEST_MS;
  }

  /** Looks once; true where there was nothing to do. */
  async #look(source: string, program: Program): Promise<boolean> {
    const found = await this.#ask(program, ({ queue }) => this.#find(queue, source));
    for (const { id, sealed } of found.deliveries) {
      const position = { kind: "delivery", id, replay: false } as const;
      await this.#observe(program, source, position, sealed as readonly Signal[]);
    }
    const lines = this.#senders.linesOf(source);
    const read = Number(found.cursor?.value ?? 0);
    if (read < lines) await this.#readLog(program, source, found.cursor, Math.min(lines, read + LINES));
    const own = { source, policy: FLOOD } as const;
    for (const [fingerprint, jobId] of found.over) {
      await this.#submit(program, { type: "settleGroup", ...own, fingerprint, jobId });
    }
    if (found.wake.length > 0) await this.#submit(program, { type: "wakeGroups", ...own, fingerprints: found.wake });
    for (const group of found.due) await this.#open(program, group);
    const work = found.deliveries.length + found.open + found.wake.length + found.timed + found.due.length;
    return work === 0 && read === lines;
  }

  async #find(queue: Dispatcher["queue"], source: string): Promise<Work> {
    const { documents } = queue;
    const wall = this.#world.time.wall();
    const groups = async (index: string, stage: string | null, below?: number): Promise<Group[]> => {
      const equals = stage === null ? { source } : { source, stage };
      const range = below === undefined ? {} : { below };
      const { items } = await documents.list({ collection: "groups", index, equals, limit: 10, ...range });
      const docs: unknown[] = items.map(({ doc }) => doc);
      return docs as Group[];
    };
    const equals = { source, state: "received" };
    const received = await documents.list({ collection: "deliveries", index: "state", equals, limit: 5 });
    const [cursor, tally]: readonly unknown[] = await documents.get([cursorKey(source), tallyKey(source)]);
    const open = Object.entries((tally as Tally | null)?.open ?? {});
    const line = await nextInLine(documents, source, FLOOD, wall);
    const woken = (await groups("wake", null, wall + 1)).map(({ fingerprint }) => fingerprint);
    const deliveries: unknown[] = received.items.map(({ doc }) => doc);
    return {
      deliveries: deliveries as Delivery[],
      cursor: cursor as Cursor | null,
      open: open.length,
      over: await queue.read(({ jobs }) => open.filter(([, jobId]) => !jobs.has(jobId))),
      due: await groups("line", "due"),
      timed: (await groups("wake", null)).length,
      wake: [...woken, ...line.fingerprints],
    };
  }

  #readLog(program: Program, source: string, cursor: Cursor | null, upTo: number): Promise<boolean> {
    const from = Number(cursor?.value ?? 0);
    const signals = Array.from({ length: upTo - from }, (_, n) => logLine(source, from + n, this.#world.time.wall()));
    return this.#observe(program, source, { kind: "cursor", version: cursor?.version ?? 0, value: upTo }, signals);
  }

  async #observe(
    program: Program,
    source: string,
    position: CommandOf<"observe">["position"],
    signals: readonly Signal[],
  ): Promise<boolean> {
    if (signals.length > SIGNALS_MAX) throw new Error("too many signals");
    const found = { type: "observe", source, position, policy: FLOOD, signals, filtered: 1, failed: null } as const;
    return this.#submit(program, { ...found, memories: [{ id: "last", value: { at: this.#world.time.wall() } }] });
  }

  async #open(program: Program, { source, fingerprint, jobs }: Group): Promise<void> {
    const episode = jobs + 1;
    const id = `${source}.${fingerprint}.e${episode}`;
    this.#note(id);
    const job = newJob(id, { timeoutMs: 15_000, origin: `source:${source}` });
    const own = { type: "openGroup", source, fingerprint, episode, policy: FLOOD, overBudget: false } as const;
    const refused = { refused: "the template is wrong today" };
    await this.#submit(program, { ...own, job: this.#world.inTrouble && this.#dice.chance(0.05) ? refused : job });
  }

  /** Sends it, and now and then once more without a look at what became of it. False: it was refused, or nobody knows. */
  async #submit<T extends CommandType>(program: Program, command: CommandOf<T>): Promise<boolean> {
    for (;;) {
      try {
        await this.#ask(program, ({ queue }) => queue.submit<T>(command));
        return true;
      } catch (error) {
        const refused = error instanceof ApiError ? error : null;
        if (refused?.code === "stale_cursor") this.#world.counters.count("log read twice");
        if (refused?.code === "stale_group") this.#world.counters.count("group opened twice");
        if (refused?.retry === false || !this.#world.inTrouble || this.#dice.chance(0.3)) return false;
        this.#world.counters.count("signals brought again after an unknown outcome");
      }
      await program.sleep(this.#dice.int(50, 400));
    }
  }

  /** The job may be made from here on, by whoever's request. */
  #note(id: string): void {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    const { clients, history, time } = this.#world;
    clients.ids.push(id);
    const { bodyHash, key, callback, maxAttempts, dependsOn } = newJob(id);
    history.add({
      ...{ kind: "enqueue", at: time.now, sentAt: time.now, id, bodyHash, outcome: "unknown", existing: false },
      brief: { key, callback, maxAttempts, dependsOn },
      status: null,
    });
  }

  #ask<T>(program: Program, ask: (dispatcher: Dispatcher) => Promise<T>): Promise<T> {
    const { replicas, scenario } = this.#world;
    return replicas.ask(program, ask, { timeoutMs: 4_000, first: this.#dice.int(0, scenario.dispatchers - 1) });
  }
}
