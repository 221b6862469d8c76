/**
 * One connection to Redis, made when it is first needed and again after it broke. Nothing waits in a queue for a Redis
 * that is away: a command is refused at once, for the dispatcher has to know. Every command has a time-out of its own;
 * one that runs out ends the connection, since whatever was sent after it would wait behind it.
 *
 * node-redis' own reconnecting is off for both reasons: it would hold commands back, and only time those that are not
 * sent yet.
 */

import { createHash } from "node:crypto";
import { createClient, RESP_TYPES } from "redis";
import { explainRedis, reasonOf, RedisOffline, RedisTimeout } from "./failures.ts";

/** How long a command may take, in milliseconds: much longer than a flush to a busy disk. */
const COMMAND_MS = 5_000;
/** How long a connection may take to be made, greeting included, in milliseconds. */
const CONNECT_MS = 3_000;
/** Pause after a failed attempt to connect, in milliseconds; doubled by each further one, and shortened by chance. */
const RETRY_MIN_MS = 25;
const RETRY_MAX_MS = 500;

const AS_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

export interface RedisConnectionOptions {
  /** `redis://user:password@host:port/database`, or `rediss:` for TLS. */
  readonly url: string;
  /** How `CLIENT LIST` shows it. Default `hive`. */
  readonly name?: string;
  /** Milliseconds a command may take; default 5,000. */
  readonly commandMs?: number;
  /** Milliseconds a connection may take, greeting included; default 3,000. */
  readonly connectMs?: number;
  /** From 0 to below 1. Default `Math.random`. */
  readonly random?: () => number;
  /** Milliseconds of a clock that never goes back. Default `performance.now`. */
  readonly mono?: () => number;
}

/** A script that runs inside Redis, wholly or not at all as far as others can see. */
export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

export function redisScript(text: string): RedisScript {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}

/** What a script or command answers, not looked at yet: numbers, strings, null, and lists of these. */
export type RedisReply = unknown;

/** A word of a command: text is sent as UTF-8, bytes as they are. */
export type RedisArgument = string | Buffer;

/** How strings of an answer are read: as UTF-8 (the default), or as the bytes they are. */
export type RedisStrings = "text" | "bytes";

type Client = ReturnType<typeof newClient>;

export class RedisConnection {
  /** Where it leads, without the password: for messages. */
  readonly place: string;
  readonly #options: RedisConnectionOptions;
  readonly #mono: () => number;
  readonly #random: () => number;
  #client: Client | null = null;
  #connecting: Promise<Client> | null = null;
  #retryMs = 0;
  #notBefore = 0;
  /** Why the last attempt to connect failed. */
  #trouble = "";
  #closed = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#mono = options.mono ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    this.place = placeOf(options.url);
  }

  /**
   * One command.
   * @throws RedisOffline when it was not sent; anything else may have been carried out
   */
  async command(args: readonly RedisArgument[], strings: RedisStrings = "text"): Promise<RedisReply> {
    return this.#send(await this.#connected(), args, strings);
  }

  /**
   * Runs a script by its hash; a Redis that does not know it (restarted, `SCRIPT FLUSH`) did not run it, and gets it once.
   * @throws as `command` does
   */
  async script(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply> {
    const client = await this.#connected();
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#send(client, ["EVALSHA", script.sha1, ...rest]);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return this.#send(client, ["EVAL", script.text, ...rest]);
    }
  }

  /** Ends it; commands under way fail. Safe to call twice. */
  close(): void {
    this.#closed = true;
    this.#drop(this.#client);
  }

  async #send(client: Client, args: readonly RedisArgument[], strings: RedisStrings = "text"): Promise<RedisReply> {
    const { commandMs = COMMAND_MS } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new RedisTimeout(`${this.place} did not answer within ${commandMs} ms`));
        this.#drop(client);
      }, commandMs);
    });
    try {
      return await Promise.race([client.sendCommand(args, strings === "bytes" ? AS_BYTES : {}), late]);
    } catch (error) {
      throw explainRedis(error, this.place);
    } finally {
      clearTimeout(timer);
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client !== null) return this.#client;
    if (this.#closed) throw new RedisOffline("the connection to Redis was closed");
    if (this.#connecting === null) {
      // Whoever asks again and again must not knock again and again, nor at the same moment as everybody else.
      if (this.#mono() < this.#notBefore) throw new RedisOffline(`${this.place} cannot be reached: ${this.#trouble}`);
      this.#connecting = this.#connect().finally(() => {
        this.#connecting = null;
      });
    }
    return this.#connecting;
  }

  async #connect(): Promise<Client> {
    const client = newClient(this.#options);
    // Node-redis tells here of what also ends the commands that wait; without a listener it would end the process.
    client.on("error", () => {
      if (this.#client === client) this.#drop(client);
    });
    const { connectMs = CONNECT_MS } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${connectMs} ms`)), connectMs);
    });
    try {
      // Not left to the socket: a Redis that is stopped takes the connection and then says nothing.
      await Promise.race([client.connect(), late]);
    } catch (error) {
      this.#drop(client);
      this.#retryMs = Math.min(Math.max(RETRY_MIN_MS, this.#retryMs * 2), RETRY_MAX_MS);
      this.#notBefore = this.#mono() + this.#retryMs * (0.5 + this.#random() / 2);
      this.#trouble = reasonOf(error);
      throw new RedisOffline(`${this.place} cannot be reached: ${this.#trouble}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    if (this.#closed) {
      this.#drop(client);
      throw new RedisOffline("the connection to Redis was closed");
    }
    this.#retryMs = 0;
    this.#client = client;
    return client;
  }

  #drop(client: Client | null): void {
    if (client === null) return;
    if (this.#client === client) this.#client = null;
    client.destroy();
  }
}

function newClient({ url, name = "hive" }: RedisConnectionOptions) {
  return createClient({
    url,
    name,
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    // Ours are measured to the answer; this one would only measure until the command is written.
    commandOptions: { timeout: 0 },
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: false },
  });
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.includes("NOSCRIPT");
}

/** The address without user and password. */
export function placeOf(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
