/** The scenarios by name: which trouble each is about. */

import { CALM_DAY, NEVER, NO_STORE_FAULTS, type Scenario, STORM } from "./scenario.ts";

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

/** Jobs are swept away soon after their end. */
export const SHORT_MEMORY: Scenario = {
  ...CALM_DAY,
  name: "short-memory",
  about: "jobs are kept for seconds only; they are asked for, put in again, retried and waited for afterwards",
  jobs: 40,
  weather: { lost: 0.03, answerLost: 0.05, twice: 0.05, late: 0.03, fastest: 1, slowest: 60 },
  store: {
    ...NO_STORE_FAULTS,
    crashBefore: 0.003,
    crashAfter: 0.004,
    failsAfter: 0.004,
    landsLate: 0.004,
    slow: 0.03,
    readFails: 0.003,
  },
  every: { ...NEVER, dispatcherCrash: 12_000, workerCrash: 15_000, person: 250, sweep: 700 },
  mostSteps: 2,
  longestStepMs: 600,
  receivers: { fails: 0.15, hangs: 0.03, refusesForGood: 0.02 },
  work: { system: 0.1, work: 0.2, returned: 0.05, hangs: 0 },
  noLossesExpected: false,
};

/** Schedules whose slots come every second. */
export const SCHEDULES: Scenario = {
  ...QUEENS,
  name: "schedules",
  about: "two clocks bring the same slots to two dispatchers that die around commits; people pause, change and trigger",
  dispatchers: 2,
  workers: 5,
  schedules: 5,
  jobs: 6,
  troubleMs: 30_000,
  weather: { lost: 0.04, answerLost: 0.06, twice: 0.06, late: 0.04, fastest: 1, slowest: 60 },
  store: { ...QUEENS.store, crashBefore: 0.004, crashAfter: 0.006 },
  every: { ...NEVER, dispatcherCrash: 8_000, dispatcherSleep: 9_000, handOver: 15_000, person: 400, sweep: 5_000 },
  mostSteps: 2,
  longestStepMs: 900,
  work: { system: 0.05, work: 0.2, returned: 0.03, hangs: 0 },
  calls: { step: 0, gatewayDies: 0, quota: 0 },
};

/** Sources that find the same few troubles again and again. */
export const SOURCES: Scenario = {
  ...SCHEDULES,
  name: "sources",
  about:
    "deliveries come twice, logs are read by two, dispatchers die around commits; people mute, resolve and release",
  schedules: 0,
  sources: 4,
  troubleMs: 20_000,
};

/** The same for the dispatchers' own clock. */
export const OWN_CLOCK: Scenario = {
  ...SCHEDULES,
  name: "own-clock",
  about: "dispatchers keep the clocks of schedules in their file, die around commits, sleep and are deposed",
  dispatchers: 3,
  schedules: 0,
  fileSchedules: 5,
  jobs: 3,
  troubleMs: 20_000,
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
    every: { ...NEVER, dispatcherCrash: 12_000, workerCrash: 12_000, workerSleep: 10_000, person: 400, sweep: 3_000 },
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
  SHORT_MEMORY,
  SCHEDULES,
  OWN_CLOCK,
  SOURCES,
  {
    ...CALM_DAY,
    name: "hand-overs",
    about:
      "two dispatchers are stopped and killed again and again while workers work on: nobody loses an attempt by that",
    dispatchers: 2,
    every: { ...NEVER, dispatcherCrash: 15_000, handOver: 5_000, person: 400 },
  },
];
