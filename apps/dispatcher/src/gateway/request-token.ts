/** Where agents put the lease's token: wherever their CLI puts a key. */
import type { IncomingMessage } from "node:http";

const MAX_TOKEN_LENGTH = 4096;

/** The token of a request; null when it has none that could be one. It is never passed on. */
export function tokenOf({ headers, url = "" }: Pick<IncomingMessage, "headers" | "url">): string | null {
  const bearer = /^Bearer ([^\s]+)$/i.exec(headers.authorization ?? "")?.[1];
  const mark = url.indexOf("?");
  const inQuery = mark === -1 ? null : new URLSearchParams(url.slice(mark + 1)).get("key");
  const token = [headers["x-api-key"], headers["x-goog-api-key"], bearer, inQuery].find(
    (one) => typeof one === "string" && one !== "",
  );
  return typeof token === "string" && token.length <= MAX_TOKEN_LENGTH ? token : null;
}
