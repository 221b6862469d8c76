/**
 * What the gateway's process is told when it starts: one line of JSON on its standard input. Not arguments, which every
 * user of the machine can list, and not the environment, which a child process inherits.
 */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
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

export type GatewaySettings = z.output<typeof gatewaySettingsSchema>;
/** The same with what has a default left out. */
export type GivenGatewaySettings = z.input<typeof gatewaySettingsSchema>;

/**
 * The settings, and the moment the input ends: whoever started this process is gone then.
 * @throws Error that lists every problem by name and shows no value.
 */
export async function readGatewaySettings(
  input: Readable,
): Promise<{ settings: GatewaySettings; ended: Promise<void> }> {
  const lines = createInterface({ input });
  const ended = new Promise<void>((settle) => {
    lines.once("close", () => settle());
  });
  const line = await Promise.race([
    new Promise<string>((settle) => {
      lines.once("line", settle);
    }),
    ended.then(() => ""),
  ]);
  const parsed = gatewaySettingsSchema.safeParse(parseJson(line));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, code }) => `${path.join(".") || "the line"}: ${code}`);
    lines.close();
    throw new Error(
      `The gateway's settings, one line of JSON on standard input, cannot be used: ${problems.join("; ")}`,
    );
  }
  return { settings: parsed.data, ended };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
