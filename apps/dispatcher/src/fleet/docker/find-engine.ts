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

/** Asks an engine what it is. Never rejects. `platform`: the system this server runs on. */
export async function findEngine(
  engine: Pick<Engine, "info" | "address">,
  platform: NodeJS.Platform = process.platform,
): Promise<EngineFound> {
  try {
    const { version, system, missingLimits } = await engine.info();
    // Its containers see files of this machine through a share, and no socket works across that.
    if (system === "Docker Desktop" || platform !== "linux") {
      const reason = `the Docker Engine at ${engine.address} runs in a virtual machine of its own, where workers cannot reach this server's socket. Start Hive in there: docker compose up -d --build.`;
      return { usable: false, reason };
    }
    const warnings = missingLimits.map(
      (limit) =>
        `The Docker Engine at ${engine.address} cannot limit ${limit}: a job may take all there is. Its log says what the kernel lacks (docker info lists it).`,
    );
    return { usable: true, about: `Docker ${version}${system === "" ? "" : ` (${system})`}`, warnings };
  } catch (error) {
    return { usable: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
