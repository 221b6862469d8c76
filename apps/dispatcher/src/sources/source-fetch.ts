/**
 * How a source reads an address of another system: by GET, through the guard, with a limit of bytes and one of time. The
 * origins that the operator wrote in hive.yaml may be private; whatever the answer points at may not, and no redirect
 * carries a header that proves who asks to another origin.
 */

import type { Guard } from "../guard/guard.ts";
import type { GuardedClient, GuardedReply } from "../guard/request.ts";

/** Redirects followed in one fetch. */
const MAX_REDIRECTS = 5;
/** Sent to the origin it was written for, and to no other. */
const OWN_HEADERS = ["authorization", "cookie"];

export interface SourceFetchOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** A body with more is an error. */
  readonly maxBytes: number;
  /** Milliseconds for all of it, redirects too. */
  readonly timeoutMs: number;
}

export interface SourceReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/**
 * `url` by GET. Redirects are followed through the guard; no status is an error.
 * @throws an error for people: an address that may not be called, no answer in time, a body that is too large.
 */
export type SourceFetch = (url: string, options: SourceFetchOptions) => Promise<SourceReply>;

/** What fetches for one source: `trusted` are addresses the operator wrote, of which the origin counts. */
export function createSourceFetch(
  { guard, client }: { readonly guard: Guard; readonly client: GuardedClient },
  trusted: readonly string[],
  signal: AbortSignal,
): SourceFetch {
  const origins = new Set(trusted.map((address) => new URL(address).origin));

  return async (address, options) => {
    const deadline = performance.now() + options.timeoutMs;
    let { headers = {} } = options;
    let raw = address;
    let from: URL | null = null;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const isTrusted = URL.canParse(raw) && origins.has(new URL(raw).origin);
      const checked = guard.checkUrl(raw, { what: "source", trusted: isTrusted });
      if (!checked.ok) throw new Error(from === null ? checked.message : `${from.host} redirects: ${checked.message}`);
      const { url } = checked;
      if (from !== null && from.origin !== url.origin) headers = withoutOwn(headers);
      const reply = await client.request({
        url,
        method: "GET",
        headers,
        timeoutMs: Math.max(1, Math.ceil(deadline - performance.now())),
        maxResponseBytes: options.maxBytes,
        trusted: isTrusted,
        signal,
      });
      if (reply.ok) return wholeReply(reply, url, options.maxBytes);
      if (reply.reason !== "redirect") throw new Error(reply.message);
      raw = targetOf(reply, url);
      from = url;
    }
    throw new Error(`${new URL(address).host} redirects more than ${MAX_REDIRECTS} times`);
  };
}

/** Half a body would be read as "the rest is gone". */
function wholeReply(reply: GuardedReply & { readonly ok: true }, url: URL, maxBytes: number): SourceReply {
  if (reply.truncated) {
    const why =
      reply.body.byteLength >= maxBytes ? `is larger than ${maxBytes} bytes` : "broke off or did not come in time";
    throw new Error(`The answer of ${url.host} ${why}`);
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(reply.headers)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  // Unpacking has no bound that was asked for; the request said that it takes nothing packed.
  const packed = headers.get("content-encoding") ?? "identity";
  if (packed !== "identity") throw new Error(`${url.host} answers in the encoding ${packed}, which was not asked for`);
  return { status: reply.status, headers, body: reply.body };
}

function targetOf(reply: GuardedReply & { readonly ok: false }, from: URL): string {
  const { location, status } = reply;
  if (location === undefined || !URL.canParse(location, from)) {
    throw new Error(`${from.host} answered ${status}, a redirect to nowhere`);
  }
  const target = new URL(location, from);
  // Never sent, and the guard refuses what has one.
  target.hash = "";
  return target.href;
}

function withoutOwn(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADERS.includes(name.toLowerCase())));
}
