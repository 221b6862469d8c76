/** The LLM gateway as a process that is kept there, on the same port for the dispatcher's whole life. */

import { keepProcess, type KeptProcessOptions } from "../processes/kept-process.ts";
import { GATEWAY_PROGRAM, type GatewayReady } from "./gateway-process.ts";
import type { GivenGatewaySettings } from "./gateway-settings.ts";

const HOST = "127.0.0.1";

export interface GatewayKeeperOptions
  extends Pick<KeptProcessOptions<GatewayReady>, "env" | "clock" | "onLine" | "onTrouble"> {
  readonly settings: Omit<GivenGatewaySettings, "listen">;
}

export interface GatewayKeeper {
  /** Such as `http://127.0.0.1:40123`; the same for the keeper's whole life. */
  readonly url: string;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts the gateway. @throws when its first start fails. */
export async function keepGateway({ settings, ...options }: GatewayKeeperOptions): Promise<GatewayKeeper> {
  const kept = await keepProcess({
    ...GATEWAY_PROGRAM,
    ...options,
    settings: (before): GivenGatewaySettings => ({
      ...settings,
      listen: { host: HOST, port: Number(before?.listening ?? 0) },
    }),
  });
  return { url: `http://${HOST}:${kept.ready.listening}`, stop: () => kept.stop() };
}
