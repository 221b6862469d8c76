/** All handlers in one map, each from the file of its noun. A missing one does not compile. */

import { createEventHub } from "./event-hub.ts";
import type { Handlers } from "./handler.ts";
import type { Parts } from "./parts.ts";
import { attemptFileHandlers } from "./routes/attempt-files.ts";
import { backupHandlers } from "./routes/backup.ts";
import { budgetHandlers } from "./routes/budgets.ts";
import { cacheHandlers } from "./routes/caches.ts";
import { candidateHandlers } from "./routes/candidates.ts";
import { callbackHandlers } from "./routes/callbacks.ts";
import { commentHandlers } from "./routes/comments.ts";
import { dependencyHandlers } from "./routes/dependencies.ts";
import { egressHandlers } from "./routes/egress.ts";
import { eventHandlers } from "./routes/events.ts";
import { gatewayQuotaHandlers } from "./routes/gateway-quota.ts";
import { gatewayHandlers } from "./routes/gateway.ts";
import { jobFileHandlers } from "./routes/job-files.ts";
import { jobHandlers } from "./routes/jobs.ts";
import { mirrorHandlers } from "./routes/mirrors.ts";
import { overviewHandlers } from "./routes/overview.ts";
import { notifyHandlers } from "./routes/notify.ts";
import { sessionHandlers } from "./routes/session.ts";
import { scheduleHandlers } from "./routes/schedules.ts";
import { serverHandlers } from "./routes/server.ts";
import { sourceHandlers } from "./routes/sources.ts";
import { workerHandlers } from "./routes/worker-protocol.ts";
import { ownersWorkerHandlers } from "./routes/workers.ts";
import { createSignals } from "./signals.ts";

export interface MountedHandlers {
  readonly handlers: Handlers;
  /** Ends every stream and waiting claim, so that a stop need not wait for them. */
  readonly stop: () => void;
}

export function createHandlers(parts: Parts): MountedHandlers {
  const hub = createEventHub(parts.queue, parts.clock, parts.metrics);
  const signals = createSignals(parts.queue, parts.clock, parts.metrics);
  const jobFiles = jobFileHandlers(parts);
  const unlisten = parts.queue.onEffect(parts.metrics.effect);
  return {
    handlers: {
      ...serverHandlers(parts),
      ...sessionHandlers(parts),
      ...jobHandlers(parts),
      ...commentHandlers(parts),
      ...candidateHandlers(parts),
      ...dependencyHandlers(parts),
      ...jobFiles.handlers,
      ...eventHandlers(hub),
      ...ownersWorkerHandlers(parts),
      ...backupHandlers(parts),
      ...budgetHandlers(parts),
      ...overviewHandlers(parts),
      ...callbackHandlers(parts),
      ...scheduleHandlers(parts),
      ...sourceHandlers(parts),
      ...notifyHandlers(parts),
      ...workerHandlers(parts, signals),
      ...attemptFileHandlers(parts),
      ...cacheHandlers(parts),
      ...mirrorHandlers(parts),
      ...gatewayHandlers(parts),
      ...gatewayQuotaHandlers(parts),
      ...egressHandlers(parts),
    },
    stop() {
      unlisten();
      hub.stop();
      signals.stop();
      jobFiles.stop();
      parts.waiters.stop();
      // Whoever waits for a clone asks the server's next life again.
      void parts.mirrors.stop();
      parts.presence.stop();
    },
  };
}
