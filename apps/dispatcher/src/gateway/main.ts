/**
 * The LLM gateway as a process of its own, so that a flood of model traffic cannot slow the queue, and the providers' keys
 * are in one small program only. It ends with a signal, or when the input it got its settings from closes.
 */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import pino from "pino";
import { createDispatcherClient } from "./dispatcher-client.ts";
import { createGateway } from "./gateway.ts";
import { readProgramSettings } from "../processes/program-settings.ts";
import { gatewaySettingsSchema } from "./gateway-settings.ts";

/** Milliseconds the last usages have to reach the dispatcher. */
const FLUSH_MS = 5_000;

async function run(): Promise<void> {
  const { settings, ended } = await readProgramSettings("the gateway", gatewaySettingsSchema, process.stdin);
  const log = pino({ level: settings.log === "off" ? "silent" : "info", name: "gateway" }, pino.destination(2));
  const dispatcher = createDispatcherClient({ baseUrl: settings.dispatcherUrl, token: settings.gatewayToken, log });
  const gateway = createGateway({
    upstreams: settings.providers,
    verifyToken: (token) => dispatcher.verifyToken(token),
    admit: (question) => dispatcher.admit(question),
    onQuota: (notice) => dispatcher.onQuota(notice),
    onUsage: (usage) => dispatcher.onUsage(usage),
    log,
    logPrompts: settings.logPrompts,
  });
  const server = http.createServer(
    // Slow senders are cut; a long answer is not, since these count only until the request is there.
    { headersTimeout: 5_000, requestTimeout: 300_000, connectionsCheckingInterval: 1_000, keepAliveTimeout: 65_000 },
    (request, response) => void gateway.handle(request, response),
  );
  server.maxConnections = 4_096;
  server.listen("socket" in settings.listen ? settings.listen.socket : settings.listen);
  await once(server, "listening");
  const address = server.address() as AddressInfo | string;
  process.stdout.write(`${JSON.stringify({ listening: typeof address === "string" ? address : address.port })}\n`);

  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT"), ended]);
  server.close();
  await gateway.stop();
  const lost = await dispatcher.flush(FLUSH_MS);
  if (lost > 0) {
    log.warn({ lost }, "usages of calls could not be told to the dispatcher");
  }
  dispatcher.close();
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
