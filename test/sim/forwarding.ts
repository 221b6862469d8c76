/**
 * What a dispatcher does with a request: does the work when it is the queen, else hands it on to her over the network,
 * once. A hop that was surely never taken is looked at again, as long as the request may wait; one that may have been
 * taken and brought no answer has an unknown outcome.
 */

import { HiveError } from "@hive/core";
import { UnreachableError } from "@hive/protocol";
import type { Dispatcher } from "./dispatcher.ts";
import { RefusedError } from "./network.ts";
import type { Replica, Work } from "./replicas.ts";
import type { World } from "./world.ts";

/** Milliseconds a request waits for a queen to be known. */
const WAIT_MS = 5_000;
const LOOK_MS = 100;
/** Milliseconds a request that was handed on may take: claims wait long. */
const HOP_MS = 30_000;

/** Serves one request at this replica. @throws HiveError, and ApiError as the queen answered */
export async function atReplica<T>(world: World, replica: Replica, work: Work<T>, closed: AbortSignal): Promise<T> {
  const { dispatcher } = replica;
  if (dispatcher === null) throw new HiveError("not_ready", "it is starting");
  const { program } = dispatcher;
  const end = world.time.now + WAIT_MS;
  for (;;) {
    const readiness = dispatcher.queue.readiness();
    if (readiness.ready) {
      world.takeovers.asked(dispatcher);
      return work(dispatcher, closed);
    }
    const queen = readiness.queen === null ? undefined : world.replicas.at(readiness.queen.url);
    if (queen !== undefined && queen !== replica) {
      try {
        return await handOn(world, dispatcher, queen, work, closed);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw unknownOutcome(error);
      }
    }
    if (world.replicas.all.length === 1 || readiness.role === "stopped" || world.time.now >= end) {
      throw new HiveError("not_ready", `${readiness.why}; try again in a moment`);
    }
    await program.sleep(LOOK_MS);
  }
}

async function handOn<T>(
  world: World,
  from: Dispatcher,
  queen: Replica,
  work: Work<T>,
  closed: AbortSignal,
): Promise<T> {
  const serve = async (hungUp: AbortSignal): Promise<T> => {
    const { dispatcher } = queen;
    if (dispatcher === null) throw new HiveError("not_ready", "it is starting");
    const readiness = dispatcher.queue.readiness();
    // Once is enough: nobody hands on what was handed on.
    if (!readiness.ready) throw new HiveError("not_ready", `${readiness.why}; try again in a moment`);
    world.takeovers.asked(dispatcher);
    return work(dispatcher, hungUp);
  };
  const reply = await world.network.call(from.program, () => queen.dispatcher, serve, {
    timeoutMs: HOP_MS,
    signal: closed,
  });
  world.counters.count("answered through a standby");
  return reply;
}

function unknownOutcome(error: unknown): unknown {
  if (!(error instanceof UnreachableError)) return error;
  return new HiveError("store_failed", "the queen did not answer; send the request again");
}
