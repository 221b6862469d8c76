/**
 * The connection of logs and artifacts: every write carries the election it is made under, and what Redis refuses or
 * fails at becomes a 503 that the worker repeats. A repeat is always safe: bytes already taken are compared.
 */

import { HiveError } from "@hive/core";
import type { StorePosition } from "../../store/contract.ts";
import type { RedisArgument, RedisConnection, RedisReply, RedisScript } from "../../store/redis/connection.ts";
import { textsIn } from "../../store/redis/replies.ts";
import type { LogKeys } from "./log-keys.ts";

/** When a client is told to ask again, in milliseconds. */
const RETRY_AFTER_MS = 1000;

export interface GuardedRedisOptions {
  readonly connection: RedisConnection;
  readonly keys: LogKeys;
  /** Where the store stands for this process; null: there are no elections here (tests). */
  readonly position: () => StorePosition | null;
}

export class GuardedRedis {
  readonly keys: LogKeys;
  readonly #connection: RedisConnection;
  readonly #position: GuardedRedisOptions["position"];

  constructor({ connection, keys, position }: GuardedRedisOptions) {
    this.keys = keys;
    this.#connection = connection;
    this.#position = position;
  }

  /**
   * Where the store stands at this moment. Taken once at the beginning of a call, right after its lease was seen to hold:
   * what is written then is refused by a store that does not know that lease, whoever leads by then.
   */
  position(): StorePosition | null {
    return this.#position();
  }

  /**
   * Runs a script whose first key is `meta` and whose first arguments are epoch, election and commit of `position`.
   * @throws HiveError not_ready: another is the queen, or Redis failed and the outcome is unknown
   */
  async write(
    position: StorePosition | null,
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<readonly string[]> {
    const { epoch = "", electionId = "", sequence = "" } = position ?? {};
    const guard = [String(epoch), electionId, String(sequence)];
    const answer = textsIn(
      await this.#ask(() => this.#connection.script(script, [this.keys.meta, ...keys], [...guard, ...args])),
    );
    if (answer[0] === "fenced") throw notReady("another dispatcher leads now, or Redis lost what it had");
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
