import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "../../api/call.ts";
import { tell, tellError } from "../../ui/toast.tsx";

export interface Stopping {
  readonly workerId: string;
  /** The job that the person was asked about, and no other. */
  readonly jobId: string;
}

/**
 * Stops a worker at once: it takes no more jobs, and the one it has is canceled. Between the question and the answer it
 * may have got another one, of which nobody was asked: that one is left to it.
 */
export function useStopNow(onOver: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ workerId, jobId }: Stopping): Promise<string> => {
      await call("drainWorker", { params: { workerId }, body: { draining: true } });
      const { workers } = await call("listWorkers", {});
      const has = workers.find((worker) => worker.workerId === workerId)?.jobId ?? null;
      if (has === null) return `${workerId} had ended ${jobId} already; it takes no more jobs`;
      if (has !== jobId)
        return `${workerId} had gone on to ${has}: that one was not canceled, and no more come after it`;
      await call("cancelJob", { params: { jobId }, body: { reason: `its worker ${workerId} was stopped` } });
      return `${workerId} takes no more jobs, and ${jobId} is being canceled`;
    },
    onSuccess: (said) => tell(said),
    onError: tellError,
    onSettled: async () => {
      onOver();
      await Promise.all(["listWorkers", "listPools"].map((name) => queries.invalidateQueries({ queryKey: [name] })));
    },
  });
}
