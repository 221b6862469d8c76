// `npm test`: everything that must hold before a change is handed over, one step after the other, each with its heading
// and its seconds, and one plain line of counts at the end. A step that fails does not hide the ones after it.
// `npm test -- lint unit` runs only the named steps; `npm run check` those that run no test.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePeerPackages, peerFolders } from "./peer-packages.ts";
import { runProgram } from "./run-program.ts";
import { ensureSystemPackages } from "./system-packages.ts";

/** What a step found. A check without tests of its own counts as one. */
interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Lines that explain the failures, shown again at the end. */
  readonly notes: readonly string[];
}

interface Step {
  readonly name: string;
  readonly heading: string;
  readonly run: () => Promise<Counts>;
}

/** Milliseconds after which a step that runs tests is cut: a busy machine takes three times as long as a quiet one. */
const STEP_LIMIT_MS = 40 * 60_000;

const nothing: Counts = { passed: 0, failed: 0, skipped: 0, notes: [] };

/** A build server has everything: what is missing or skipped there is a failure. */
const strict = process.env.CI === "true";

/** Skips that no machine can avoid: a test for root and its twin for other users cannot both run. */
const unavoidable = process.getuid?.() === 0 ? /without root/i : /\bas root\b/i;

const checks: readonly Step[] = [
  // First, because the compiler reads the types of those packages.
  { name: "peers", heading: "Programs and packages the tests need", run: preparePeers },
  check("types", "Types", "tsc", ["--noEmit", "-p", "tsconfig.json"]),
  check("web-types", "Types of the pages", "tsc", ["--noEmit", "-p", "apps/web/tsconfig.json"]),
  check("browser-types", "Types of their tests", "tsc", ["--noEmit", "-p", "test/web/tsconfig.json"]),
  check("format", "Format", "biome", ["format", "."]),
  check("lint", "Lint and the import table", "oxlint", []),
  check("knip", "Unused code and undeclared packages", "knip", []),
];

const tests: readonly Step[] = [
  { name: "unit", heading: "Tests beside the code, and the store suite", run: () => vitest("unit") },
  { name: "sim", heading: "Simulation", run: () => vitest("sim") },
  { name: "system", heading: "Real processes, from end to end", run: () => vitest("system") },
  { name: "web", heading: "The web UI in a real browser", run: () => vitest("web") },
  { name: "faults", heading: "Faults: kills, pauses, power losses, bad networks", run: () => vitest("faults") },
  { name: "containers", heading: "Real containers on a Docker Engine", run: () => vitest("containers") },
];

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const all = [...checks, ...tests];
  const named = args.filter((arg) => arg !== "--checks");
  const unknown = named.filter((name) => !all.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`There is no step "${unknown.join(" ")}". Steps: ${all.map((step) => step.name).join(", ")}`);
    return 2;
  }
  const chosen = args.includes("--checks") ? checks : all;
  const results: { step: Step; counts: Counts; seconds: number }[] = [];
  for (const step of named.length > 0 ? all.filter((one) => named.includes(one.name)) : chosen) {
    console.log(`\n== ${step.heading} (${step.name})`);
    const started = performance.now();
    const counts = await step.run();
    const seconds = (performance.now() - started) / 1000;
    console.log(`-- ${step.name}: ${line(counts)} in ${seconds.toFixed(1)} s`);
    results.push({ step, counts, seconds });
  }
  return summary(results);
}

function summary(results: readonly { step: Step; counts: Counts; seconds: number }[]): number {
  console.log("\n== Summary");
  for (const { step, counts, seconds } of results) {
    const verdict = counts.failed > 0 ? "FAILED" : "ok";
    console.log(`${verdict.padEnd(6)} ${step.name.padEnd(10)} ${seconds.toFixed(1).padStart(6)} s   ${line(counts)}`);
    for (const note of counts.notes) console.log(`         ${note}`);
  }
  const total = results.reduce((sum, { counts }) => add(sum, counts), nothing);
  console.log(`\n${line(total)}`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

function check(name: string, heading: string, program: string, args: readonly string[]): Step {
  return {
    name,
    heading,
    run: async () => {
      const ended = await runProgram(program, args);
      return ended.code === 0 ? { ...nothing, passed: 1 } : failure(`${program}: ${ended.why}`);
    },
  };
}

async function preparePeers(): Promise<Counts> {
  let counts = nothing;
  const missing = strict
    ? (what: string): Counts => failure(what)
    : (what: string): Counts => ({ ...nothing, skipped: 1, notes: [what] });
  counts = add(
    counts,
    (await ensureSystemPackages("test")) ? { ...nothing, passed: 1 } : missing("a program is missing, see above"),
  );
  for (const folder of peerFolders()) {
    const ready = await ensurePeerPackages(folder);
    counts = add(counts, ready ? { ...nothing, passed: 1 } : missing(`the packages of ${folder} are not installed`));
  }
  return counts;
}

/** One project of vitest.config.ts. The counts come from its JSON report, the rest of its output goes to the terminal. */
async function vitest(project: string): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "hive-test-report-"));
  try {
    const report = join(folder, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const ended = await runProgram("vitest", ["run", "--project", project, ...reporters], { limitMs: STEP_LIMIT_MS });
    const counts = existsSync(report) ? readReport(readFileSync(report, "utf8")) : nothing;
    // An error outside any test, or a run that was cut, has no failed test to its name.
    return ended.code !== 0 && counts.failed === 0 ? add(counts, failure(`vitest ${project}: ${ended.why}`)) : counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

function readReport(text: string): Counts {
  let counts = nothing;
  for (const file of (JSON.parse(text) as Report).testResults) {
    const tests = file.assertionResults;
    const failed = tests.filter((test) => test.status === "failed");
    const passed = tests.filter((test) => test.status === "passed");
    const skipped = tests.filter((test) => test.status !== "failed" && test.status !== "passed");
    counts = add(counts, { passed: passed.length, failed: failed.length, skipped: skipped.length, notes: [] });
    counts = add(counts, { ...nothing, notes: failed.map((test) => `failed: ${test.fullName}`) });
    const forbidden = strict ? skipped.filter((test) => !unavoidable.test(test.fullName)) : [];
    counts = add(counts, {
      passed: 0,
      failed: forbidden.length,
      skipped: -forbidden.length,
      notes: forbidden.map((test) => `skipped, which a build server may not: ${test.fullName}`),
    });
    if (file.status === "failed" && failed.length === 0) counts = add(counts, failure(`${file.name}: ${file.message}`));
  }
  return counts;
}

function failure(note: string): Counts {
  return { passed: 0, failed: 1, skipped: 0, notes: [note] };
}

function add(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    notes: [...a.notes, ...b.notes],
  };
}

function line({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
