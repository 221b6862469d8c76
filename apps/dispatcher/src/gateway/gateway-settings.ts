/** What the gateway's process is told when it starts (see `processes/program-settings.ts` for how). */
import { z } from "zod";

const baseUrl = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ""));

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
  /** Absent: Anthropic's API answers 503 and says what to set. */
  anthropicApiKey: z.string().min(1).optional(),
  anthropicBaseUrl: baseUrl.default("https://api.anthropic.com"),
  log: z.enum(["json", "off"]).default("json"),
});

/** The settings with what has a default left out. */
export type GivenGatewaySettings = z.input<typeof gatewaySettingsSchema>;
