/** The secrets that sources name: where they are, read once at the start. */

import { readFileSync } from "node:fs";
import type { SecretPlace } from "../credentials/repo-rules.ts";
import type { Source } from "./source-settings.ts";

/** A place as text, for maps and messages. */
export function placeKey(place: SecretPlace): string {
  return "env" in place ? `the variable ${place.env}` : `the file ${place.file}`;
}

/**
 * The value of every secret that these sources name, by `placeKey`.
 * @throws Error naming every source whose secret is missing or empty; no secret is shown
 */
export function readSourceSecrets(
  sources: readonly Source[],
  variable: (name: string) => string | undefined,
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (const { id, type } of sources)
    for (const place of type.secrets) {
      const value = "env" in place ? variable(place.env)?.trim() : readSecretFile(place.file);
      if (value === undefined || value === "") problems.push(`sources.${id}: ${placeKey(place)} holds no secret`);
      else values.set(placeKey(place), value);
    }
  if (problems.length > 0) throw new Error(problems.join("; "));
  return values;
}

function readSecretFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
