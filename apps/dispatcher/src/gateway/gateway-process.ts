/** The gateway as a program: where it is, what it says once it listens, and how one is started. */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type ProgramOptions, type RunningProgram, startProgram } from "../processes/child-program.ts";
import type { GivenGatewaySettings } from "./gateway-settings.ts";

const readySchema = z.object({
  /** The port, or the path of the Unix socket, it listens on. */
  listening: z.union([z.int(), z.string()]),
});
export type GatewayReady = z.output<typeof readySchema>;

export const GATEWAY_PROGRAM = {
  name: "the LLM gateway",
  program: fileURLToPath(new URL("main.ts", import.meta.url)),
  ready: readySchema,
} as const;

export interface GatewayProcessOptions extends Pick<ProgramOptions<GatewayReady>, "env" | "onLine"> {
  readonly settings: GivenGatewaySettings;
}

export type GatewayProcess = RunningProgram<GatewayReady>;

/** Resolves once the process listens. @throws with what it wrote when it ends before that. */
export function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  return startProgram({ ...GATEWAY_PROGRAM, ...options });
}
