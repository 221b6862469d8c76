/** The way out as a process that is kept there, on the same socket for the dispatcher's whole life. */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type KeptProcess, keepProcess, type KeptProcessOptions } from "../processes/kept-process.ts";
import type { GivenEgressSettings } from "./egress-settings.ts";

const readySchema = z.object({ listening: z.string(), ownPort: z.int(), pid: z.int() });
export type EgressReady = z.output<typeof readySchema>;

export const EGRESS_PROGRAM = {
  name: "the way out",
  program: fileURLToPath(new URL("main.ts", import.meta.url)),
  ready: readySchema,
  // Names are looked up in threads, four by default: an agent that asks for slow ones must not keep others waiting.
  env: { UV_THREADPOOL_SIZE: "64" },
} as const;

/** The socket's name in the folder that workers have mounted. */
const SOCKET = "dispatcher.sock";

export interface EgressOptions extends Pick<KeptProcessOptions<EgressReady>, "clock" | "onLine" | "onTrouble"> {
  readonly settings: Omit<GivenEgressSettings, "socket" | "ownToken">;
  /** `HIVE_RUN`; it is there already. */
  readonly folder: string;
}

export type KeptEgress = Pick<KeptProcess<EgressReady>, "stop"> & {
  /** The path of the socket. */
  readonly socket: string;
  /** The proxy for the server's own programs, its token included: where it listens now. */
  ownProxy(): string;
  /** The process of the first start. */
  readonly pid: number;
};

/** Starts the way out. @throws when its first start fails. */
export async function keepEgress({ settings, folder, ...options }: EgressOptions): Promise<KeptEgress> {
  const socket = join(folder, SOCKET);
  const ownToken = randomBytes(32).toString("base64url");
  const told: GivenEgressSettings = { ...settings, socket, ownToken };
  let restarted: EgressReady | null = null;
  const kept = await keepProcess({
    ...EGRESS_PROGRAM,
    ...options,
    settings: () => told,
    onRestart: (ready) => (restarted = ready),
  });
  return {
    socket,
    ownProxy: () => `http://hive:${ownToken}@127.0.0.1:${(restarted ?? kept.ready).ownPort}`,
    pid: kept.ready.pid,
    async stop() {
      await kept.stop();
      await rm(socket, { force: true });
    },
  };
}
