/**
 * The socket's front for tests: real connections on all sides, a dispatcher whose answers the test gives, names that
 * resolve as the test says, and a clock it moves.
 */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Place, showPlace } from "@hive/core";
import { afterEach } from "vitest";
import { guardedConnect } from "../guard/connect.ts";
import { createGuard, type GuardOptions } from "../guard/guard.ts";
import type { DispatcherLink, OpenAnswer, Report } from "./dispatcher-link.ts";
import { createFront } from "./front.ts";
import { createGate } from "./gate.ts";
import { createRelays } from "./relays.ts";
import { listenAtPath } from "./socket-file.ts";
import { createWays, type WayLimits } from "./ways.ts";

export interface Front {
  /** The socket's path. */
  readonly socket: string;
  /** What the dispatcher was asked, as `token host:port`. */
  readonly asked: string[];
  /** What it was told, as `host:port reason`. */
  readonly blocked: string[];
  readonly reports: Report[];
  /** Leases the next report is told are over. */
  over: { readonly jobId: string; readonly fence: number }[];
  /** The latest timer of so many milliseconds; calling it is its time. */
  readonly timers: Map<number, () => void>;
  /** The time of all timers of so many milliseconds. */
  expire(ms: number): void;
  now: number;
}

export interface FrontOptions {
  readonly dispatcherPort?: number;
  readonly gatewayPort?: number;
  /** The answer for a place. Default: allowed, its name to be verified. */
  readonly answer?: (
    token: string,
    place: Place,
  ) => Partial<OpenAnswer & { kind: "verdict" }>["verdict"] | Exclude<OpenAnswer, { kind: "verdict" }>;
  /** Where a port outside really is on this machine. Default: where it says. */
  readonly ports?: Readonly<Record<number, number>>;
  readonly limits?: Partial<WayLimits>;
  readonly guard?: Partial<GuardOptions>;
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs after the test, last come first. */
export function afterTest(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

export const LEASE = { jobId: "a", fence: 1 } as const;
/** The verdict for an agent that may. */
export const ALLOWED = { allowed: true, ...LEASE, audience: "egress", verifyName: true, publicOnly: false } as const;

export async function startFront(options: FrontOptions = {}): Promise<Front> {
  const { answer = () => ALLOWED, ports = {} } = options;
  const folder = await mkdtemp(join(tmpdir(), "hive-front-"));
  afterTest(() => rm(folder, { recursive: true }));
  const socket = join(folder, "s");
  const all: { readonly ms: number; readonly run: () => void }[] = [];
  const front: Front = {
    socket,
    asked: [],
    blocked: [],
    reports: [],
    over: [],
    timers: new Map(),
    now: 0,
    expire(ms) {
      for (const timer of all.splice(0)) {
        if (timer.ms === ms) timer.run();
        else all.push(timer);
      }
    },
  };
  const clock = {
    mono: () => front.now,
    after(ms: number, run: () => void) {
      front.timers.set(ms, run);
      all.push({ ms, run });
      return () => void (front.timers.get(ms) === run && front.timers.delete(ms));
    },
  };
  const link: DispatcherLink = {
    async open(token, place) {
      front.asked.push(`${token} ${showPlace(place)}`);
      const given = answer(token, place);
      if (given === undefined) throw new Error("no answer");
      return "kind" in given ? given : { kind: "verdict", verdict: given };
    },
    blocked: (_lease, place, reason) => void front.blocked.push(`${showPlace(place)} ${reason}`),
    async report(report) {
      front.reports.push(report);
      return front.over;
    },
  };
  const limits = { connections: 64, bytes: 1e9, ...options.limits };
  const ways = createWays({ limits, clock, report: (report) => link.report(report) });
  const guardWith = (allowPrivate: readonly string[]) =>
    createGuard({ allowPrivate, resolve: async () => [{ address: "127.0.0.1", family: 4 }], ...options.guard });
  const guards = { any: guardWith(["127.0.0.0/8"]), publicOnly: guardWith([]) };
  const reach = ({ host, port }: Place, signal: AbortSignal, publicOnly: boolean): Promise<Socket> =>
    guardedConnect(publicOnly ? guards.publicOnly : guards.any, { host, port: ports[port] ?? port }, signal);
  const gate = createGate({ link, ways, limits, reach, clock });
  const relays = createRelays({
    dispatcherUrl: `http://127.0.0.1:${options.dispatcherPort ?? 9}`,
    gatewayUrl: `http://127.0.0.1:${options.gatewayPort ?? 9}`,
  });
  const log = { info: () => undefined, warn: () => undefined };
  const server = createFront({ gate, relays, clock, log });
  await listenAtPath(server, socket);
  afterTest(async () => {
    ways.stop();
    relays.stop();
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return front;
}

/** A server of the outside, on a free port of this machine; gives the port. */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterTest(async () => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  });
  return (server.address() as AddressInfo).port;
}

/** A web server that notes every request it gets, with its body. */
export async function listenWeb(): Promise<{ readonly port: number; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("latin1");
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      response.end("seen");
    });
  });
  return { port: await listen(server), seen };
}

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}
