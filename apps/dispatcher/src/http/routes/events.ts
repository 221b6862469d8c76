/** The owner's event stream. */

import { HiveError } from "@hive/core";
import type { EventHub } from "../event-hub.ts";
import type { Handlers } from "../handler.ts";

/** Above every event there can be: the hub answers it with a reset. */
const NEVER = Number.MAX_SAFE_INTEGER;

export function eventHandlers(hub: EventHub): Pick<Handlers, "events"> {
  return {
    async events({ query, headers }) {
      if (hub.full) {
        throw new HiveError(
          "too_many_requests",
          "Too many event streams are open on this server; close one, or ask again later",
          { retryAfterMs: 5000 },
        );
      }
      // What a reconnecting browser sends knows more than the address it was first given.
      const last = headers["last-event-id"];
      const after =
        typeof last === "string" && last !== ""
          ? /^\d{1,15}$/.test(last)
            ? Number(last)
            : NEVER
          : (query.after ?? null);
      return hub.read({ after, jobId: query.jobId ?? null });
    },
  };
}
