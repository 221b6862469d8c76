/** How a run is set up: how much of everything goes wrong. A scenario is one such setting with a name. */

import type { Weather } from "./network.ts";

/** Probabilities per commit or read of the store. */
export interface StoreFaults {
  readonly crashBefore: number;
  readonly crashAfter: number;
  /** Fails and leaves no trace. */
  readonly failsBefore: number;
  /** Lands, and then the caller hears of an error. */
  readonly failsAfter: number;
  /** The caller hears of an error, and it lands later. */
  readonly landsLate: number;
  readonly slow: number;
  readonly readFails: number;
  readonly readSlow: number;
  /** Of a renewal or an election: lost on its way, or its answer was. */
  readonly renewalLost: number;
  /** A renewal or an election takes seconds, and so does a commit that lands late. */
  readonly renewalLate: number;
}

export interface Scenario {
  readonly name: string;
  /** What it is about, in one line. */
  readonly about: string;
  /** Milliseconds in which things go wrong. */
  readonly troubleMs: number;
  /** Dispatchers on one store; one alone has a store of its own. */
  readonly dispatchers: number;
  readonly workers: number;
  /** Schedules that make jobs, of each overlap in turn. Default 0. */
  readonly schedules?: number;
  /** Schedules that stand in the dispatchers' file, whose clock is the dispatchers' own. Default 0. */
  readonly fileSchedules?: number;
  /** Sources that find trouble: every other one is told of it, the others read a log. Default 0. */
  readonly sources?: number;
  /** Jobs that clients put in, roughly. */
  readonly jobs: number;
  readonly weather: Weather;
  readonly store: StoreFaults;
  /** Mean milliseconds between two of these; null: never. */
  readonly every: {
    readonly dispatcherCrash: number | null;
    readonly dispatcherSleep: number | null;
    /** A dispatcher is told to stop, hands over, and begins anew. */
    readonly handOver: number | null;
    /** A dispatcher is cut off from the store: nothing gets there, or no answer comes back. */
    readonly storeCut: number | null;
    readonly workerCrash: number | null;
    readonly workerSleep: number | null;
    readonly networkCut: number | null;
    /** A person cancels, retries, approves, rejects, reads or drains. */
    readonly person: number | null;
    /** A dispatcher sweeps away what is over and old, see `rules.ts`. */
    readonly sweep: number | null;
  };
  /** How long a sleep lasts at most, in milliseconds. */
  readonly longestSleepMs: number;
  /** Steps of one job's work at most. */
  readonly mostSteps: number;
  /** How long one step of the work takes at most, in milliseconds. */
  readonly longestStepMs: number;
  /** Probability that a worker which lost its right still tries every write. */
  readonly rude: number;
  readonly receivers: { readonly fails: number; readonly hangs: number; readonly refusesForGood: number };
  /** Probabilities of how the work ends. The rest succeeds. */
  readonly work: { readonly system: number; readonly work: number; readonly returned: number; readonly hangs: number };
  /** Probabilities that a step of the work calls a model, that the gateway dies before a call, and that a quota is used up. */
  readonly calls: { readonly step: number; readonly gatewayDies: number; readonly quota: number };
  /** Probabilities of what a job asks for. */
  readonly ask: {
    readonly key: number;
    readonly callback: number;
    readonly later: number;
    readonly dependsOn: number;
    readonly approval: number;
    /** To be done several times. */
    readonly candidates: number;
  };
  /** How many more promises hold here because nothing else goes wrong: see `checkers/quiet.ts`. */
  readonly noLossesExpected?: boolean;
}

const STORMY: Weather = { lost: 0.03, answerLost: 0.03, twice: 0.03, late: 0.02, fastest: 1, slowest: 60 };

/** Everything goes wrong, a little. Each seed makes it milder or wilder. */
export const STORM: Scenario = {
  name: "storm",
  about: "everything at once: what 500 seeds run",
  troubleMs: 45_000,
  dispatchers: 1,
  workers: 4,
  jobs: 22,
  weather: STORMY,
  store: {
    crashBefore: 0.003,
    crashAfter: 0.004,
    failsBefore: 0.003,
    failsAfter: 0.004,
    landsLate: 0.004,
    slow: 0.02,
    readFails: 0.003,
    readSlow: 0.1,
    renewalLost: 0,
    renewalLate: 0,
  },
  every: {
    dispatcherCrash: 30_000,
    dispatcherSleep: 30_000,
    handOver: 60_000,
    storeCut: null,
    workerCrash: 20_000,
    workerSleep: 8_000,
    networkCut: 15_000,
    person: 900,
    sweep: null,
  },
  longestSleepMs: 14_000,
  mostSteps: 5,
  longestStepMs: 1_800,
  rude: 0.5,
  receivers: { fails: 0.15, hangs: 0.03, refusesForGood: 0.01 },
  work: { system: 0.15, work: 0.1, returned: 0.05, hangs: 0.03 },
  calls: { step: 0.4, gatewayDies: 0.03, quota: 0.02 },
  ask: { key: 0.5, callback: 0.6, later: 0.2, dependsOn: 0.3, approval: 0.15, candidates: 0 },
};

/** A store that never fails. */
export const NO_STORE_FAULTS: StoreFaults = {
  crashBefore: 0,
  crashAfter: 0,
  failsBefore: 0,
  failsAfter: 0,
  landsLate: 0,
  slow: 0,
  readFails: 0,
  readSlow: 0,
  renewalLost: 0,
  renewalLate: 0,
};

/** None of what goes wrong by itself. */
export const NEVER: Scenario["every"] = {
  dispatcherCrash: null,
  dispatcherSleep: null,
  handOver: null,
  storeCut: null,
  workerCrash: null,
  workerSleep: null,
  networkCut: null,
  person: null,
  sweep: null,
};

/** Nothing goes wrong: the ground the named scenarios build on. */
export const CALM_DAY: Scenario = {
  ...STORM,
  name: "calm",
  about: "nothing goes wrong",
  weather: { lost: 0, answerLost: 0, twice: 0, late: 0, fastest: 1, slowest: 20 },
  store: NO_STORE_FAULTS,
  every: NEVER,
  rude: 0,
  receivers: { fails: 0, hangs: 0, refusesForGood: 0 },
  work: { system: 0, work: 0, returned: 0, hangs: 0 },
  calls: { step: 0, gatewayDies: 0, quota: 0 },
  noLossesExpected: true,
};
