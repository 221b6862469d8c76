/** Is there a Docker Engine that can run Hive's workers? For `HIVE_FLEET=auto`, and for telling why not. */

import type { Engine } from "./engine.ts";

export type EngineFound =
  | {
      readonly usable: true;
      /** For people: `Docker 28.2.2 (Debian GNU/Linux 12)`. */
      readonly about: string;
      /** What it cannot do of what isolation asks for, in words; empty where all is well. */
      readonly warnings: readonly string[];
    }
  | { readonly usable: false; readonly reason: string };

/** Asks an engine what it is. Never rejects. */
export async function findEngine(engine: Pick<Engine, "info" | "address">): Promise<EngineFound> {
  try {
    const { version, system, missingLimits } = await engine.info();
    const warnings = missingLimits.map(
      (limit) =>
        `The Docker Engine at ${engine.address} cannot limit ${limit}: a job may take all there is. Its log says what the kernel lacks (docker info lists it).`,
    );
    return { usable: true, about: `Docker ${version}${system === "" ? "" : ` (${system})`}`, warnings };
  } catch (error) {
    return { usable: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
