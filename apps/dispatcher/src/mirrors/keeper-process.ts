/**
 * The mirror keeper, a program of the worker's app (git knowledge lives there), as the dispatcher uses it: started when
 * it is first needed, kept there, asked by lines of JSON. A request that was not answered when it ended is refused as
 * "not ready": whoever asked asks again, and what was handed out before stays.
 */

import { fileURLToPath } from "node:url";
import { HiveError } from "@hive/core";
import {
  type KeeperAnswer,
  keeperAnswerSchema,
  keeperReadySchema,
  type KeeperRequest,
  type KeeperSettings,
  type MirrorReply,
} from "@hive/protocol";
import type { Logger } from "pino";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import { keepProcess, type KeptProcess } from "../processes/kept-process.ts";

/** A lease that asks for its repository. */
export type HandOutRequest = Omit<Extract<KeeperRequest, { readonly do: "handOut" }>, "do" | "id" | "proxy">;

/** The mirror keeper. All methods @throw HiveError `not_ready` while it is not there. */
export interface MirrorKeeper {
  /** May take as long as a clone takes. */
  handOut(request: HandOutRequest): Promise<MirrorReply>;
  /** Stops what a lease waits for and removes what it has; false: not possible now, ask again later. */
  release(lease: string): Promise<boolean>;
  /** Leases that wait for something or have it. */
  leases(): Promise<readonly string[]>;
  /** Ends its process, so that another dispatcher's keeper may work in the folder; the next request starts it again. */
  rest(): Promise<void>;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

export interface MirrorKeeperOptions {
  readonly settings: KeeperSettings;
  /** What the connections of a hand-out go through; null: nothing. */
  readonly proxy: () => Promise<string | null>;
  readonly clock: Pick<Clock, "after" | "mono">;
  readonly log: Pick<Logger, "info" | "warn">;
}

const PROGRAM = fileURLToPath(new URL("../../../worker/src/mirror-keeper/main.ts", import.meta.url));
const said = z.object({ level: z.number(), msg: z.string() });
const RETRY_MS = 1_000;

interface Pending {
  readonly resolve: (answer: KeeperAnswer) => void;
  readonly reject: (error: HiveError) => void;
}

/** A keeper that is not started yet. */
export function createMirrorKeeper({ settings, proxy, clock, log }: MirrorKeeperOptions): MirrorKeeper {
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let kept: Promise<KeptProcess<{ readonly ready: true }>> | null = null;
  let stopped = false;

  function onAnswer(line: string): void {
    const answer = keeperAnswerSchema.parse(JSON.parse(line));
    const asked = pending.get(answer.id);
    pending.delete(answer.id);
    asked?.resolve(answer);
  }

  function refuseAll(): void {
    const left = [...pending.values()];
    pending.clear();
    for (const { reject } of left) reject(notReady("it ended"));
  }

  async function start(): Promise<KeptProcess<{ readonly ready: true }>> {
    if (stopped) throw notReady("the server stops");
    kept ??= keepProcess({
      name: "the mirror keeper",
      program: PROGRAM,
      settings: () => settings,
      ready: keeperReadySchema,
      clock,
      onLine: (line) => passOn(log, line),
      onTrouble: (message) => log.warn(message),
      onAnswer,
      onEnd: refuseAll,
    });
    try {
      return await kept;
    } catch (cause) {
      kept = null;
      const why = cause instanceof Error ? cause.message : String(cause);
      log.warn(why);
      throw notReady(why);
    }
  }

  async function ask(request: KeeperRequest): Promise<KeeperAnswer> {
    const process = await start();
    return new Promise((resolve, reject) => {
      pending.set(request.id, { resolve, reject });
      if (process.tell(JSON.stringify(request))) return;
      pending.delete(request.id);
      reject(notReady("it is being started again"));
    });
  }

  async function end(): Promise<void> {
    const ending = kept;
    kept = null;
    const process = await ending?.catch(() => null);
    await process?.stop();
    // Unless somebody asked again meanwhile, who has another process.
    if (kept === null) refuseAll();
  }

  return {
    async handOut(request) {
      const answer = await ask({ ...request, proxy: await proxy(), do: "handOut", id: (lastId += 1) });
      return "mirror" in answer ? answer.mirror : strange(answer);
    },
    async release(lease) {
      const answer = await ask({ do: "release", id: (lastId += 1), lease });
      return "released" in answer ? answer.released : strange(answer);
    },
    async leases() {
      const answer = await ask({ do: "list", id: (lastId += 1) });
      return "leases" in answer ? answer.leases : strange(answer);
    },
    rest: end,
    async stop() {
      stopped = true;
      await end();
    },
  };
}

function notReady(why: string): HiveError {
  return new HiveError("not_ready", `The mirror keeper is not there right now: ${why}`, { retryAfterMs: RETRY_MS });
}

function strange(answer: KeeperAnswer): never {
  throw new Error(`the mirror keeper answered something else than it was asked: ${Object.keys(answer).join(", ")}`);
}

/** It logs lines of JSON; what else appears there (a crash of Node) is passed on as it is. */
function passOn(log: MirrorKeeperOptions["log"], line: string): void {
  const { level, msg } = readLine(line);
  if (level < 40) log.info({ part: "mirrors" }, msg);
  else log.warn({ part: "mirrors" }, msg);
}

function readLine(line: string): z.infer<typeof said> {
  try {
    const parsed = said.safeParse(JSON.parse(line));
    if (parsed.success) return parsed.data;
  } catch {
    // Plain text.
  }
  return { level: 40, msg: line };
}
