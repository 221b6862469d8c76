/**
 * The programs this server starts beside itself once it listens: the LLM gateway, the way out of workers in containers,
 * and the workers of its pools. Each needs the ones before it.
 */

import type { Logger } from "pino";
import type { LaunchTokens } from "../auth/registration.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { keepEgress, type KeptEgress } from "../egress/egress-process.ts";
import type { FleetChoice } from "../fleet/choose-fleet.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { PoolView } from "../fleet/pool-view.ts";
import { startChosenFleet, STOP_MS } from "../fleet/start-fleet.ts";
import { keepGateway } from "../gateway/gateway-keeper.ts";
import { tellGatewayLine } from "../gateway/gateway-log.ts";
import type { Queue } from "../queue/contract.ts";
import { shareCallbackSecret } from "../run-folder.ts";
import type { Settings } from "../settings.ts";

export interface OwnProcessesOptions extends Pick<Settings, "config" | "llm" | "variable"> {
  readonly choice: FleetChoice;
  /** Every agent that jobs may name. */
  readonly agents: readonly string[];
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tokens: LaunchTokens;
  /** What these programs present to the dispatcher. */
  readonly serverToken: string;
  readonly callbackSecret: string;
  /** `HIVE_RUN`, or what stands for it; it is there already. */
  readonly runFolder: string;
}

export interface OwnProcesses {
  /** Starts them. `dispatcherUrl`: how a program of this machine reaches this server. @throws when one cannot start */
  start(dispatcherUrl: string): Promise<void>;
  /** Where the LLM gateway listens; null before it does. */
  readonly gatewayUrl: () => string | null;
  /** The proxy for the server's own programs, its token included: waits for the way out; null where there is none. */
  readonly proxy: () => Promise<string | null>;
  /** The kinds of workers, as they are now; none before they were started. */
  readonly pools: () => readonly PoolView[];
  /** Stops in the reverse order, whatever had started. */
  stop(): Promise<void>;
}

export function createOwnProcesses(options: OwnProcessesOptions): OwnProcesses {
  const { config, llm, variable, choice, agents, queue, clock, log, tokens, serverToken } = options;
  const stops: (() => Promise<void>)[] = [];
  let gatewayUrl: string | null = null;
  let fleet: Fleet | null = null;
  // Known when the way out has started, or when it is clear that there is none.
  const wayOut = Promise.withResolvers<KeptEgress | null>();

  async function startGateway(dispatcherUrl: string): Promise<string> {
    const ca = variable("NODE_EXTRA_CA_CERTS");
    const gateway = await keepGateway({
      settings: {
        dispatcherUrl,
        gatewayToken: serverToken,
        providers: llm,
        logPrompts: config.logPrompts,
        log: "json",
      },
      env: ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca },
      clock,
      onLine: (line) => tellGatewayLine(log, line, config.logPrompts),
      onTrouble: (message) => log.warn(message),
    });
    gatewayUrl = gateway.url;
    stops.push(() => gateway.stop());
    return gateway.url;
  }

  async function startWayOut(dispatcherUrl: string, llmUrl: string): Promise<void> {
    const egress = await keepEgress({
      settings: {
        dispatcherUrl,
        gatewayUrl: llmUrl,
        serverToken,
        allowPrivate: config.allowPrivateAddresses,
        connections: config.egressConnections,
        bytes: config.egressBytes,
        log: "json",
      },
      folder: options.runFolder,
      clock,
      onLine: (line) => log.debug({ part: "egress" }, line),
      onTrouble: (message) => log.warn(message),
    });
    stops.push(() => egress.stop());
    wayOut.resolve(egress);
    // Only now: workers wait for it, and need not knock at a door that is not there.
    if (config.shareCallbackSecret) await shareCallbackSecret(options.runFolder, options.callbackSecret);
  }

  return {
    async start(dispatcherUrl) {
      const llmUrl = await startGateway(dispatcherUrl);
      if (needsWayOut(config, choice)) await startWayOut(dispatcherUrl, llmUrl);
      else wayOut.resolve(null);
      if (choice.pools.length === 0) return;
      const started = await startChosenFleet({
        ...{ config, agents, choice, queue, clock, log, tokens, dispatcherUrl, llmUrl, variable },
      });
      stops.push(() => started.stop(STOP_MS));
      fleet = started;
    },
    gatewayUrl: () => gatewayUrl,
    proxy: async () => (await wayOut.promise)?.ownProxy() ?? null,
    pools: () => fleet?.pools() ?? [],
    async stop() {
      for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
    },
  };
}

/** It is a process of 60 MB that nobody would speak to beside workers without containers. */
function needsWayOut(config: Config, choice: FleetChoice): boolean {
  return choice.dockerHost !== null || config.run !== undefined || config.shareCallbackSecret;
}
