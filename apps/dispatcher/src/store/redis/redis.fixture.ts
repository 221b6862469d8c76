/** A Redis for a test file, and stores on it that share nothing but the server. */

import { startRedis, type RedisOptions, type RedisServer } from "../../../../../test/peers/redis/redis-server.ts";
import type { Leadership } from "../../leader/leadership.ts";
import { createLeaderWatch, TERM_MS } from "../../leader/watch.ts";
import { RedisConnection } from "./connection.ts";
import { redisKeys, type RedisKeys } from "./keys.ts";
import { RedisStore, type RedisStoreOptions } from "./redis-store.ts";

/** A clock that only the test moves. */
export interface HandClock {
  readonly mono: () => number;
  pass(ms: number): void;
}

/** One store's place: keys of its own. */
export interface Place {
  readonly prefix: string;
  readonly keys: RedisKeys;
  /** The time of all its stores, unless they are given another. */
  readonly clock: HandClock;
  /** A handle as the process of `place` makes them: all share its watch and address. */
  readonly store: (more?: Partial<RedisStoreOptions>) => RedisStore;
  /** Another dispatcher, with an address, a watch and connections of its own: each call of what it gives is a handle. */
  readonly stranger: (address?: string, secretsId?: string) => () => RedisStore;
  /** A command on a connection beside the store's. */
  readonly command: (...args: string[]) => Promise<unknown>;
}

export interface RedisWorld {
  readonly server: RedisServer;
  /** @param url another way to the server, such as a proxy */
  place(url?: string): Place;
  /** A connection that ends with the world. */
  connect(url?: string, more?: { readonly commandMs?: number }): RedisConnection;
  dispose(): Promise<void>;
}

export async function redisWorld(options: RedisOptions = {}): Promise<RedisWorld> {
  const server = await startRedis(options);
  const connections: RedisConnection[] = [];
  let places = 0;
  const connect: RedisWorld["connect"] = (url = server.url, more = {}) => {
    const connection = new RedisConnection({ url, ...more });
    connections.push(connection);
    return connection;
  };
  const beside = connect();
  return {
    server,
    connect,
    place(url = server.url) {
      places += 1;
      const prefix = `p${places}`;
      const [writing, reading] = [connect(url), connect(url)];
      const clock = handClock();
      const { mono } = clock;
      const own = { writing, reading, prefix, mono, leadership: leadershipOf("http://one.example", mono) };
      return {
        prefix,
        keys: redisKeys(prefix),
        clock,
        store: (more = {}) => new RedisStore({ ...own, ...more }),
        stranger(address = "http://two.example", secretsId = "same") {
          const its = { writing: connect(), reading: connect(), prefix, mono };
          const leadership = leadershipOf(address, mono, secretsId);
          return () => new RedisStore({ ...its, leadership });
        },
        command: (...args) => beside.command(args),
      };
    },
    async dispose() {
      for (const connection of connections) connection.close();
      await server.dispose();
    },
  };
}

export function handClock(): HandClock {
  let now = 1000;
  return {
    mono: () => now,
    pass(ms) {
      now += ms;
    },
  };
}

/** What a dispatcher at this address brings. */
export function leadershipOf(url: string, mono: () => number, secretsId = "same"): Leadership {
  return {
    url,
    secretsId,
    termMs: TERM_MS,
    watch: createLeaderWatch({ ownUrl: url, termMs: TERM_MS, mono }),
    prove: (electionId) => `proof of ${electionId}`,
  };
}
