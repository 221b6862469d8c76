/**
 * Most scenarios are this: jobs come in and are worked on while something does harm; then all is mended, everything has
 * to come to rest, and what clients, workers, the backend and readers saw is checked against the promises. A scenario
 * brings its world and its harm.
 */
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import { until } from "../e2e/until.ts";
import { check } from "../sim/checkers/all.ts";
import { type Dice, dice } from "../sim/dice.ts";
import { openHistory, type RunHistory } from "./history.ts";
import { type LastLook, lookAtAll, pendingCallbacks } from "./last-look.ts";
import { historiesNotLinear } from "./linear-history.ts";
import { followEvents, type LiveEvents } from "./live-events.ts";
import { type Client, createLoadClient, type PlannedJob, planJob } from "./load.ts";
import { asPlanned, inTheRepository, makeActs, readActs } from "./outcome.ts";
import { readNowAndThen } from "./reader.ts";
import type { ScenarioOptions, ScenarioOutcome } from "./scenario.ts";
import { openWorld, type World, type WorldOptions } from "./world.ts";
import { haunt, type Haunting } from "./zombie.ts";

/** Requests under way at once. */
const SENDERS = 4;
/** Share of the jobs that may come in beyond the share of the harm that is done. */
const AHEAD = 0.15;

/** A run while it goes on: what harm may look at and touch. */
export interface LoadRun {
  readonly world: World;
  readonly history: RunHistory;
  readonly live: LiveEvents;
  readonly jobs: readonly PlannedJob[];
  readonly client: Client;
  /** Dice for a part of this run. */
  readonly dice: (part: string) => Dice;
  /** The share of the jobs that are over, 0 to 1. */
  readonly done: () => number;
  /** Says how much of the harm is done, 0 to 1: jobs come in at that pace, so that there is work until the end of it. */
  readonly harmed: (share: number) => void;
  /** Aborted: the run failed elsewhere, or is over. */
  readonly signal: AbortSignal;
}

/** What harm says of itself when it is over. */
export interface HarmDone {
  readonly figures: ScenarioOutcome["figures"];
  /** What must have happened so often for the run to prove anything: what, how often, the least. */
  readonly least: readonly (readonly [what: string, count: number, least: number])[];
  /** Promises it saw broken itself. Default: none. */
  readonly broken?: readonly string[];
}

export interface LoadRunOptions extends ScenarioOptions {
  /** Of the scenario. */
  readonly id: string;
  readonly jobs: number;
  /** Default: `planJob`. `place`: the repository's URL, and the folder for acts. */
  readonly planJob?: (n: number, repo: string, acts: string) => PlannedJob;
  readonly world: Omit<WorldOptions, "history" | "store">;
  /** Workers that will not believe their leases are over, see `zombie.ts`. Default: none. */
  readonly zombies?: { readonly count: number; readonly leases: number };
  /** How long all may take to come to rest, in milliseconds; what has not by then is named. Default 180,000. */
  readonly restMs?: number;
  /** The harm; at its end everything is mended. */
  readonly harm: (run: LoadRun) => Promise<HarmDone>;
  /** More to be checked at the end. */
  readonly also?: (run: LoadRun, look: LastLook) => readonly string[] | Promise<readonly string[]>;
}

/** Runs it all, and keeps the history when a promise was broken. @throws when the machine cannot */
export async function runUnderLoad(options: LoadRunOptions): Promise<ScenarioOutcome> {
  const history = openHistory(`${options.id}-${options.store}-${options.seed}`);
  const { figures, broken } = await runWith(options, history);
  if (broken.length === 0) history.remove();
  return { figures, broken: broken.length === 0 ? broken : [...broken, `the history is in ${history.path}`] };
}

async function runWith(options: LoadRunOptions, history: RunHistory): Promise<ScenarioOutcome> {
  await using world = await openWorld({ ...options.world, history, store: options.store });
  const over = new AbortController();
  const live = followEvents(world.hive(), history);
  const hasty = world.hive(0);
  const dicePart = (part: string): Dice => dice(options.seed, part);
  let harmed = 0;
  const plan = options.planJob ?? planJob;
  const run: LoadRun = {
    world,
    history,
    live,
    jobs: Array.from({ length: options.jobs }, (_, n) => plan(n, `file://${world.bare}`, world.acts)),
    client: createLoadClient({
      hive: hasty,
      history,
      dice: dicePart("client"),
      callbacks: options.world.callbacks ?? true,
      signal: over.signal,
    }),
    dice: dicePart,
    done: () => live.over.size / options.jobs,
    harmed: (share) => {
      harmed = share;
    },
    signal: over.signal,
  };
  const haunting: Haunting = { stale: 0, taken: [], written: new Map() };
  makeActs(world.acts, run.jobs);
  const restMs = options.restMs ?? 180_000;
  try {
    const harming = options.harm(run).finally(() => {
      harmed = 1;
    });
    // Until the run is over: nobody waits for who only looks.
    void read(run);
    const [done] = await Promise.all([harming, putIn(run, () => harmed), ...hauntings(options, run, haunting)]);
    history.mark("no more faults");
    const isRest = async (): Promise<boolean> => run.done() === 1 && (await pendingCallbacks(world.hive())) === 0;
    await until("every job to be over and told of", isRest, { limitMs: restMs }).catch(() => undefined);
    history.mark("at rest");
    // Whoever asks again, long after, is told of the same job.
    for (const job of run.jobs) await run.client.enqueue(job);
    const look = await lookAtAll(world.hive(), live, new Set(haunting.written.keys()));
    for (const entry of readActs(world.acts)) history.add(entry);
    const broken = [
      ...promises(run, look, haunting),
      ...(done.broken ?? []),
      ...((await options.also?.(run, look)) ?? []),
      ...tooLittle([...done.least, ["calls under an old fence", haunting.stale, (options.zombies?.count ?? 0) * 4]]),
    ];
    return { figures: { ...figuresOf(run, look, haunting), ...done.figures }, broken };
  } finally {
    over.abort();
    await live.stop();
  }
}

/** Every promise that was broken, as seen from outside. */
function promises(run: LoadRun, look: LastLook, haunting: Haunting): readonly string[] {
  const { world, history, jobs } = run;
  const { entries } = history;
  const broken = [...check({ ...look, entries, written: haunting.written, finishes: new Map() }), ...run.live.broken];
  broken.push(...asPlanned(jobs, look), ...inTheRepository(world.bare, jobs, look));
  broken.push(...historiesNotLinear(entries));
  broken.push(...haunting.taken.map((what) => `I5: taken under an old fence: ${what}`));
  if (world.backend.unsigned() > 0) broken.push(`I6: ${world.backend.unsigned()} callbacks had a wrong signature`);
  return broken;
}

function tooLittle(least: HarmDone["least"]): readonly string[] {
  return least
    .filter(([, count, wanted]) => count < wanted)
    .map(([what, count, wanted]) => `the run proves little: ${count} ${what}, wanted are ${wanted}`);
}

function figuresOf(run: LoadRun, look: LastLook, haunting: Haunting): ScenarioOutcome["figures"] {
  const { details, events } = look;
  const asked = new Set(run.jobs.map(({ id }) => id));
  const known = [...details.keys()].filter((id) => asked.has(id)).length;
  return {
    jobs: asked.size,
    leases: events.filter(({ type }) => type === "job.leased").length,
    events: events.length,
    lost: asked.size - known,
    doubled: details.size - known,
    "stale writes": haunting.stale,
    "stale writes accepted": haunting.taken.length,
    "requests without an answer": run.client.counts.unknown,
    "callbacks sent again": run.world.backend.repeated(),
  };
}

/** Puts the jobs in, never many more than the harm has come to. */
async function putIn({ jobs, client, signal }: LoadRun, harmed: () => number): Promise<void> {
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < jobs.length && !signal.aborted) {
      const job = jobs[next];
      if (job === undefined || next > (harmed() + AHEAD) * jobs.length) {
        await pause(machineClock, 50, signal);
        continue;
      }
      next += 1;
      await client.enqueue(job);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

function read({ jobs, world, history, done, signal, dice: dicePart }: LoadRun): Promise<void> {
  const ids = jobs.map(({ id }) => id);
  const { urls, token } = world;
  return readNowAndThen({
    urls,
    token,
    history,
    dice: dicePart("reader"),
    ids: () => ids,
    isOver: () => done() === 1,
    signal,
  });
}

function hauntings(
  { zombies = { count: 0, leases: 0 } }: LoadRunOptions,
  { world, history, live, done, signal }: LoadRun,
  haunting: Haunting,
): readonly Promise<void>[] {
  return Array.from({ length: zombies.count }, (_, n) =>
    haunt(
      {
        name: `zombie-${n + 1}`,
        url: world.urls.join(","),
        secret: world.secret,
        history,
        live,
        leases: zombies.leases,
        // Spread over the run, with nothing left to take at its end.
        isTime: (lease) => done() >= lease / (zombies.leases + 1),
        isOver: () => done() === 1,
        signal,
      },
      haunting,
    ),
  );
}
