/** The clocks that make jobs: hive schedules ls, show, put, rm, pause, resume, trigger, backfill, preview, slots. */

import { readFileSync } from "node:fs";
import type { BackfillOptions, SchedulePreview, ScheduleSpec, ScheduleView, SlotView } from "@hive/sdk";
import type { Command } from "commander";
import { CliError, type Context } from "../context.ts";
import { plain, table } from "../output.ts";

/** Adds the commands over schedules. */
export function addScheduleCommands(program: Command, context: () => Context): void {
  const group = program.command("schedules").description("clocks that make jobs: see docs/schedules.md");
  const calls = () => {
    const { hive, output } = context();
    return { schedules: hive().schedules, output };
  };

  group
    .command("ls", { isDefault: true })
    .description("every schedule, with what comes next")
    .option("--cursor <cursor>", "where the last page ended")
    .action(async (options: { cursor?: string }) => {
      const { schedules, output } = calls();
      const page = await schedules.list(options);
      output.answer(page, () => scheduleTable(page.schedules) + more(page.next));
    });

  group
    .command("show")
    .description("one schedule")
    .argument("<id>")
    .action(async (id: string) => {
      const { schedules, output } = calls();
      const schedule = await schedules.get(id);
      output.answer(schedule, () => scheduleText(schedule));
    });

  group
    .command("put")
    .description("make a schedule or change it")
    .argument("<id>")
    .requiredOption("-f, --file <file>", "its settings as JSON (- for standard input)")
    .option("--revision <n>", "only when it is at this revision; 0: only when there is none")
    .action(async (id: string, options: { file: string; revision?: string }) => {
      const revision = options.revision === undefined ? undefined : Number(options.revision);
      if (revision !== undefined && !(Number.isInteger(revision) && revision >= 0)) {
        throw new CliError(`${options.revision} is no revision: hive schedules show ${id} names it`);
      }
      const { schedules, output } = calls();
      const schedule = await schedules.put(id, readSpec(options.file), revision === undefined ? {} : { revision });
      output.answer(schedule, () => scheduleText(schedule));
    });

  group
    .command("rm")
    .description("take a schedule away; its jobs go on")
    .argument("<id>")
    .action(async (id: string) => {
      const { schedules, output } = calls();
      const removed = await schedules.remove(id);
      output.answer({ removed }, () => (removed ? `${id} is gone` : `There is no schedule ${id}.`));
    });

  group
    .command("pause")
    .description("stop the clock of a schedule; its jobs go on")
    .argument("<id>")
    .option("--reason <text>", "why, for others")
    .action(async (id: string, { reason }: { reason?: string }) => {
      const { schedules, output } = calls();
      const schedule = await schedules.pause(id, reason);
      output.answer(schedule, () => scheduleText(schedule));
    });

  group
    .command("resume")
    .description("go on with the next slot from now")
    .argument("<id>")
    .action(async (id: string) => {
      const { schedules, output } = calls();
      const schedule = await schedules.resume(id);
      output.answer(schedule, () => scheduleText(schedule));
    });

  const overlap = ["--overlap <policy>", "skip, buffer_one, buffer_all, allow or cancel_other, for this once"] as const;
  group
    .command("trigger")
    .description("make its job now, beside the clock")
    .argument("<id>")
    .option(...overlap)
    .action(async (id: string, options: { overlap?: NonNullable<ScheduleSpec["overlap"]> }) => {
      const { schedules, output } = calls();
      const records = await schedules.trigger(id, options.overlap);
      output.answer({ records }, () => slotTable(records));
    });

  group
    .command("backfill")
    .description("make the jobs of past slots that have none")
    .argument("<id>")
    .argument("<from>", "the first slot: 2026-12-01T00:00:00Z")
    .argument("<to>", "the last slot")
    .option(...overlap)
    .action(async (id: string, from: string, to: string, options: Pick<BackfillOptions, "overlap">) => {
      const { schedules, output } = calls();
      const records = await schedules.backfill(id, { from, to, ...options });
      output.answer({ records }, () => slotTable(records));
    });

  group
    .command("preview")
    .description("the next slots of a schedule, or of settings that nobody has put yet")
    .argument("[id]")
    .option("-f, --file <file>", "settings as JSON (- for standard input)")
    .option("-n, --count <n>", "how many, 1 to 100", "5")
    .action(async (id: string | undefined, options: { file?: string; count: string }) => {
      const of = options.file === undefined ? id : readSpec(options.file);
      if (of === undefined) throw new CliError("Of what? hive schedules preview ID, or -f FILE");
      const { schedules, output } = calls();
      const preview = await schedules.preview(of, Number(options.count));
      output.answer(preview, () => previewText(preview));
    });

  group
    .command("slots")
    .description("what became of its slots, newest first")
    .argument("<id>")
    .option("--cursor <cursor>", "where the last page ended")
    .action(async (id: string, options: { cursor?: string }) => {
      const { schedules, output } = calls();
      const page = await schedules.slots(id, options);
      output.answer(page, () => slotTable(page.slots) + more(page.next));
    });

  for (const command of group.commands) {
    command.option("--json", "answer with JSON").on("option:json", () => program.setOptionValue("json", true));
  }
}

const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");
const more = (next: string | null): string => (next === null ? "" : `\nMore: --cursor ${next}`);

function readSpec(file: string): ScheduleSpec {
  try {
    // The server judges what it is; here it only has to be JSON.
    return JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8")) as ScheduleSpec;
  } catch (error) {
    if (error instanceof SyntaxError) throw new CliError(`${file} is not JSON: ${error.message}`);
    throw error;
  }
}

/** The table of `hive schedules ls`. */
export function scheduleTable(schedules: readonly ScheduleView[]): string {
  if (schedules.length === 0) return "There are no schedules.";
  const rows = schedules.map((one) => [one.id, stateOf(one), whenOf(one), String(one.runs), one.managedBy]);
  return table(["SCHEDULE", "NEXT", "WHEN", "RUNS", "FROM"], rows);
}

function stateOf({ paused, next }: ScheduleView): string {
  if (paused !== null) return "paused";
  return next === null ? "never again" : iso(next.dueAt);
}

function whenOf({ words, spec }: ScheduleView): string {
  const told = [spec["cron"], spec["timezone"]].filter((part) => typeof part === "string");
  return words ?? told.join(" ");
}

/** One schedule in a terminal. */
export function scheduleText(schedule: ScheduleView): string {
  const { id, revision, paused, runs, failures, open, buffered } = schedule;
  const lines = [`${id}: ${whenOf(schedule)}`, `  next: ${stateOf(schedule)}`, `  revision ${revision}, ${runs} runs`];
  if (paused !== null) lines.push(`  paused by ${paused.by} at ${iso(paused.at)}: ${paused.reason}`);
  if (failures > 0) lines.push(`  failed in a row: ${failures}`);
  if (open.length > 0) lines.push(`  not over: ${open.join(", ")}`);
  if (buffered.length > 0) lines.push(`  waiting slots: ${buffered.map(iso).join(", ")}`);
  return plain(lines.join("\n"));
}

/** Records of slots in a terminal. */
export function slotTable(slots: readonly SlotView[]): string {
  if (slots.length === 0) return "No slots.";
  const rows = slots.map(({ slot, outcome, reason, jobId, by, message }) => [
    iso(slot),
    outcome === "skipped" ? `skipped: ${reason}` : outcome,
    jobId ?? "",
    by,
    message ?? "",
  ]);
  return table(["SLOT", "OUTCOME", "JOB", "BY", ""], rows);
}

/** What is to come, in a terminal. */
export function previewText({ words, timezone, slots }: SchedulePreview): string {
  if (slots.length === 0) return "No slot of it is in the future.";
  const rows = slots.map(({ local, utc, dueAt, slot, skip }) => [
    local,
    utc.replace(".000Z", "Z"),
    skip === null ? (dueAt === slot ? "" : `acted on at ${iso(dueAt)}`) : `no job: ${skip}`,
  ]);
  return [...(words === null ? [] : [words]), table([timezone, "UTC", ""], rows)].join("\n");
}
