/**
 * Sessions of browsers: what a person's cookie says instead of the token. Nothing is stored. A session is signed with a key
 * that is derived from this server's own secret and the token it was opened with: every dispatcher of the same Hive takes
 * it, a restart ends none, and taking a token away ends all that were opened with it. The server's secret is in it so that
 * a cookie that somebody got hold of is no place to try tokens at.
 *
 * The cookie's name comes from that key too: cookies know no ports, and two Hives on one machine must not sign each
 * other's people out.
 */

import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../clock.ts";

/** How long a session lasts, in milliseconds. */
export const SESSION_MS = 7 * 86_400_000;

export interface Session {
  readonly cookie: string;
  readonly value: string;
  /** When it ends by itself, in milliseconds since 1970. */
  readonly until: number;
}

export interface Sessions {
  /** A new session for who presented `token`, one of the tokens of this server. */
  open(token: string): Session;
  /** When the session in a `Cookie` header ends; null: there is none of ours that still counts. */
  find(header: string | undefined): number | null;
  /** The cookies of this server that a `Cookie` header names, whatever they hold. */
  namesIn(header: string | undefined): readonly string[];
  /** What every cookie of this server says beside its value. */
  readonly attributes: string;
}

export interface SessionOptions {
  /** The owner's tokens, as `createTokenCheck` takes them. */
  readonly tokens: readonly string[];
  /** Known to every dispatcher of this Hive and to nobody else. */
  readonly secret: Uint8Array;
  /** People come over TLS: browsers then send the cookie over nothing else. */
  readonly isSecure: boolean;
  readonly clock: Pick<Clock, "wall">;
}

/** A session's key, and its cookie. */
interface Key {
  readonly token: string;
  readonly cookie: string;
  readonly signing: Uint8Array;
}

export function createSessions({ tokens, secret, isSecure, clock }: SessionOptions): Sessions {
  // With this prefix no neighbouring host of the same domain can plant one.
  const prefix = isSecure ? "__Host-hive-" : "hive-";
  const keys = tokens.map((token) => keyOf(token, secret, prefix));
  return {
    // Strict: no link, form or frame of another site brings it along; pages ask for everything themselves.
    attributes: `Path=/; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`,

    namesIn(header) {
      const named = new Set(Array.from(cookiesIn(header ?? ""), ({ name }) => name));
      return keys.map(({ cookie }) => cookie).filter((cookie) => named.has(cookie));
    },

    open(token) {
      const key = keys.find((one) => one.token === token);
      if (key === undefined) throw new Error("a session is opened with a token of this server");
      const until = clock.wall() + SESSION_MS;
      const said = `1.${until}.${randomBytes(16).toString("base64url")}`;
      return { cookie: key.cookie, value: `${said}.${sign(key, said)}`, until };
    },

    find(header) {
      if (header === undefined) return null;
      let found: number | null = null;
      for (const { name, value } of cookiesIn(header)) {
        const key = keys.find(({ cookie }) => cookie === name);
        const until = key === undefined ? null : check(key, value);
        if (until !== null && until > clock.wall()) found = Math.max(found ?? 0, until);
      }
      return found;
    },
  };
}

function check(key: Key, value: string): number | null {
  const [, said, until, mac] = /^(1\.(\d{1,15})\.[\w-]{22})\.([\w-]{43})$/.exec(value) ?? [];
  if (said === undefined || until === undefined || mac === undefined) return null;
  return timingSafeEqual(Buffer.from(sign(key, said)), Buffer.from(mac)) ? Number(until) : null;
}

function keyOf(token: string, secret: Uint8Array, prefix: string): Key {
  const derive = (what: string, bytes: number): Uint8Array =>
    new Uint8Array(hkdfSync("sha256", token, secret, `hive browser ${what}`, bytes));
  return { token, cookie: prefix + Buffer.from(derive("cookie", 6)).toString("hex"), signing: derive("session", 32) };
}

function sign({ signing }: Key, said: string): string {
  return createHmac("sha256", signing).update(said).digest("base64url");
}

function* cookiesIn(header: string): Generator<{ readonly name: string; readonly value: string }> {
  for (const pair of header.split(";")) {
    const at = pair.indexOf("=");
    if (at > 0) yield { name: pair.slice(0, at).trim(), value: pair.slice(at + 1).trim() };
  }
}
