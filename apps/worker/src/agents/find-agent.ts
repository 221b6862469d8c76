/** Whether the program of an agent that comes as an npm package can run on this worker. */
import type { AgentSearch, Availability } from "./contract.ts";
import { findProgram, readVersion } from "./find-program.ts";
import { NO_GATEWAY } from "./gateway-address.ts";

/** Looks for `program`, which npm installs with `npmPackage`, and for a way to a model. */
export async function findAgentProgram(
  { path, llmBaseUrl }: AgentSearch,
  program: string,
  npmPackage: string,
): Promise<Availability> {
  const found = await findProgram(program, path);
  if (found === undefined) {
    const why = `${program} is not installed here: npm install -g ${npmPackage} (an image: build it with HIVE_AGENT_CLIS)`;
    return { ok: false, why };
  }
  if (llmBaseUrl === null) return { ok: false, why: NO_GATEWAY };
  return { ok: true, version: await readVersion(found, path) };
}
