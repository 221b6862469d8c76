/**
 * Retention in a simulated dispatcher: the real sweep over the real commands, with short times. Somebody who reads the
 * stream has seen each event before it is swept away, so that the checkers know all that happened.
 */

import type { CommandOf, CommandType, Replies } from "@hive/core";
import type { Committer } from "../../apps/dispatcher/src/queue/committer.ts";
import type { Queue } from "../../apps/dispatcher/src/queue/contract.ts";
import { createRetention } from "../../apps/dispatcher/src/retention/retention.ts";
import type { Program } from "./program.ts";
import { KEEP_LOGS_MS, KEEP_MS } from "./rules.ts";
import type { World } from "./world.ts";

const DAY_MS = 86_400_000;
/** Longer than any run's days: what is to be shown is that ids are remembered. */
const ID_DAYS = 400;

export interface SweepsOptions {
  readonly world: World;
  readonly program: Program;
  readonly queue: Committer;
  readonly onTrouble: (message: string, error: unknown) => void;
}

/** One sweep of this dispatcher; a second call while one runs joins it. */
export function simulatedSweeps({ world, program, queue, onTrouble }: SweepsOptions): () => Promise<void> {
  const retention = createRetention({
    queue: readFirst(queue, () => world.readers.catchUp(queue)),
    logs: world.disk.logs,
    clock: program,
    keep: { days: KEEP_MS / DAY_MS, jobs: 0, logDays: KEEP_LOGS_MS / DAY_MS, idDays: ID_DAYS },
    onTrouble,
  });
  const sweep = async (): Promise<void> => {
    try {
      const { jobs, logs } = await retention.sweep();
      if (jobs > 0) world.counters.count("job swept away", jobs);
      if (logs > 0) world.counters.count("logs swept away", logs);
    } catch (error) {
      if (!program.isDead) world.counters.count("sweep broken off");
      onTrouble("a sweep broke", error);
    }
  };
  return () => new Promise((resolve) => program.receive(() => void sweep().then(resolve)));
}

/** The queue, whose events are read by somebody before any is removed. */
function readFirst(queue: Committer, read: () => Promise<void>): Queue {
  return {
    async submit<T extends CommandType>(command: CommandOf<T>): Promise<Replies[T]> {
      if (command.type === "prune") await read();
      return queue.submit(command);
    },
    read: (look) => queue.read(look),
    documents: queue.documents,
    onEffect: (listener) => queue.onEffect(listener),
    onChanges: (listener) => queue.onChanges(listener),
    readiness: () => queue.readiness(),
    onReadiness: (listener) => queue.onReadiness(listener),
    election: () => queue.election(),
    position: () => queue.position(),
    lastEvent: () => queue.lastEvent(),
    storeName: queue.storeName,
  };
}
