/** Keeps the gateway's process there: started anew on the same port when it ends, later and later. */

import type { Clock } from "../clock.ts";
import { startGatewayProcess, type GatewayProcess, type GatewayProcessOptions } from "./gateway-process.ts";

const HOST = "127.0.0.1";
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

export interface GatewayKeeperOptions {
  readonly settings: Omit<GatewayProcessOptions["settings"], "listen">;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Pick<Clock, "after">;
  readonly onLine: (line: string) => void;
  readonly onTrouble: (message: string) => void;
}

export interface GatewayKeeper {
  /** Such as `http://127.0.0.1:40123`; the same for the keeper's whole life. */
  readonly url: string;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts the gateway. @throws when its first start fails. */
export async function keepGateway(options: GatewayKeeperOptions): Promise<GatewayKeeper> {
  let stopped = false;
  let waitMs = FIRST_WAIT_MS;
  let takeBack = (): void => {};

  const start = async (port: number): Promise<GatewayProcess> => {
    const settings = { ...options.settings, listen: { host: HOST, port } };
    return startGatewayProcess({ settings, env: options.env, onLine: options.onLine });
  };
  let running: GatewayProcess | null = await start(0);
  const port = Number(running.listening);

  const watch = (process: GatewayProcess): void => {
    void process.exited.then(({ code, signal }) => {
      running = null;
      if (!stopped) again(`the LLM gateway ended (${signal ?? `code ${code}`})`);
    });
  };
  const again = (why: string): void => {
    options.onTrouble(`${why}; it is started again in ${waitMs} ms`);
    takeBack = options.clock.after(waitMs, () => void restart());
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  };
  const restart = async (): Promise<void> => {
    try {
      const next = await start(port);
      if (stopped) {
        await next.stop();
        return;
      }
      running = next;
      watch(next);
    } catch (error) {
      if (!stopped) again(error instanceof Error ? error.message : String(error));
    }
  };

  watch(running);
  return {
    url: `http://${HOST}:${port}`,
    async stop() {
      stopped = true;
      takeBack();
      await running?.stop();
    },
  };
}
