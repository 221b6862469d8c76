import { useMutation, type UseMutationResult, useQueryClient } from "@tanstack/react-query";
import type { Accepted, NewJobRequest } from "@hive/protocol";
import { useRef } from "react";
import { open } from "../../api/call.ts";
import type { Body } from "./draft.ts";

/**
 * Puts the job in. When an answer is lost and it is sent again unchanged, it is the same job: it carries the same key
 * until the server has taken it.
 */
export function useSendJob(onDone: (accepted: Accepted) => void): UseMutationResult<Accepted, Error, Body> {
  const queries = useQueryClient();
  const sent = useRef({ text: "", key: "" });
  return useMutation<Accepted, Error, Body>({
    mutationFn: async (job) => {
      const text = JSON.stringify(job);
      if (sent.current.text !== text) sent.current = { text, key: newKey() };
      // The server judges what people write; a form cannot promise that it is a job.
      const body = job as NewJobRequest;
      const response = await open("enqueue", { body }, { headers: { "idempotency-key": sent.current.key } });
      return (await response.json()) as Accepted;
    },
    onSuccess: async (accepted) => {
      sent.current = { text: "", key: "" };
      onDone(accepted);
      await queries.invalidateQueries({ queryKey: ["listJobs"] });
    },
  });
}

/** Pages that came over plain HTTP have no randomUUID. */
function newKey(): string {
  return `page-${Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-")}`;
}
