/** Which tools a job finds on this worker, by version: part of every result, so that it can be told what made it. */

import { findProgram, readVersion } from "./agents/find-program.ts";

/** Tools that work is usually made with, by the name in results; those that are missing are left out. */
const TOOLS: readonly { readonly name: string; readonly program: string; readonly ask?: string }[] = [
  { name: "node", program: "node" },
  { name: "npm", program: "npm" },
  { name: "git", program: "git" },
  { name: "python", program: "python3" },
  { name: "go", program: "go", ask: "version" },
  { name: "cargo", program: "cargo" },
  { name: "gcc", program: "gcc", ask: "-dumpfullversion" },
];

/** Milliseconds the search may take; a tool that does not answer in time is left out. */
const SEARCH_MS = 15_000;

/** Asks once; all at the same time. `path` is the PATH of jobs. */
export async function findTools(path: string): Promise<Readonly<Record<string, string>>> {
  const found = await Promise.all(
    TOOLS.map(async ({ name, program, ask }) => {
      const file = await findProgram(program, path);
      const version =
        file === undefined
          ? null
          : await readVersion(file, path, { timeoutMs: SEARCH_MS, ...(ask === undefined ? {} : { ask }) });
      return [name, version] as const;
    }),
  );
  return Object.fromEntries(found.filter((one): one is [string, string] => one[1] !== null));
}
