/**
 * The way out as a process of its own: whatever hostile code sends through it, the queue does not feel it, and it holds no
 * secret but its own token. It ends with a signal, or when the input it got its settings from closes.
 */
import { once } from "node:events";
import process from "node:process";
import type { Place } from "@hive/core";
import pino from "pino";
import { systemClock } from "../clock.ts";
import { guardedConnect } from "../guard/connect.ts";
import { createGuard } from "../guard/guard.ts";
import { readProgramSettings } from "../processes/program-settings.ts";
import { createDispatcherLink } from "./dispatcher-link.ts";
import { egressSettingsSchema } from "./egress-settings.ts";
import { createFront } from "./front.ts";
import { createGate } from "./gate.ts";
import { openOwnWay } from "./own-way.ts";
import { createRelays } from "./relays.ts";
import { listenAtPath } from "./socket-file.ts";
import { createWays } from "./ways.ts";

async function run(): Promise<void> {
  const { settings, ended } = await readProgramSettings("the way out", egressSettingsSchema, process.stdin);
  const log = pino({ level: settings.log === "off" ? "silent" : "info", name: "egress" }, pino.destination(2));
  const clock = systemClock;
  const link = createDispatcherLink({ baseUrl: settings.dispatcherUrl, token: settings.serverToken, log });
  const limits = { connections: settings.connections, bytes: settings.bytes };
  const ways = createWays({ limits, clock, report: (report) => link.report(report) });
  const guard = createGuard({ allowPrivate: settings.allowPrivate });
  const publicGuard = createGuard({ allowPrivate: [] });
  const reach = (target: Place, signal: AbortSignal, publicOnly = false) =>
    guardedConnect(publicOnly ? publicGuard : guard, target, signal);
  const gate = createGate({ link, ways, limits, clock, reach });
  const relays = createRelays(settings);
  const server = createFront({ gate, relays, clock, log });
  await listenAtPath(server, settings.socket);
  const own = await openOwnWay({ token: settings.ownToken, reach, clock, log });
  process.stdout.write(`${JSON.stringify({ listening: settings.socket, ownPort: own.port, pid: process.pid })}\n`);

  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT"), ended]);
  server.close();
  ways.stop();
  relays.stop();
  own.stop();
  server.closeAllConnections();
  process.stdin.destroy();
}

try {
  await run();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
  process.stdin.destroy();
}
