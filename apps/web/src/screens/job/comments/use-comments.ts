import type { JobDetail } from "@hive/protocol";
import { useApi } from "../../../api/use-api.ts";

/** The latest thousand of what was said to a job, oldest first. A job that nobody spoke to is not asked for it. */
export function useComments({ jobId, comments }: JobDetail) {
  const asked = useApi(
    "listComments",
    { params: { jobId }, query: { limit: 1_000 } },
    { enabled: comments !== null && comments.count > 0 },
  );
  return { comments: asked.data?.comments ?? [], error: asked.error, refetch: asked.refetch };
}
