/** Workers and their pools as the owner sees them. */

import { HiveError } from "@hive/core";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

type OwnersHandlers = Pick<Handlers, "listPools" | "listWorkers" | "drainWorker">;

export function ownersWorkerHandlers({ queue, presence, pools }: Parts): OwnersHandlers {
  return {
    async listPools() {
      return { pools: [...pools()] };
    },

    async listWorkers() {
      const workers = await queue.read((state) =>
        [...state.workers.values()].map(({ record, jobId }) => ({
          workerId: record.id,
          name: record.name,
          version: record.version,
          roles: [...record.roles],
          labels: [...record.labels],
          provider: record.provider,
          isolation: record.isolation,
          pool: record.pool,
          agents: [...record.agents],
          registeredAt: record.registeredAt,
          draining: record.draining,
          silentMs: presence.silentMs(record.id),
          jobId,
          phase: jobId === null ? null : (state.jobs.get(jobId)?.run?.lease?.phase ?? null),
        })),
      );
      return { workers };
    },

    async drainWorker({ params, body }) {
      const { workerId } = params;
      const known = await queue.read((state) => state.workers.has(workerId));
      if (!known)
        throw new HiveError("not_found", `There is no worker ${workerId}; list them with GET /v1/workers`, {
          workerId,
        });
      const { draining } = await queue.submit<"drain">({ type: "drain", workerId, draining: body?.draining ?? true });
      return { workerId, draining };
    },
  };
}
