/** What the way out's process is told when it starts (see `processes/program-settings.ts` for how). */
import { z } from "zod";

const baseUrl = z.url({ protocol: /^http$/ }).transform((text) => text.replace(/\/+$/, ""));

export const egressSettingsSchema = z.strictObject({
  /** Where the dispatcher and the LLM gateway listen, as this process reaches them. */
  dispatcherUrl: baseUrl,
  gatewayUrl: baseUrl,
  /** What this process presents to the dispatcher. */
  serverToken: z.string().min(16),
  /** The path of the Unix socket it serves. */
  socket: z.string().min(1),
  /** What the server's own programs present to the proxy that is theirs. */
  ownToken: z.string().min(16),
  /** Networks that may be reached although they are private: HIVE_ALLOW_PRIVATE_ADDRESSES. */
  allowPrivate: z.array(z.string()),
  /** Connections of one lease at once. */
  connections: z.int().min(1),
  /** Bytes of one lease in all. */
  bytes: z.int().min(1),
  log: z.enum(["json", "off"]).default("json"),
});

/** The settings with what has a default left out. */
export type GivenEgressSettings = z.input<typeof egressSettingsSchema>;
