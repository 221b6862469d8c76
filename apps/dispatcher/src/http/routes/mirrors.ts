/** Repositories for workers in containers: handed out from the server's mirrors, for as long as the lease lives. */

import { leaseLost } from "../../auth/lease-access.ts";
import { createJobCredential } from "../../credentials/job-credential.ts";
import { begunJob } from "../begun-job.ts";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

export function mirrorHandlers(
  parts: Pick<Parts, "queue" | "mirrors" | "credentials" | "openSecret" | "log">,
): Pick<Handlers, "leaseMirror"> {
  const { queue, mirrors } = parts;
  const gitCredential = createJobCredential(parts);
  return {
    async leaseMirror({ body, caller, closed }) {
      const { jobId, fence, workerId } = caller;
      const job = await begunJob(queue, caller);
      const worker = await queue.read((state) => state.workers.get(workerId)?.record.name ?? null);
      if (worker === null) throw leaseLost(jobId, fence);
      const credential = () => gitCredential(job);
      const { broken = null, outdated = null } = body ?? {};
      const ask = { jobId, fence, worker, repo: job.repo, credential, broken, outdated };
      const reply = await mirrors.handOut(ask, closed);
      // The lease may have ended meanwhile: what is handed out is handed to the holder.
      await begunJob(queue, caller);
      return reply;
    },
  };
}
