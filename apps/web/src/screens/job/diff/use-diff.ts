import type { JobDetail } from "@hive/protocol";
import { useQuery } from "@tanstack/react-query";
import { ApiError, open } from "../../../api/call.ts";
import { type DiffFile, filesOf } from "./parse-diff.ts";

/** Bytes of a diff that the page reads; the whole is there to be downloaded. */
const MOST_BYTES = 16 * 1_048_576;

export interface Diff {
  readonly files: readonly DiffFile[];
  /** There is more of it than was read. */
  readonly isCut: boolean;
}

/** The diff the job made; null while no attempt has changed anything. Asked again when an attempt ended. */
export function useDiff({ jobId, history }: JobDetail) {
  return useQuery({
    queryKey: ["diff of a job", jobId, history.at(-1)?.fence ?? 0],
    queryFn: ({ signal }) => diffOf(jobId, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** @throws ApiError, UnreachableError */
async function diffOf(jobId: string, signal: AbortSignal): Promise<Diff | null> {
  let response: Response;
  try {
    response = await open("jobDiff", { params: { jobId } }, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.code === "not_found") return null;
    throw error;
  }
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return null;
  const parts: string[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { files: filesOf(parts.join("")), isCut: false };
    parts.push(value);
    size += value.length;
    if (size < MOST_BYTES) continue;
    await reader.cancel();
    return { files: filesOf(parts.join("")), isCut: true };
  }
}
