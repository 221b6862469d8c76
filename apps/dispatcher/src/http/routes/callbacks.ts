/** Callbacks as the owner sees them: what was sent, what failed, and sending it again. */

import { HiveError, type CallbackRecord, type Document } from "@hive/core";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

export function callbackHandlers({ queue }: Parts): Pick<Handlers, "listCallbacks" | "redeliverCallback"> {
  return {
    async listCallbacks({ query }) {
      const { jobId, state, cursor, limit } = query;
      if (jobId !== undefined && state !== undefined) {
        throw new HiveError("bad_filter", "Callbacks are listed by jobId or by state, not by both; leave one out");
      }
      const page = await queue.documents.list({
        collection: "callbacks",
        ...(jobId !== undefined
          ? { index: "job", equals: { jobId } }
          : state !== undefined
            ? { index: "state", equals: { state } }
            : {}),
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        order: "descending",
        limit,
      });
      return { callbacks: page.items.map(({ doc }) => callbackView(doc)), next: encodeCursor(page.next) };
    },

    async redeliverCallback({ params, caller }) {
      const { state } = await queue.submit<"redeliver">({ type: "redeliver", n: params.id, by: caller.name });
      return { id: params.id, state };
    },
  };
}

function callbackView(doc: Document) {
  const stored: unknown = doc;
  const { n, jobId, type, state, createdAt, nextAt, tries, attempts } = stored as CallbackRecord;
  return { id: n, jobId, type, state, createdAt, nextAt, tries, attempts: [...attempts] };
}
