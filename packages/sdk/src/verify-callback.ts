/**
 * Checks a callback before a backend believes it. Give it the body as it arrived, byte for byte: a body that was parsed
 * and written again has another signature.
 */

import { verifyWebhook, type VerifyOptions } from "@hive/protocol";
import { z } from "zod";

const callbackSchema = z.object({
  type: z.string(),
  timestamp: z.iso.datetime(),
  data: z.looseObject({ jobId: z.string(), event: z.int(), status: z.string() }),
});

/** A callback whose signature fits. `id` is the same on every try: drop what you have seen. */
export type Callback = z.infer<typeof callbackSchema> & { readonly id: string };

/**
 * The callback, or why it must not be believed.
 * @example
 * const callback = await verifyCallback({ headers: request.headers, body: rawBody, secrets: process.env.HIVE_WEBHOOK_SECRET });
 * if (!callback.ok) return new Response(callback.message, { status: 401 });
 */
export async function verifyCallback(
  options: VerifyOptions,
): Promise<{ readonly ok: true; readonly callback: Callback } | { readonly ok: false; readonly message: string }> {
  const verdict = await verifyWebhook(options);
  if (!verdict.ok) return verdict;
  const text = typeof options.body === "string" ? options.body : new TextDecoder().decode(options.body);
  try {
    return { ok: true, callback: { ...callbackSchema.parse(JSON.parse(text)), id: verdict.id } };
  } catch {
    return { ok: false, message: "the signature fits, but this is not a callback of Hive" };
  }
}
