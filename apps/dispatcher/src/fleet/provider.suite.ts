/** What every provider must do, as tests: the promises of `provider.ts`. Each provider's own test file calls `providerSuite`. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Exit, Launch, Provider } from "./provider.ts";

/**
 * What a worker of a test does. `stays`: until SIGTERM, then it leaves with 0. `ends`: says "no server there" and ends
 * with 3. `ignores`: stays whatever it is asked. The ones that stay say "up" first.
 */
export type WorkerDoes = "stays" | "ends" | "ignores";

/** One machine with a provider, made fresh for each test. */
export interface ProviderHarness {
  /** A provider as the next life of the server makes it; the test closes the one before. */
  readonly open: () => Promise<Provider>;
  /** A launch that was not there before; its name is `name`, else one of its own. */
  readonly launch: (does: WorkerDoes, name?: string) => Launch;
  /** Resolves when the worker said "up". */
  readonly untilUp: (launch: Launch) => Promise<void>;
  /** SIGKILL for the worker, by somebody who is not the provider. */
  readonly kill: (launch: Launch) => Promise<void>;
  readonly dispose: () => Promise<void>;
  /** Promises this provider cannot keep as the others do, each with its reason. */
  readonly differences?: {
    /** Nobody can say any more how a worker of an earlier life ended. */
    readonly endsOfEarlierLives?: string;
    /** A SIGKILL cannot be told from what a job brought about. */
    readonly killsFromOutside?: string;
  };
}

/** Runs the suite for one provider. */
export function providerSuite(name: string, make: () => Promise<ProviderHarness>): void {
  describe(`${name} provider`, () => {
    let harness: ProviderHarness;
    let provider: Provider;
    let exits: Exit[];
    let waiting: { readonly launchId: string; readonly resolve: (exit: Exit) => void }[];
    const opened: Provider[] = [];

    async function open(): Promise<Provider> {
      provider = await harness.open();
      opened.push(provider);
      provider.onExit((exit) => {
        exits.push(exit);
        for (const one of waiting) if (one.launchId === exit.launchId) one.resolve(exit);
      });
      return provider;
    }
    /** The end of a launch, told before or yet to come. */
    async function exitOf({ launchId }: Launch): Promise<Exit> {
      const told = exits.find((exit) => exit.launchId === launchId);
      if (told !== undefined) return told;
      const { promise, resolve } = Promise.withResolvers<Exit>();
      waiting.push({ launchId, resolve });
      return promise;
    }
    async function started(does: WorkerDoes, name?: string): Promise<Launch> {
      const launch = harness.launch(does, name);
      await provider.start(launch);
      return launch;
    }
    const names = async (): Promise<readonly string[]> => (await provider.list()).map(({ name }) => name);

    beforeEach(async () => {
      exits = [];
      waiting = [];
      harness = await make();
      expect(await (await open()).list()).toEqual([]);
    });
    afterEach(async () => {
      for (const { launchId } of await provider.list()) await provider.stop(launchId, 0);
      for (const one of opened.splice(0)) one.close();
      await harness.dispose();
    });

    it("lists a worker from its start to its end", async () => {
      const launch = await started("stays");
      const { launchId, name, slot, pool } = launch;
      expect(await provider.list()).toEqual([{ launchId, name, slot, pool: pool.name }]);
      await provider.stop(launchId, 10_000);
      expect(await provider.list()).toEqual([]);
    });

    it("makes one worker of a launch, however often it is asked for", async () => {
      const launch = harness.launch("stays");
      await Promise.all([provider.start(launch), provider.start(launch)]);
      await provider.start(launch);
      expect(await names()).toEqual([launch.name]);
      await provider.stop(launch.launchId, 10_000);
      expect(exits).toHaveLength(1);
    });

    it("runs several at once, and stops one without the others", async () => {
      const [one, two] = await Promise.all([started("stays"), started("stays")]);
      await provider.stop(one.launchId, 10_000);
      expect(await names()).toEqual([two.name]);
    });

    it("tells the end of a worker that ended by itself: its code, its last words, nobody else's doing", async () => {
      const launch = await started("ends");
      const exit = await exitOf(launch);
      const { launchId, name, slot, pool } = launch;
      expect(exit).toEqual({
        launchId,
        name,
        slot,
        pool: pool.name,
        code: 3,
        signal: null,
        stopped: false,
        outOfMemory: false,
        outside: false,
        lastWords: expect.stringContaining("no server there"),
      });
      expect(await provider.list()).toEqual([]);
      expect(exits).toHaveLength(1);
    });

    it("asks a worker to leave, and says that it was asked", async () => {
      const launch = await started("stays");
      await harness.untilUp(launch);
      await provider.stop(launch.launchId, 10_000);
      expect(exits).toMatchObject([{ code: 0, signal: null, stopped: true, outside: false }]);
    });

    it("kills one that does not leave", async () => {
      const launch = await started("ignores");
      await harness.untilUp(launch);
      await provider.stop(launch.launchId, 50);
      expect(exits).toMatchObject([
        { code: null, signal: "SIGKILL", stopped: true, outside: false, outOfMemory: false },
      ]);
      expect(await provider.list()).toEqual([]);
    });

    it("stops a launch that is gone, or that it never heard of", async () => {
      const launch = await started("ends");
      await exitOf(launch);
      await provider.stop(launch.launchId, 10_000);
      await provider.stop("never-there", 10_000);
      expect(exits).toHaveLength(1);
    });

    it("has the name free when an end is told", async () => {
      const first = await started("ends", "taken-1");
      await exitOf(first);
      const second = await started("stays", "taken-1");
      expect((await provider.list()).map(({ launchId }) => launchId)).toEqual([second.launchId]);
    });

    it("says when somebody else ended a worker", async () => {
      const launch = await started("stays");
      await harness.untilUp(launch);
      await harness.kill(launch);
      const outside = harness.differences?.killsFromOutside === undefined;
      expect(await exitOf(launch)).toMatchObject({ code: null, signal: "SIGKILL", stopped: false, outside });
    });

    it("finds the workers of an earlier life, and tells their ends", async () => {
      const launch = await started("stays");
      const dying = await started("stays");
      await Promise.all([harness.untilUp(launch), harness.untilUp(dying)]);
      provider.close();
      await open();
      expect([...(await names())].sort()).toEqual([launch.name, dying.name].sort());
      await provider.start(launch);
      expect(await names()).toHaveLength(2);
      await harness.kill(dying);
      expect(await exitOf(dying)).toMatchObject({ code: null, stopped: false, outside: true });
      await provider.stop(launch.launchId, 10_000);
      const known = harness.differences?.endsOfEarlierLives === undefined;
      expect(await exitOf(launch)).toMatchObject({ code: known ? 0 : null, stopped: true, outside: false });
    });

    it("tells of a worker that ended between two lives", async () => {
      const launch = await started("stays");
      await harness.untilUp(launch);
      provider.close();
      await harness.kill(launch);
      expect(exits).toEqual([]);
      await open();
      expect(await names()).toEqual([]);
      expect(await exitOf(launch)).toMatchObject({ name: launch.name, code: null, stopped: false, outside: true });
      await provider.list();
      expect(exits).toHaveLength(1);
    });

    it("is ready to start a pool it can make", async () => {
      expect(await provider.prepare(harness.launch("stays").pool)).toMatchObject({ ready: true });
      expect(provider.status()).toEqual({ state: "ok" });
    });
  });
}
