/** What the gateway's process is told when it starts (see `processes/program-settings.ts` for how). */
import { z } from "zod";

const baseUrl = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ""));

const keys = z.array(
  z.strictObject({
    /** Where the key is from, such as the variable's name: what logs say in its place. */
    label: z.string().min(1),
    value: z.string().min(1),
    /** Calls with it at the same time. Absent: no limit. */
    limit: z.int().min(1).optional(),
  }),
);
const hosted = (address: string) => z.strictObject({ baseUrl: baseUrl.default(address), keys });

export const gatewaySettingsSchema = z.strictObject({
  /** Where the dispatcher listens, as this process reaches it. */
  dispatcherUrl: baseUrl,
  /** What this process presents to the dispatcher. */
  gatewayToken: z.string().min(16),
  /** A TCP address (port 0 takes a free one) or the path of a Unix socket. */
  listen: z.union([
    z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65535) }),
    z.strictObject({ socket: z.string().min(1) }),
  ]),
  providers: z.strictObject({
    anthropic: hosted("https://api.anthropic.com").optional(),
    openai: hosted("https://api.openai.com").optional(),
    gemini: hosted("https://generativelanguage.googleapis.com").optional(),
    /** Without keys, calls go up without one. */
    local: z.strictObject({ baseUrl, limit: z.int().min(1), keys }).optional(),
  }),
  /** Writes what is asked and answered into the log: for finding faults, never for every day. */
  logPrompts: z.boolean().default(false),
  log: z.enum(["json", "off"]).default("json"),
});

/** The settings with what has a default left out. */
export type GivenGatewaySettings = z.input<typeof gatewaySettingsSchema>;

/** The providers with their addresses and keys. One that is absent answers 503 and says what to set. */
export type GivenProviders = GivenGatewaySettings["providers"];
