/**
 * The connection of logs and artifacts: every write carries the election it is made under, and what Redis refuses or
 * fails at becomes a 503 that the worker repeats. A repeat is always safe: bytes already taken are compared.
 */

import { HiveError } from "@hive/core";
import type { Election } from "../../store/contract.ts";
import type { RedisArgument, RedisConnection, RedisReply, RedisScript } from "../../store/redis/connection.ts";
import { textsIn } from "../../store/redis/replies.ts";
import type { LogKeys } from "./log-keys.ts";

/** When a client is told to ask again, in milliseconds. */
const RETRY_AFTER_MS = 1000;

export interface GuardedRedisOptions {
  readonly connection: RedisConnection;
  readonly keys: LogKeys;
  /** The election of this process; null: there are no elections here (a restore into an empty store, tests). */
  readonly election: () => Pick<Election, "epoch" | "electionId"> | null;
}

export class GuardedRedis {
  readonly keys: LogKeys;
  readonly #connection: RedisConnection;
  readonly #election: GuardedRedisOptions["election"];

  constructor({ connection, keys, election }: GuardedRedisOptions) {
    this.keys = keys;
    this.#connection = connection;
    this.#election = election;
  }

  /** The election that writes are made under; empty without. */
  electionId(): string {
    return this.#election()?.electionId ?? "";
  }

  /**
   * Runs a script whose first key is `meta` and whose first arguments are epoch and election.
   * @throws HiveError not_ready: another is the queen, or Redis failed and the outcome is unknown
   */
  async write(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<readonly string[]> {
    const election = this.#election();
    const guard = election === null ? ["", ""] : [String(election.epoch), election.electionId];
    const answer = textsIn(
      await this.#ask(() => this.#connection.script(script, [this.keys.meta, ...keys], [...guard, ...args])),
    );
    if (answer[0] === "fenced") throw notReady("another dispatcher leads now");
    return answer;
  }

  /** A command or script that needs no election. @throws HiveError not_ready */
  command(args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#ask(() => this.#connection.command(args));
  }

  /** As `command`, with the strings of the answer as bytes. */
  bytes(args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#ask(() => this.#connection.command(args, "bytes"));
  }

  /** A script that only reads. @throws HiveError not_ready */
  read(script: RedisScript, keys: readonly string[]): Promise<RedisReply> {
    return this.#ask(() => this.#connection.script(script, keys, []));
  }

  close(): void {
    this.#connection.close();
  }

  async #ask(ask: () => Promise<RedisReply>): Promise<RedisReply> {
    try {
      return await ask();
    } catch (error) {
      throw notReady(error instanceof Error ? error.message : String(error), error);
    }
  }
}

function notReady(why: string, cause?: unknown): HiveError {
  const message = `Logs and files cannot be reached: ${why}; try again in a moment`;
  return new HiveError("not_ready", message, { retryAfterMs: RETRY_AFTER_MS }, { cause });
}
