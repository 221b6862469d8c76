/** How Hive shows a system that it reads who is asking: `auth:` of the types that poll. */

import { z } from "zod";
import { secretPlace, type SecretPlace } from "../credentials/repo-rules.ts";

/** A token, or a user with a password; the secret is where the operator keeps it. */
export const outwardAuthSchema = z.union(
  [
    z.strictObject({ bearer: secretPlace }),
    z.strictObject({ basic: z.strictObject({ user: z.string().regex(/^[^:]{1,256}$/u), password: secretPlace }) }),
  ],
  "must be bearer or basic",
);
export type OutwardAuth = z.infer<typeof outwardAuthSchema>;

/** Where its secret is; none when nobody asks for one. */
export function outwardSecrets(auth: OutwardAuth | undefined): readonly SecretPlace[] {
  if (auth === undefined) return [];
  return ["bearer" in auth ? auth.bearer : auth.basic.password];
}

/** The headers that prove it. */
export function outwardHeaders(
  auth: OutwardAuth | undefined,
  secret: (place: SecretPlace) => string,
): Readonly<Record<string, string>> {
  if (auth === undefined) return {};
  if ("bearer" in auth) return { authorization: `Bearer ${secret(auth.bearer)}` };
  const { user, password } = auth.basic;
  return { authorization: `Basic ${Buffer.from(`${user}:${secret(password)}`).toString("base64")}` };
}
