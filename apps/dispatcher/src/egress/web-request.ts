/**
 * Plain http through the proxy: `GET http://host/path`. The request is read and written anew, with the place's own name as
 * its `Host`, so that it cannot ask an allowed address for another name.
 */
import { type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { normalHost, type Place } from "@hive/core";
import { type Gate, isRefusal } from "./gate.ts";
import { isOddlyFramed, passOn } from "./pass-on.ts";
import { refuseProxied } from "./refusal.ts";

/**
 * What an agent's request may be: reading, and POST, since `npm install` asks its registry for known holes with one.
 * A tunnel to the same host could send anything.
 */
const AGENT_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST"]);
/** The supervisor's host is the job's own: git fetches and pushes with POST, GitHub's API changes with PATCH and PUT. */
const SUPERVISOR_METHODS: ReadonlySet<string> = new Set([...AGENT_METHODS, "PATCH", "PUT", "DELETE"]);

/** Where a request as to a proxy leads, and what it asks there; null when its target is no plain-http address. */
export function webTarget(url: string): { readonly place: Place; readonly path: string } | null {
  const [, authority = "", rest = ""] = /^http:\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  if (authority === "" || authority.includes("@") || /[\s\\#]/.test(url)) return null;
  const [, hostText = "", portText] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(authority) ?? [];
  const host = normalHost(hostText);
  const port = portText === undefined ? 80 : Number(portText);
  if (host === null || port < 1 || port > 65_535) return null;
  return { place: { host, port }, path: rest.startsWith("/") ? rest : `/${rest}` };
}

/** Serves one request to this place. Never rejects. */
export async function serveWebRequest(
  gate: Gate,
  request: IncomingMessage,
  response: ServerResponse,
  target: { readonly place: Place; readonly path: string; readonly token: string | null },
): Promise<void> {
  const { place, path, token } = target;
  const pass = await gate.admit(token, place, () => response.destroy());
  if (isRefusal(pass)) return refuseProxied(response, pass);
  try {
    const method = request.method ?? "";
    const methods = pass.lease.audience === "worker" ? SUPERVISOR_METHODS : AGENT_METHODS;
    if (!methods.has(method)) {
      return refuseProxied(response, {
        code: "method_not_allowed",
        message: `Plain http takes ${[...methods].join(", ")} here; use https`,
      });
    }
    if (isOddlyFramed(request)) {
      return refuseProxied(response, {
        code: "bad_request",
        message: "A transfer-encoding other than chunked is not passed on",
      });
    }
    const upstream = await gate.connect(pass);
    if (isRefusal(upstream)) return refuseProxied(response, upstream);
    if (response.destroyed) return void upstream.destroy();
    const { host, port } = place;
    await passOn({
      request,
      response,
      send: (headers) =>
        httpRequest({
          // No agent, not even `false`: with one this would be ignored, and a connection made that nobody checked.
          createConnection: () => upstream,
          method,
          path,
          headers: { ...headers, host: port === 80 ? host : `${host}:${port}`, connection: "close" },
        }),
      unanswered: () =>
        refuseProxied(response, { code: "egress_unreachable", message: `${host}:${port} closed without an answer` }),
    });
    upstream.destroy();
  } finally {
    pass.way.end();
  }
}
