// Proves that the linter bites: it plants files that break the import table and the promise rules in an empty copy of the
// tree, runs the real oxlint with the real configuration over them, and reads what was refused. The table printed in
// docs/ARCHITECTURE.md under "Who may import whom" is held to the same measurement, so neither can drift from the other.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkout } from "./checkout.ts";
import { readTable } from "./markdown.ts";

/** What the parts may import; each part also may import its own files. Names are short for `@hive/<name>`. */
const table: Readonly<Record<string, readonly string[]>> = {
  "packages/core": [],
  "packages/protocol": ["core", "zod", "jose"],
  "packages/sdk": ["protocol", "zod"],
  "apps/dispatcher": ["core", "protocol", "zod", "jose", "fastify", "node:fs"],
  "apps/worker": ["core", "protocol", "zod", "jose", "fastify", "node:fs"],
  "apps/cli": ["sdk", "protocol", "zod", "jose", "fastify", "node:fs"],
  // As types.
  "apps/web": ["sdk", "protocol"],
};
const typesOnly = "apps/web";
const hive = ["core", "protocol", "sdk", "dispatcher", "worker", "cli", "web"];
const candidates = [...hive, "zod", "jose", "fastify", "node:fs"];

/** Files that the linter must refuse, and the rule that must refuse each. */
const refused: Readonly<Record<string, { source: string; rule: string }>> = {
  "packages/core/src/a-clock.ts": { source: "export const now = Date.now();", rule: "no-restricted-properties" },
  "packages/core/src/a-chance.ts": { source: "export const n = Math.random();", rule: "no-restricted-properties" },
  "packages/core/src/a-timer.ts": { source: "setTimeout(() => {}, 1);", rule: "no-restricted-globals" },
  "packages/core/src/a-way-out.ts": bad('export * from "../../../apps/dispatcher/src/config.ts";'),
  "packages/core/src/a-type.ts": bad('import type { z } from "zod";\nexport type Z = z.ZodType;'),
  "packages/core/src/a-late-import.ts": bad('export const late = () => import("node:fs");'),
  "packages/core/src/a-test-upwards.test.ts": bad('export * from "@hive/protocol";'),
  "packages/protocol/src/an-upward-test.test.ts": bad('export * from "@hive/sdk";'),
  "apps/dispatcher/src/to-the-worker.ts": bad('export * from "../../worker/src/run.ts";'),
  "apps/dispatcher/src/http/a-test-sideways.test.ts": bad('export * from "@hive/worker";'),
  "apps/worker/src/to-the-dispatcher.ts": bad('export * from "../../dispatcher/src/queue/claim.ts";'),
  "apps/cli/src/to-the-dispatcher.ts": bad('export * from "../../dispatcher/src/main.ts";'),
  "apps/dispatcher/src/store/to-http.ts": bad('export * from "../http/app.ts";'),
  "apps/dispatcher/src/store/sqlite/to-queue.ts": bad('export * from "../../queue/claim.ts";'),
  "apps/dispatcher/src/queue/to-http.ts": bad('export * from "../http/app.ts";'),
  "apps/dispatcher/src/queue/to-sqlite.ts": bad('export * from "../store/sqlite/open.ts";'),
  "apps/dispatcher/src/http/to-sqlite.ts": bad('export * from "../store/sqlite/open.ts";'),
  "apps/dispatcher/src/http/to-memory.ts": bad('export * from "../store/memory.ts";'),
  "apps/dispatcher/src/callbacks/to-sqlite.ts": bad('export * from "../store/sqlite.ts";'),
  "apps/dispatcher/src/env.ts": { source: "export const home = process.env.HOME;", rule: "no-process-env" },
  "apps/dispatcher/src/env-by-name.ts": bad('import { env } from "node:process";\nexport const home = env["HOME"];'),
  "apps/worker/src/env.ts": { source: "export const home = process.env.HOME;", rule: "no-process-env" },
  "apps/worker/src/circle-a.ts": {
    source: 'import { b } from "./circle-b.ts";\nexport const a = () => b;',
    rule: "no-cycle",
  },
  "apps/worker/src/circle-b.ts": {
    source: 'import { a } from "./circle-a.ts";\nexport const b = () => a;',
    rule: "no-cycle",
  },
  "apps/worker/src/forgotten.ts": {
    source: "const work = async () => 1;\nexport const start = () => {\n  work();\n};",
    rule: "no-floating-promises",
  },
  "apps/worker/src/misused.ts": {
    source:
      "export const all = [1, 2].filter(async (n) => n > 1);\nconst work = async () => true;\nif (work()) throw new Error();",
    rule: "no-misused-promises",
  },
  "apps/web/src/zod-by-the-protocol.ts": bad('export { endpoints } from "@hive/protocol";'),
  "apps/web/src/zod-by-the-sdk.tsx": bad('import { Hive } from "@hive/sdk";\nexport const hive = new Hive();'),
  "apps/web/src/zod-at-last.ts": bad('export const late = () => import("@hive/protocol");'),
  "apps/web/src/screens/to-the-dispatcher.ts": bad('export type * from "../../../dispatcher/src/http/server.ts";'),
  "apps/web/src/screens/to-the-sources.ts": bad('export type * from "../../../../packages/protocol/src/endpoints.ts";'),
  "apps/web/src/node.ts": bad('import { join } from "node:path";\nexport const path = join("a", "b");'),
  "apps/cli/src/to-the-web.ts": bad('export * from "../../web/src/main.tsx";'),
  "apps/dispatcher/src/to-the-web.ts": bad('export * from "../../web/src/main.tsx";'),
  "apps/worker/src/to-the-web.ts": bad('export * from "@hive/web";'),
  "apps/worker/src/any.ts": { source: "export const x = (y: any) => y;", rule: "no-explicit-any" },
};

/** Files that the linter must take. */
const taken: Readonly<Record<string, string>> = {
  "packages/core/src/own.ts": 'export * from "./a-neighbour.ts";',
  "packages/core/src/own.test.ts":
    'import { expect } from "vitest";\nexport * from "node:fs";\nexport const e = expect;',
  "apps/dispatcher/src/main.ts": 'export * from "./store/sqlite/open.ts";\nexport * from "./store/memory.ts";',
  "apps/worker/src/git/git-fixture.ts": "export const path = process.env.PATH;",
  "apps/dispatcher/src/config.ts": "export const home = process.env.HOME;",
  "apps/dispatcher/src/queue/claim.test.ts": 'export * from "../store/memory.ts";',
  "apps/dispatcher/src/queue/claim.ts": 'export * from "../store/contract.ts";',
  "apps/dispatcher/src/store/sqlite/open.ts": 'export * from "../contract.ts";\nexport * from "./thread.ts";',
  "apps/worker/src/http/client.ts": 'export * from "../loops/claim.ts";',
  "apps/web/src/live/stream.ts": 'export * from "@hive/protocol/server-events";',
  "apps/web/src/api/call.ts": 'import type { Endpoints } from "@hive/protocol";\nexport type E = Endpoints;',
  "apps/web/table.ts": 'export * from "@hive/protocol";',
  "test/e2e/all.test.ts": 'export * from "../../apps/dispatcher/src/store/sqlite/open.ts";',
};

let found: ReadonlyMap<string, readonly string[]>;
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "hive-import-table-"));
  await cp(join(checkout, ".oxlintrc.json"), join(root, ".oxlintrc.json"));
  // Without the packages around, so that what is planted resolves to nothing and only its wording counts.
  await writeFile(
    join(root, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { strict: true, target: "es2024", types: [] } }),
  );
  await writeFile(join(root, "package.json"), '{ "type": "module" }');
  for (const [file, { source }] of Object.entries(refused)) await plant(file, source);
  for (const [file, source] of Object.entries(taken)) await plant(file, source);
  for (const part of Object.keys(table)) {
    const what = part === typesOnly ? "type *" : "*";
    for (const name of candidates) await plant(plantedFile(part, name), `export ${what} from "${specifier(name)}";`);
  }
  found = await lint(root);
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe("the linter holds the import table", () => {
  it.each(Object.entries(refused))("refuses %s", (file, { rule }) => {
    expect(found.get(file) ?? []).toContain(rule);
  });

  it.each(Object.keys(taken))("takes %s", (file) => {
    expect(found.get(file) ?? []).toEqual([]);
  });

  it.each(Object.entries(table))("lets %s import exactly what the table says", (part, allowed) => {
    const own = part.split("/")[1] ?? "";
    expect(importable(part)).toEqual(candidates.filter((name) => allowed.includes(name) && name !== own));
  });

  it("knows every part of the tree", async () => {
    const parts: string[] = [];
    for (const group of ["packages", "apps"]) {
      for (const name of await readdir(join(checkout, group))) parts.push(`${group}/${name}`);
    }
    expect(Object.keys(table).sort()).toEqual(parts.sort());
  });
});

const architecture = join(checkout, "docs", "ARCHITECTURE.md");

describe.runIf(existsSync(architecture))("docs/ARCHITECTURE.md prints the table the linter holds", () => {
  it.each(Object.keys(table))("under 'Who may import whom': the row of %s", async (part) => {
    const rows = readTable(await readFile(architecture, "utf8"), "Who may import whom");
    const row = rows.find((cells) => cells["part"]?.split(/[`\s,]+/).includes(part));
    expect(row, `docs/ARCHITECTURE.md has no row that begins with \`${part}\``).toBeDefined();
    const said = (row?.["may import"] ?? "").split(/[^\w:-]+/);
    expect(hive.filter((name) => said.includes(name))).toEqual(importable(part).filter((name) => hive.includes(name)));
  });
});

function bad(source: string): { source: string; rule: string } {
  return { source, rule: "no-restricted-imports" };
}

function specifier(name: string): string {
  return hive.includes(name) ? `@hive/${name}` : name;
}

function plantedFile(part: string, name: string): string {
  return `${part}/src/planted-${name.replace(":", "-")}.ts`;
}

function importable(part: string): string[] {
  const own = part.split("/")[1] ?? "";
  return candidates.filter(
    (name) => name !== own && !found.get(plantedFile(part, name))?.includes("no-restricted-imports"),
  );
}

async function plant(file: string, source: string): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true });
  await writeFile(join(root, file), `${source}\n`);
}

/** The rules that each file breaks, by the file's path. */
function lint(folder: string): Promise<Map<string, string[]>> {
  const oxlint = join(checkout, "node_modules", ".bin", "oxlint");
  return new Promise((resolve, reject) => {
    execFile(oxlint, ["-f", "json"], { cwd: folder, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (!stdout.startsWith("{")) {
        reject(new Error(`oxlint gave no report: ${stderr}${stdout.slice(0, 500)}`, { cause: error }));
        return;
      }
      const report = JSON.parse(stdout) as { diagnostics: { filename: string; code: string }[] };
      const broken = new Map<string, string[]>();
      for (const { filename, code } of report.diagnostics) {
        const rule = /\((.+)\)/.exec(code)?.[1] ?? code;
        broken.set(filename, [...(broken.get(filename) ?? []), rule]);
      }
      resolve(broken);
    });
  });
}
