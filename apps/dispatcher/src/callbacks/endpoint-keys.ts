/**
 * Which key signs the callbacks of an address: its own, when the operator gave it one in `hive.yaml`, else the server's.
 * With a key of its own, one backend cannot forge what another one is told.
 */

import { readFileSync } from "node:fs";
import { decodeWebhookSecret } from "@hive/protocol";
import { z } from "zod";
import { secretPlace } from "../credentials/repo-rules.ts";

export const endpointKeysSchema = z
  .array(
    z.strictObject({
      /** Addresses that begin with this, such as `https://ci.example.com/hive`. */
      url: z.url({ protocol: /^https?$/ }),
      /** Where its `whsec_` keys are, separated by commas: never in the file itself. */
      secret: secretPlace,
    }),
  )
  .max(1000);
export type EndpointKeys = z.infer<typeof endpointKeysSchema>;

export interface EndpointKeyOptions {
  readonly rules: EndpointKeys;
  /** The server's own keys, for every other address. */
  readonly serverKeys: readonly string[];
  /** A variable of the server's environment. */
  readonly variable: (name: string) => string | undefined;
}

/**
 * Reads all keys once. The first rule whose address the URL begins with counts; the host must be the whole host.
 * @throws Error naming the rule whose key is missing or no `whsec_` key; the key itself is not shown
 */
export function createEndpointKeys({
  rules,
  serverKeys,
  variable,
}: EndpointKeyOptions): (url: string) => readonly string[] {
  const known = rules.map(({ url, secret }) => {
    const text = "env" in secret ? variable(secret.env) : readSecretFile(secret.file);
    const keys = (text ?? "")
      .split(",")
      .map((key) => key.trim())
      .filter((key) => key !== "");
    const where = "env" in secret ? `the variable ${secret.env}` : secret.file;
    if (keys.length === 0) throw new Error(`callbackKeys: ${url}: ${where} holds no key`);
    try {
      for (const key of keys) decodeWebhookSecret(key);
    } catch (cause) {
      throw new Error(`callbackKeys: ${url}: ${where} holds no whsec_ key`, { cause });
    }
    return { at: new URL(url), keys };
  });
  return (url) => {
    const asked = new URL(url);
    const fits = known.find(({ at }) => at.origin === asked.origin && asked.pathname.startsWith(at.pathname));
    return fits?.keys ?? serverKeys;
  };
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Error(`callbackKeys: ${path} cannot be read on this server`, { cause });
  }
}
