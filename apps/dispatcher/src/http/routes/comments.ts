/** Talking to the jobs of agents. */

import { hash } from "node:crypto";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { commentView } from "../follow-up.ts";
import type { Handlers } from "../handler.ts";
import { idempotencyKey } from "../idempotency-key.ts";
import { mustFindJob } from "../job-view.ts";
import type { Parts } from "../parts.ts";

export function commentHandlers(parts: Pick<Parts, "queue" | "policy">): Pick<Handlers, "commentJob" | "listComments"> {
  const { queue, policy } = parts;
  return {
    async commentJob({ params, body, caller, headers }) {
      const { jobId } = params;
      const { text = "", author = caller.name, feedback = false, githubToken } = body;
      const key = idempotencyKey(headers);
      const reply = await queue.submit<"comment">({
        type: "comment",
        jobId,
        by: author,
        text,
        feedback,
        secrets: githubToken === undefined ? {} : { githubToken: policy.seal(jobId, "githubToken", githubToken) },
        // Kept hashed, for it may hold anything; of this job alone, so that no other request can have the same.
        idempotency:
          key === null ? null : { key: digest(["comment", jobId, key]), hash: digest([text, author, feedback]) },
      });
      return { jobId, ...reply };
    },

    async listComments({ params, query }) {
      const job = await mustFindJob(queue, params.jobId);
      const page = await queue.documents.list({
        collection: "comments",
        // The records' ids are `<job>/<n>`, and "0" is the character after "/".
        from: `${job.id}/`,
        below: `${job.id}0`,
        ...(query.cursor === undefined ? {} : { after: decodeCursor(query.cursor) }),
        limit: query.limit,
      });
      return { comments: page.items.map(({ doc }) => commentView(doc, job)), next: encodeCursor(page.next) };
    },
  };
}

function digest(parts: readonly unknown[]): string {
  return hash("sha256", JSON.stringify(parts), "base64url");
}
