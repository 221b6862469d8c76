// Dispatchers of one machine share the folder of mirrors, and one keeper at a time can work in it: the queen's.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import type { Readiness } from "../queue/contract.ts";
import { createMirrorKeeper, type MirrorKeeper } from "./keeper-process.ts";
import { type Mirrors, startMirrors } from "./mirrors.ts";

const QUEEN: Readiness = { ready: true };
const STANDBY: Readiness = { ready: false, role: "standby", why: "another leads", retryAfterMs: 1_000, queen: null };

/** A dispatcher's place, which a test changes, and its mirrors on a keeper. */
interface Replica {
  become(readiness: Readiness): void;
  /** It has looked whether there is something to do, three times. */
  readonly looks: Promise<void>;
  readonly mirrors: Mirrors;
}

let folder: string;
let replicas: Replica[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hive-one-keeper-"));
  replicas = [];
});
afterEach(async () => {
  for (const { mirrors } of replicas) await mirrors.stop();
  rmSync(folder, { recursive: true, force: true });
});

function startReplica(keeper: MirrorKeeper, first: Readiness): Replica {
  let readiness = first;
  const listeners = new Set<(readiness: Readiness) => void>();
  const looks = Promise.withResolvers<void>();
  let rounds = 0;
  const mirrors = startMirrors({
    keeper,
    queue: {
      read: () => Promise.reject(new Error("nothing is held here")),
      onEffect: () => () => undefined,
      readiness: () => readiness,
      onReadiness: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    // After each look it waits for the next one, which comes soon here.
    clock: {
      after(_, act) {
        rounds += 1;
        if (rounds === 3) looks.resolve();
        return systemClock.after(5, act);
      },
    },
    log: { warn: () => undefined },
    wasUsed: () => true,
  });
  const replica = {
    mirrors,
    looks: looks.promise,
    become(next: Readiness) {
      readiness = next;
      for (const listener of listeners) listener(next);
    },
  };
  replicas.push(replica);
  return replica;
}

/** A real one on the shared folder, and what it was asked. */
function realKeeper(): { readonly keeper: MirrorKeeper; readonly looked: () => number; readonly look: Promise<void> } {
  const real = createMirrorKeeper({
    settings: {
      folder,
      path: process.env["PATH"] ?? "",
      allowFileRepos: false,
      keepMs: 1e12,
      maxBytes: 1e15,
      minFreeBytes: 0,
    },
    proxy: () => Promise.resolve(null),
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined },
  });
  let looked = 0;
  const first = Promise.withResolvers<void>();
  const keeper: MirrorKeeper = {
    ...real,
    async leases() {
      looked += 1;
      const leases = await real.leases();
      first.resolve();
      return leases;
    },
  };
  return { keeper, looked: () => looked, look: first.promise };
}

it("a standby starts no keeper, however often it looks, and starts one when it becomes the queen", async () => {
  const { keeper, looked, look } = realKeeper();
  const replica = startReplica(keeper, STANDBY);
  await replica.looks;
  expect(looked()).toBe(0);
  replica.become(QUEEN);
  await look;
});

it("a queen that becomes a standby lets the next one's keeper into the folder", async () => {
  const [one, other] = [realKeeper(), realKeeper()];
  const before = startReplica(one.keeper, QUEEN);
  await one.look;
  const after = startReplica(other.keeper, STANDBY);
  before.become(STANDBY);
  after.become(QUEEN);
  await other.look;
});
