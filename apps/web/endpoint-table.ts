/**
 * `virtual:endpoint-table`: method, path and kind of reply of every endpoint an owner may call, read from the one list when
 * the pages are built. The schemas behind the list stay out of the browser; its types are all that the pages need.
 */
import { type Endpoint, endpoints } from "@hive/protocol";
import type { Plugin } from "vite";

const NAME = "virtual:endpoint-table";

export function endpointTable(): Plugin {
  return {
    name: "hive-endpoint-table",
    resolveId: (id) => (id === NAME ? `\0${NAME}` : null),
    load: (id) => (id === `\0${NAME}` ? `export const endpointTable = ${JSON.stringify(rows())};` : null),
  };
}

function rows(): Record<string, readonly [method: string, path: string]> {
  const all = Object.entries(endpoints) as readonly (readonly [string, Endpoint])[];
  const ours = all.filter(([, { access }]) => access === "owner" || access === "open");
  return Object.fromEntries(ours.map(([name, { method, path }]) => [name, [method, path]]));
}
