/** Tells in the log when this dispatcher becomes the queen of several, or stands by for another. */

import type { Logger } from "pino";
import type { Queue, Readiness } from "../queue/contract.ts";

/** Begins to tell; answers how to stop. A dispatcher alone has nothing to tell. */
export function tellRole(queue: Pick<Queue, "readiness" | "onReadiness">, log: Pick<Logger, "info">): () => void {
  /** The queen that was told of; null: none, this dispatcher was or became her. */
  let told: string | null = null;
  const look = (readiness: Readiness): void => {
    if (readiness.ready && told !== null) {
      told = null;
      log.info("this dispatcher is the queen now");
    } else if (!readiness.ready && readiness.queen !== null && readiness.queen.url !== told) {
      told = readiness.queen.url;
      log.info(`this dispatcher is a standby of ${told}`);
    }
  };
  look(queue.readiness());
  return queue.onReadiness(look);
}
