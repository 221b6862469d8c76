/** A docker provider over an engine that fails on demand, with time that the test moves. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../../clock.ts";
import type { Exit, Launch, Provider } from "../provider.ts";
import { createDockerProvider } from "./docker-provider.ts";
import { createEngine } from "./engine.ts";
import { type FakeEngine, startFakeEngine } from "./fake-engine.fixture.ts";
import { createWorkerImages } from "./worker-image.ts";

/** A clock that stands still until `pass`. */
export interface TestClock extends Clock {
  /** Lets so many milliseconds pass, and runs what is due. */
  pass(ms: number): void;
}

export function createTestClock(): TestClock {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  return {
    mono: () => now,
    wall: () => Date.now() + now,
    random: () => 0,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    pass(ms) {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now || !timers.delete(timer)) continue;
        timer.run();
      }
    },
  };
}

export interface DockerWorld {
  readonly fake: FakeEngine;
  readonly clock: TestClock;
  readonly provider: Provider;
  readonly exits: Exit[];
  readonly lines: string[];
  readonly warnings: string[];
  readonly handouts: string;
  /** Another life of the same server, after `provider.close()`. */
  readonly nextLife: (serverId?: string) => Provider;
  readonly launch: (number: number, more?: Partial<Launch>) => Launch;
  /** Waits for something without moving time; with `passMs`, so much passes before each look. */
  readonly until: <T>(what: string, look: () => T | false | null | undefined, passMs?: number) => Promise<T>;
  close(): Promise<void>;
}

export async function dockerWorld(): Promise<DockerWorld> {
  const fake = await startFakeEngine();
  const folder = await mkdtemp(join(tmpdir(), "hive-docker-"));
  const handouts = join(folder, "handouts");
  const clock = createTestClock();
  const exits: Exit[] = [];
  const lines: string[] = [];
  const warnings: string[] = [];
  const providers: Provider[] = [];

  function nextLife(serverId = "server-1"): Provider {
    // Its time limits are the machine's: nothing here is slow unless it is meant to be.
    const engine = createEngine(fake.address, systemClock);
    const provider = createDockerProvider({
      engine,
      images: createWorkerImages({ engine, defaultImage: "hive-worker", build: null }),
      serverId,
      folders: { run: join(folder, "run"), handouts },
      clock,
      onLine: (worker, line) => lines.push(`${worker.name}: ${line}`),
      log: { info: () => undefined, warn: (message) => warnings.push(message) },
    });
    provider.onExit((exit) => exits.push(exit));
    providers.push(provider);
    return provider;
  }

  return {
    fake,
    clock,
    provider: nextLife(),
    exits,
    lines,
    warnings,
    handouts,
    nextLife,
    launch: (number, more = {}) => ({
      launchId: `launch-${number}`,
      name: `worker-${number}`,
      slot: number,
      pool: { name: "default", image: null, cpus: null, memoryBytes: null, diskBytes: null, pids: null },
      env: { SECRET: "token" },
      ...more,
    }),
    async until(what, look, passMs = 0) {
      const end = performance.now() + 10_000;
      for (;;) {
        const seen = look();
        if (seen !== false && seen !== null && seen !== undefined) return seen;
        if (performance.now() > end) throw new Error(`waited in vain for ${what}; engine: ${fake.calls.join(", ")}`);
        if (passMs > 0) clock.pass(passMs);
        await new Promise((resolve) => void setTimeout(resolve, 2));
      }
    },
    async close() {
      for (const provider of providers) provider.close();
      await fake.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
