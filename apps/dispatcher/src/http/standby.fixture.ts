/** A server of tests in another role than the queen's. */

import type { Queue, Readiness } from "../queue/contract.ts";
import type { Parts } from "./parts.ts";

/** The queue of a dispatcher that is something else. */
export function inRole(queue: Queue, readiness: Readiness): Queue {
  return {
    submit: (command) => queue.submit(command),
    read: (look) => queue.read(look),
    documents: queue.documents,
    onEffect: (listener) => queue.onEffect(listener),
    onChanges: (listener) => queue.onChanges(listener),
    readiness: () => readiness,
    onReadiness: (listener) => queue.onReadiness(listener),
    election: () => queue.election(),
    position: () => queue.position(),
    lastEvent: () => queue.lastEvent(),
    storeName: queue.storeName,
  };
}

/** For `change` of a test server: it stands by for the queen at `url`. */
export function standsBy(url: string): (parts: Parts) => Parts {
  const role = { ready: false, role: "standby", why: "stands by", retryAfterMs: 1_000, queen: { url } } as const;
  return (parts) => ({ ...parts, queue: inRole(parts.queue, role) });
}
