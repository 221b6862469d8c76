/** The lease token a client of the proxy presents: the password of Basic, or a Bearer. */

/** Longer ones are no lease tokens. */
const LONGEST = 4096;

/** The token of a `Proxy-Authorization` header; null when there is none that can be read. The user's name means nothing. */
export function proxyToken(header: string | undefined): string | null {
  const [, scheme = "", value = ""] = /^(basic|bearer) +([^\s]+) *$/i.exec(header ?? "") ?? [];
  const token = scheme.toLowerCase() === "bearer" ? value : passwordOf(value);
  return token === "" || token.length > LONGEST || !/^[\x21-\x7e]+$/.test(token) ? null : token;
}

function passwordOf(base64: string): string {
  const text = Buffer.from(base64, "base64").toString("latin1");
  const colon = text.indexOf(":");
  return colon === -1 ? "" : text.slice(colon + 1);
}
