/** Signing a browser in and out. */

import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";

/** A browser's session. */
const sessionReplySchema = z
  .object({
    signedIn: z.boolean(),
    /** When it ends by itself, in milliseconds since 1970; null: there is none. */
    until: z.number().nullable(),
  })
  .meta({ id: "BrowserSession" });

export const sessionEndpoints = {
  openSession: endpoint({
    method: "POST",
    path: "/v1/session",
    access: "open",
    summary: "Signs a browser in with INTERNAL_API_TOKEN: the answer sets a cookie that no script can read",
    body: z.strictObject({ token: z.string().min(1).max(4096) }),
    reply: { status: 200, body: sessionReplySchema },
    errors: ["unauthorized", "too_many_requests"],
  }),
  getSession: endpoint({
    method: "GET",
    path: "/v1/session",
    access: "open",
    summary: "Whether this browser is signed in, and until when",
    reply: { status: 200, body: sessionReplySchema },
    errors: [],
  }),
  closeSession: endpoint({
    method: "DELETE",
    path: "/v1/session",
    access: "open",
    summary: "Signs this browser out",
    reply: { status: 200, body: sessionReplySchema },
    errors: [],
  }),
} as const satisfies Record<string, Endpoint>;
