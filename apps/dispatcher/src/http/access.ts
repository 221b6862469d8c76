/** Who may call what: one check per kind of access in the list of endpoints. Everything not allowed here is refused. */

import type { IncomingMessage } from "node:http";
import { HiveError } from "@hive/core";
import type { Access, EndpointName } from "@hive/protocol";
import { bearerToken, createTokenCheck } from "../auth/bearer.ts";
import type { Callers } from "./handler.ts";
import type { Parts } from "./parts.ts";

export type AccessCheck = (name: EndpointName, access: Access, request: IncomingMessage) => Promise<Callers[Access]>;

const OWNER = { name: "api" } as const;
const SERVER = { name: "server" } as const;

/**
 * Whether a cookie may speak for a person here. A browser says which site a request comes from, but not to an address with
 * neither TLS nor the name localhost; and to cookies another port of the same host is the same site. So what changes
 * something needs a header too that no other page can make it send without asking first, which nothing here allows.
 */
function isOurPage({ method, headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") return false;
  return method === "GET" || method === "HEAD" || headers["x-hive-page"] !== undefined;
}

export function createAccess(parts: Parts): AccessCheck {
  const owners = createTokenCheck(parts.ownerTokens, "INTERNAL_API_TOKEN");
  const own = createTokenCheck([parts.serverToken], "the token of this server's own processes");
  const ownerHint = `On the server's machine: ${parts.tokenHint}, then send "Authorization: Bearer $INTERNAL_API_TOKEN"`;
  const workerHint = "A worker gets its token from POST /v1/worker/register";
  const leaseHint = "A worker gets the lease's token from POST /v1/worker/claim";

  return async (name, access, request) => {
    const { authorization } = request.headers;
    switch (access) {
      case "open":
      case "registration":
      case "hook":
        return null;
      case "owner": {
        if (authorization === undefined && parts.sessions.find(request.headers.cookie) !== null) {
          if (isOurPage(request)) return OWNER;
          throw new HiveError("unauthorized", `A browser's session is for this server's own pages only. ${ownerHint}`);
        }
        if (owners.matches(bearerToken(authorization, ownerHint))) return OWNER;
        throw new HiveError("unauthorized", `The token is not this server's. ${ownerHint}`);
      }
      case "worker": {
        const { workerId, registration } = parts.workerTokens.verify(bearerToken(authorization, workerHint));
        await parts.presence.admit(workerId, registration);
        return { workerId };
      }
      case "lease": {
        const token = bearerToken(authorization, leaseHint);
        const lease = await parts.leases.admit(token, "worker", { ended: name === "leaseFinish" });
        parts.presence.heard(lease.workerId);
        return lease;
      }
      case "server": {
        const hint = "Only this server's own processes call this";
        if (own.matches(bearerToken(authorization, hint))) return SERVER;
        throw new HiveError("unauthorized", hint);
      }
    }
  };
}
