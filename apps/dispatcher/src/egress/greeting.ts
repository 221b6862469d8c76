/**
 * The first bytes of a tunnel: do they ask for the host the tunnel was allowed for? One address serves many names, so a
 * tunnel to an allowed host whose greeting names another (domain fronting) would be a way to anywhere.
 */
import type { Duplex } from "node:stream";
import { normalHost, type Place } from "@hive/core";
import type { EgressRefusal } from "@hive/protocol";
import type { Clock } from "../clock.ts";
import { type Hello, looksLikeTls, MAX_HELLO_BYTES, readClientHello } from "./client-hello.ts";

export type Greeting =
  | { readonly ok: true; readonly bytes: Buffer }
  /** The client went away, or said nothing for too long. */
  | { readonly ok: false; readonly reason: null }
  | { readonly ok: false; readonly reason: EgressRefusal; readonly message: string };

/** Milliseconds a client has for its greeting. */
const GREETING_MS = 15_000;
/** The port on which nothing but TLS passes. On others TLS is checked where it is spoken. */
const TLS_PORT = 443;

/** Reads until it is clear what the client says. The bytes read are in the answer; the client is paused then. */
export function readGreeting(
  client: Duplex,
  head: Buffer,
  place: Place,
  clock: Pick<Clock, "after">,
): Promise<Greeting> {
  return new Promise((settle) => {
    let bytes = head;
    const takeBack = clock.after(GREETING_MS, () => done({ ok: false, reason: null }));
    const done = (greeting: Greeting): void => {
      takeBack();
      client.off("data", onData);
      client.off("end", onGone);
      client.off("close", onGone);
      client.pause();
      settle(greeting);
    };
    const look = (): void => {
      const verdict = judge(bytes, place);
      if (verdict !== null) done(verdict);
    };
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      look();
    };
    const onGone = (): void => done({ ok: false, reason: null });
    client.on("data", onData);
    client.on("end", onGone);
    client.on("close", onGone);
    look();
  });
}

/** What the bytes so far say; null while they do not say enough. */
function judge(bytes: Buffer, place: Place): Greeting | null {
  if (bytes.length === 0) return null;
  if (!looksLikeTls(bytes[0])) {
    return place.port === TLS_PORT ? refuse("not_tls", `On port ${TLS_PORT} only TLS passes`) : { ok: true, bytes };
  }
  const hello = readClientHello(bytes);
  if (hello.state === "more") {
    return bytes.length > 2 * MAX_HELLO_BYTES ? refuse("not_tls", "The TLS greeting does not end") : null;
  }
  return judgeHello(hello, bytes, place);
}

function judgeHello(hello: Exclude<Hello, { state: "more" }>, bytes: Buffer, { host }: Place): Greeting {
  if (hello.state === "not_tls") return refuse("not_tls", "The TLS greeting is malformed");
  if (hello.hidesName) {
    return refuse(
      "hidden_name",
      `The TLS greeting to ${host} can hide the name it asks for (encrypted client hello); turn that off in the client`,
    );
  }
  if (hello.serverName !== null && normalHost(hello.serverName) !== host) {
    const named = /^[\x21-\x7e]{1,253}$/.test(hello.serverName) ? hello.serverName : "something else";
    return refuse("wrong_name", `The connection to ${host} asked for ${named} in its TLS greeting`);
  }
  return { ok: true, bytes };
}

function refuse(reason: EgressRefusal, message: string): Greeting {
  return { ok: false, reason, message };
}
