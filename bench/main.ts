/**
 * `npm run bench`: measures Hive against the goals of docs/ARCHITECTURE.md and against its neighbours, all in one run on
 * one machine. Rows run one after the other. A missed goal is said and is no error; a row that could not be measured is.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readMachine } from "./machine.ts";
import { judge, type Judged, type Row, type Size } from "./row.ts";
import { cancelRow } from "./rows/cancel.ts";
import { claimRedisRow, claimRow } from "./rows/claim.ts";
import { cloneRow } from "./rows/clone.ts";
import { containerRow } from "./rows/container.ts";
import { enqueueRedisRow, enqueueRow } from "./rows/enqueue.ts";
import { gatewayRow } from "./rows/gateway.ts";
import { jobTableRow } from "./rows/job-table.ts";
import { lifeRedisRow, lifeRow } from "./rows/life.ts";
import { logViewerRow } from "./rows/log-viewer.ts";
import { logsRedisRow, logsRow } from "./rows/logs.ts";
import { memoryRedisRow, memoryRow } from "./rows/memory.ts";
import { pickupRedisRow, pickupRow } from "./rows/pickup.ts";
import { restartRedisRow, restartRow } from "./rows/restart.ts";
import { Stage } from "./stage.ts";
import { figureLine, machineLines, table } from "./table.ts";

const ROWS: readonly Row[] = [
  enqueueRow,
  lifeRow,
  pickupRow,
  claimRow,
  memoryRow,
  restartRow,
  cloneRow,
  logsRow,
  cancelRow,
  containerRow,
  gatewayRow,
  logViewerRow,
  jobTableRow,
  enqueueRedisRow,
  lifeRedisRow,
  pickupRedisRow,
  claimRedisRow,
  memoryRedisRow,
  restartRedisRow,
  logsRedisRow,
];

const HELP = `npm run bench -- [options]
  --only NAME[,NAME]  only these rows
  --full              the million-job rows, the 100 MB repository, longer runs
  --quick             tiny sizes: proves that the bench works, the figures mean nothing
  --json FILE         where the JSON goes (default bench/results/<time>.json)
Rows: ${ROWS.map((row) => `\n  ${row.name.padEnd(13)} ${row.about}`).join("")}`;

process.exitCode = await main();

async function main(): Promise<number> {
  let chosen: { readonly rows: readonly Row[]; readonly size: Size; readonly json: string };
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", multiple: true },
        full: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(HELP);
      return 0;
    }
    const only = values.only?.flatMap((names) => names.split(",")) ?? [];
    const unknown = only.filter((name) => !ROWS.some((row) => row.name === name));
    if (unknown.length > 0) throw new Error(`there is no row "${unknown.join(", ")}"`);
    const time = new Date().toISOString().replaceAll(":", "-").slice(0, 19);
    chosen = {
      rows: only.length === 0 ? ROWS : ROWS.filter((row) => only.includes(row.name)),
      size: values.full ? "full" : values.quick ? "quick" : "usual",
      json: resolve(values.json ?? join(import.meta.dirname, "results", `${time}.json`)),
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
  return measure(chosen.rows, chosen.size, chosen.json);
}

async function measure(rows: readonly Row[], size: Size, json: string): Promise<number> {
  const stage = new Stage();
  process.once("exit", () => stage.killNow());
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

  const machine = readMachine();
  for (const line of machineLines(machine, size)) console.log(line);
  const judged: Judged[] = [];
  const failed: { row: string; error: string }[] = [];
  const startedAt = new Date().toISOString();
  for (const row of rows) {
    console.log(`\n== ${row.name}: ${row.about}`);
    try {
      const figures = await row.run({
        stage,
        size,
        pick: (sizes) => sizes[size],
        say: (line) => console.log(`   ${line}`),
      });
      for (const figure of figures) {
        const one = judge(row.name, figure);
        judged.push(one);
        console.log(figureLine(one));
      }
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      failed.push({ row: row.name, error: text });
      console.error(`   could not be measured: ${text}`);
    } finally {
      await stage.clear();
    }
  }

  console.log(`\n${table(judged)}`);
  if (size === "quick") console.log("\nA quick run: it shows that the bench works, and nothing else.");
  mkdirSync(dirname(json), { recursive: true });
  writeFileSync(json, `${JSON.stringify({ startedAt, size, machine, figures: judged, failed }, null, 2)}\n`);
  console.log(`\nJSON: ${json}`);
  for (const { row } of failed) console.error(`The row "${row}" could not be measured, see above.`);
  return failed.length === 0 ? 0 : 1;
}
