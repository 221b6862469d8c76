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

const NO_STORE_FAULTS: StoreFaults = {
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

const NEVER: Scenario["every"] = {
  dispatcherCrash: null,
  dispatcherSleep: null,
  handOver: null,
  storeCut: null,
  workerCrash: null,
  workerSleep: null,
  networkCut: null,
  person: null,
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

/** Several dispatchers, and everything that can part them from each other and from their store. */
export const QUEENS: Scenario = {
  ...CALM_DAY,
  name: "queens",
  about: "three dispatchers on one store are killed, stopped, asleep and cut off from it; people read all the time",
  dispatchers: 3,
  weather: { lost: 0.02, answerLost: 0.02, twice: 0.02, late: 0.02, fastest: 1, slowest: 60 },
  store: {
    ...NO_STORE_FAULTS,
    crashBefore: 0.003,
    crashAfter: 0.004,
    failsBefore: 0.003,
    failsAfter: 0.004,
    landsLate: 0.01,
    slow: 0.03,
    readFails: 0.002,
    readSlow: 0.1,
    renewalLost: 0.02,
    renewalLate: 0.02,
  },
  every: {
    ...NEVER,
    dispatcherCrash: 12_000,
    dispatcherSleep: 7_000,
    handOver: 12_000,
    storeCut: 9_000,
    workerSleep: 12_000,
    person: 120,
  },
  rude: 0.5,
  noLossesExpected: false,
};

/** The named scenarios, each about one kind of trouble. */
export const SCENARIOS: readonly Scenario[] = [
  STORM,
  CALM_DAY,
  {
    ...CALM_DAY,
    name: "zombies",
    about: "workers sleep past their term, lose the job to another, and still try every write",
    every: { ...NEVER, workerSleep: 2_500 },
    rude: 1,
    noLossesExpected: false,
  },
  {
    ...CALM_DAY,
    name: "power-cuts",
    about: "the dispatcher dies right before and right after commits, and at any time",
    store: { ...NO_STORE_FAULTS, crashBefore: 0.02, crashAfter: 0.03, slow: 0.05 },
    every: { ...NEVER, dispatcherCrash: 6_000, person: 1_500 },
    noLossesExpected: false,
  },
  {
    ...CALM_DAY,
    name: "bad-disk",
    about: "commits fail, land after their error, and are slow; reads fail; people read all the time",
    store: { ...NO_STORE_FAULTS, failsBefore: 0.02, failsAfter: 0.02, landsLate: 0.02, slow: 0.2, readFails: 0.01 },
    every: { ...NEVER, person: 250 },
    noLossesExpected: false,
  },
  {
    ...CALM_DAY,
    name: "crowded-key",
    about: "many workers and jobs of few keys, under their limits",
    workers: 6,
    jobs: 30,
    ask: { ...STORM.ask, key: 1, approval: 0, later: 0 },
  },
  {
    ...CALM_DAY,
    name: "restarts",
    about: "the dispatcher restarts quickly and often while workers work on",
    every: { ...NEVER, dispatcherCrash: 3_000 },
  },
  {
    ...CALM_DAY,
    name: "sleeping-dispatcher",
    about: "the dispatcher sleeps longer than a lease and wakes: nobody is to lose an attempt by that",
    every: { ...NEVER, dispatcherSleep: 6_000 },
  },
  {
    ...CALM_DAY,
    name: "lost-answers",
    about: "answers and requests get lost, come twice and come late",
    weather: { lost: 0.08, answerLost: 0.1, twice: 0.1, late: 0.05, fastest: 1, slowest: 80 },
    every: { ...NEVER, person: 1_000 },
    noLossesExpected: false,
  },
  {
    ...CALM_DAY,
    name: "budgets",
    about: "agents call models until their budgets are used up; questions and bills get lost, come twice and come late",
    weather: { lost: 0.05, answerLost: 0.08, twice: 0.1, late: 0.05, fastest: 1, slowest: 80 },
    every: { ...NEVER, dispatcherCrash: 10_000, workerSleep: 5_000 },
    mostSteps: 12,
    longestStepMs: 800,
    calls: { step: 1, gatewayDies: 0.02, quota: 0 },
    noLossesExpected: false,
  },
  {
    ...CALM_DAY,
    name: "quotas",
    about: "providers take no more calls for a while; workers die and sleep over it, and people cancel",
    weather: { lost: 0.05, answerLost: 0.08, twice: 0.1, late: 0, fastest: 1, slowest: 80 },
    every: { ...NEVER, dispatcherCrash: 10_000, workerSleep: 4_000, workerCrash: 5_000, person: 1_500 },
    work: { system: 0.2, work: 0.2, returned: 0.1, hangs: 0 },
    calls: { step: 0, gatewayDies: 0, quota: 0.25 },
    noLossesExpected: false,
  },
  {
    ...CALM_DAY,
    name: "candidates",
    about: "jobs are done several times; candidates end in every way, the base moves, people choose, cancel and retry",
    weather: { lost: 0.04, answerLost: 0.06, twice: 0.06, late: 0.04, fastest: 1, slowest: 80 },
    store: { ...NO_STORE_FAULTS, crashBefore: 0.004, crashAfter: 0.006, failsAfter: 0.004, slow: 0.05 },
    every: { ...NEVER, dispatcherCrash: 12_000, workerCrash: 12_000, workerSleep: 10_000, person: 400 },
    work: { system: 0.1, work: 0.25, returned: 0.05, hangs: 0.02 },
    ask: { ...STORM.ask, candidates: 0.7, later: 0.1 },
    noLossesExpected: false,
  },
  {
    ...CALM_DAY,
    name: "dying-workers",
    about: "workers die again and again: poison is found, and only begun work counts",
    every: { ...NEVER, workerCrash: 900, workerSleep: 4_000 },
    noLossesExpected: false,
  },
  {
    ...CALM_DAY,
    name: "partitions",
    about: "workers are cut off from the dispatcher for longer than a lease and work on",
    workers: 8,
    every: { ...NEVER, networkCut: 4_000 },
    mostSteps: 16,
    noLossesExpected: false,
  },
  QUEENS,
  {
    ...CALM_DAY,
    name: "hand-overs",
    about:
      "two dispatchers are stopped and killed again and again while workers work on: nobody loses an attempt by that",
    dispatchers: 2,
    every: { ...NEVER, dispatcherCrash: 15_000, handOver: 5_000, person: 400 },
  },
];
