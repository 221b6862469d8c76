/** Log files with a program that writes 5,000 lines a second and the real logrotate: every line counts once. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { logfile } from "../../apps/dispatcher/src/sources/logfile/logfile.ts";
import { pollingLife } from "../../apps/dispatcher/src/sources/polling.fixture.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { IDLE_JOB, groupsOf, jobsOf, sourceOf } from "./sources-hive.ts";
import { until } from "./until.ts";

const LINES = 25_000;
const PER_SECOND = 5_000;

let folder: string;
let writer: ChildProcess | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hive-logs-"));
});
afterEach(() => {
  writer?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** A program that writes a log, begun. */
async function startWriter(lines = LINES): Promise<{ readonly isOver: () => boolean; readonly reopen: () => void }> {
  const program = join(import.meta.dirname, "log-writer.ts");
  const born = spawn(process.execPath, [program, join(folder, "app.log"), String(lines), String(PER_SECOND)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  writer = born;
  await once(born.stdout, "data");
  return { isOver: () => born.exitCode !== null, reopen: () => void born.kill("SIGHUP") };
}

/** Rotates the log now. */
function rotate(how: "create" | "copytruncate"): void {
  const settings = join(folder, "logrotate.conf");
  writeFileSync(settings, `"${join(folder, "app.log")}" {\n  rotate 100\n  ${how}\n  missingok\n}\n`, { mode: 0o644 });
  execFileSync("logrotate", ["--force", "--state", join(folder, "state"), settings], { stdio: "pipe" });
}

/** Numbers of lines that are whole in a text. */
function numbersIn(text: string): number[] {
  return [...text.matchAll(/#(\d+)#$/gm)].map(([, number]) => Number(number));
}

/** Numbers of all lines that are on disk. */
function onDisk(): number[] {
  const logs = readdirSync(folder).filter((name) => name.startsWith("app.log"));
  return logs.flatMap((name) => numbersIn(readFileSync(join(folder, name), "utf8")));
}

const ascending = (a: number, b: number) => a - b;

describe.each([
  ["create", "app.log"],
  ["copytruncate", "app.log"],
  ["copytruncate", "app.log*"],
] as const)("logrotate with %s, read as %s", (how, pattern) => {
  test("no line is counted twice, and none that is on disk is left out, through restarts and lost commits", async () => {
    const own = logfile.schema.parse({ path: join(folder, pattern), from: "start", multiline: "none" });
    const life = pollingLife(
      (stored) => {
        if (logfile.open === undefined) throw new Error("logfile does not read by itself");
        return logfile.open(own, stored);
      },
      () => Promise.reject(new Error("a log file asks nobody")),
    );
    const counted: number[] = [];
    const groups = new Set<string>();
    const { isOver, reopen } = await startWriter();
    let polls = 0;
    let rotations = 0;
    let quiet = 0;
    await until("the log to be read to its end", async () => {
      life.now = Date.now();
      const over = isOver();
      polls += 1;
      if (polls % 7 === 0) await life.lost();
      if (polls % 11 === 0) life.restart();
      const { occurrences, more } = await life.poll();
      for (const { text, fields } of occurrences) {
        counted.push(...numbersIn(text));
        groups.add(fields["template"] ?? "");
      }
      if (!over && counted.length > (rotations + 1) * 4_000) {
        rotations += 1;
        rotate(how);
        if (how === "create") reopen();
      }
      quiet = over && occurrences.length === 0 && !more ? quiet + 1 : 0;
      return quiet > 4;
    });
    expect(rotations).toBeGreaterThanOrEqual(2);
    expect(new Set(counted).size).toBe(counted.length);
    const lines = onDisk().sort(ascending);
    const known = new Set(counted);
    expect(lines.filter((number) => !known.has(number))).toEqual([]);
    // Between its copy and its truncation logrotate itself loses what is written; by rename nothing is.
    if (how === "create") expect(counted.sort(ascending)).toEqual(Array.from({ length: LINES }, (_, number) => number));
    expect(groups.size).toBe(1);
  });
});

describe("a Hive that is killed while it reads", () => {
  let server: HiveProcess | null = null;
  afterEach(() => server?.dispose());

  test("counts each line once, in one group with one job, with the log rotated in between", async () => {
    const yaml = `sources:
  app:
    type: logfile
    path: ${join(folder, "app.log")}
    from: start
    multiline: none
    when: level == "ERROR"
    limits: { perHour: null }
    job: ${IDLE_JOB}
`;
    const hive = await startHive({ yaml, env: { HIVE_WORKERS: "0" } });
    server = hive;
    const { isOver, reopen } = await startWriter();
    const received = async (): Promise<number> => {
      const { funnel } = await sourceOf(hive, "app");
      return funnel.received;
    };
    for (const lines of [3_000, 12_000]) {
      await until(`${lines} lines`, async () => (await received()) >= lines);
      await hive.crash();
      rotate("create");
      reopen();
      await hive.start();
    }
    await until("the last line", async () => isOver() && (await received()) >= LINES, {
      limitMs: 30_000,
      more: () => hive.printed().slice(-2_000),
    });
    const [group, ...others] = await groupsOf(hive, "app");
    expect(others).toEqual([]);
    expect(group).toMatchObject({ count: LINES, severity: "error", stage: "open" });
    expect(await jobsOf(hive, "app")).toHaveLength(1);
    expect(await received()).toBe(LINES);
  });
});
