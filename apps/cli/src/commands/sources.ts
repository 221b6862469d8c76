/** What makes jobs of what other systems say: hive sources ls, show, test, deliveries, replay; hive groups ls, show, mute, … */

import { readFileSync } from "node:fs";
import type { DeliveryView, DryRun, GroupView, SourceView } from "@hive/sdk";
import type { Command } from "commander";
import { CliError, type Context } from "../context.ts";
import { plain, table } from "../output.ts";

/** Adds the commands over sources and their groups. */
export function addSourceCommands(program: Command, context: () => Context): void {
  const calls = () => {
    const { hive, output } = context();
    return { sources: hive().sources, output };
  };
  const sources = program.command("sources").description("what makes jobs of what others say: see docs/sources.md");
  const groups = program.command("groups").description("what sources found, and what you decide about it");

  sources
    .command("ls", { isDefault: true })
    .description("every source: from received to jobs, and whether it is well")
    .action(async () => {
      const { sources: all, output } = calls();
      const list = await all.list();
      output.answer({ sources: list }, () => sourceTable(list));
    });

  sources
    .command("show")
    .description("one source")
    .argument("<id>")
    .action(async (id: string) => {
      const { sources: all, output } = calls();
      const source = await all.get(id);
      output.answer(source, () => sourceText(source));
    });

  sources
    .command("test")
    .description("a dry run: what a delivery with this body would be, and why; nothing is kept")
    .argument("<id>")
    .argument("<file>", "the body as its sender sends it (- for standard input)")
    .option("-H, --header <line>", "a header the type reads, such as 'X-GitHub-Event: issues'", collect, [])
    .action(async (id: string, file: string, options: { header: string[] }) => {
      const { sources: all, output } = calls();
      const body = readFileSync(file === "-" ? 0 : file, "utf8");
      const occurrences = await all.test(id, body, headersOf(options.header));
      output.answer({ occurrences }, () => dryRunText(occurrences));
    });

  sources
    .command("deliveries")
    .description("what was delivered, newest first, and what came of it")
    .argument("<id>")
    .option("--state <state>", "received, processed or failed")
    .option("--cursor <cursor>", "where the last page ended")
    .action(async (id: string, options: { state?: DeliveryView["state"]; cursor?: string }) => {
      const { sources: all, output } = calls();
      const page = await all.deliveries(id, options);
      output.answer(page, () => deliveryTable(page.deliveries) + more(page.next));
    });

  sources
    .command("replay")
    .description("read a delivery again with the settings of now; what it holds counts once more")
    .argument("<id>")
    .argument("<delivery>")
    .action(async (id: string, deliveryId: string) => {
      const { sources: all, output } = calls();
      const delivery = await all.replay(id, deliveryId);
      output.answer(delivery, () => deliveryTable([delivery]));
    });

  groups
    .command("ls", { isDefault: true })
    .description("the groups of a source, last seen first")
    .argument("<source>")
    .option("--stage <stage>", "quiet, pending, due, held, open, resolved or muted")
    .option("--cursor <cursor>", "where the last page ended")
    .action(async (id: string, options: { stage?: GroupView["stage"]; cursor?: string }) => {
      const { sources: all, output } = calls();
      const page = await all.groups(id, options);
      output.answer(page, () => groupTable(page.groups) + more(page.next));
    });

  const one = (name: string, about: string) =>
    groups.command(name).description(about).argument("<source>").argument("<fingerprint>");
  const decide = async (decision: (all: ReturnType<typeof calls>["sources"]) => Promise<GroupView>): Promise<void> => {
    const { sources: all, output } = calls();
    const group = await decision(all);
    output.answer(group, () => groupText(group));
  };

  one("show", "one group, with its samples").action((id: string, fingerprint: string) =>
    decide((all) => all.group(id, fingerprint)),
  );
  one("mute", "let it count and make no jobs")
    .option("--until <instant>", "2026-12-01T00:00:00Z; without it until you say otherwise")
    .option("--reason <text>", "why, for others")
    .action((id: string, fingerprint: string, options: { until?: string; reason?: string }) =>
      decide((all) => all.mute(id, fingerprint, options)),
    );
  one("unmute", "end that").action((id: string, fingerprint: string) => decide((all) => all.unmute(id, fingerprint)));
  one("resolve", "say that it is over")
    .option("--reason <text>", "why, for others")
    .action((id: string, fingerprint: string, { reason }: { reason?: string }) =>
      decide((all) => all.resolve(id, fingerprint, reason)),
    );
  one("release", "let a held group have its job, past every limit, once")
    .option("--reason <text>", "why, for others")
    .action((id: string, fingerprint: string, { reason }: { reason?: string }) =>
      decide((all) => all.release(id, fingerprint, reason)),
    );

  for (const command of [...sources.commands, ...groups.commands]) {
    command.option("--json", "answer with JSON").on("option:json", () => program.setOptionValue("json", true));
  }
}

const more = (next: string | null): string => (next === null ? "" : `\nMore: --cursor ${next}`);
const short = (instant: string): string => instant.replace(/\.\d+Z$/, "Z");

function collect(line: string, before: readonly string[]): string[] {
  return [...before, line];
}

function headersOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? [];
      if (name === undefined || value === undefined) throw new CliError(`"${line}" is no header: write it Name: value`);
      return [name, value];
    }),
  );
}

/** The table of `hive sources ls`. */
export function sourceTable(sources: readonly SourceView[]): string {
  if (sources.length === 0) return "There are no sources. They stand in hive.yaml: see docs/sources.md";
  const rows = sources.map((one) => {
    const { received, filtered, groups, held, jobs } = one.funnel;
    return [
      one.id,
      one.type,
      String(received),
      String(filtered),
      String(groups),
      String(held),
      String(jobs),
      wellOf(one),
    ];
  });
  return table(["SOURCE", "TYPE", "RECEIVED", "FILTERED", "GROUPS", "HELD", "JOBS", "HEALTH"], rows);
}

function wellOf({ health: { goodAt, error, notice } }: SourceView): string {
  if (error !== null) return `trouble: ${error.message}`;
  if (notice !== null) return `notice: ${notice}`;
  return goodAt === null ? "nothing read yet" : `read ${short(goodAt)}`;
}

/** One source in a terminal. */
export function sourceText(source: SourceView): string {
  const { id, type, trust, everySeconds, hook, funnel, open, waiting } = source;
  const { received, filtered, grouped, overflow, groups, held, jobs } = funnel;
  const lines = [
    `${id}: ${type}, ${trust}`,
    `  ${hook === null ? `read every ${everySeconds ?? 0} s` : `told at ${hook}`}`,
    `  received ${received}, filtered ${filtered}, grouped ${grouped} in ${groups} groups, held ${held}, jobs ${jobs}`,
    `  ${wellOf(source)}`,
  ];
  if (overflow > 0) lines.push(`  no room for ${overflow} that were new`);
  if (waiting > 0) lines.push(`  deliveries not looked at yet: ${waiting}`);
  if (open.length > 0) lines.push(`  not over: ${open.join(", ")}`);
  return plain(lines.join("\n"));
}

/** A dry run in a terminal. */
export function dryRunText(occurrences: readonly DryRun[]): string {
  if (occurrences.length === 0) return "There is nothing in it that this source counts.";
  const texts = occurrences.map(({ title, state, severity, identity, fingerprint, decision }) =>
    [
      `${title} (${state}, ${severity})`,
      `  ${decision}`,
      `  the same trouble: ${identity.join(" | ")}${fingerprint === null ? "" : ` = ${fingerprint.slice(0, 12)}`}`,
    ].join("\n"),
  );
  return plain(texts.join("\n"));
}

/** Deliveries in a terminal. */
export function deliveryTable(deliveries: readonly DeliveryView[]): string {
  if (deliveries.length === 0) return "No deliveries.";
  const rows = deliveries.map(({ id, receivedAt, state, bytes, times, seen, message }) => {
    const came = seen === null ? "" : `${seen.fingerprints.length} groups, ${seen.filtered} filtered`;
    return [short(receivedAt), id, state, String(bytes), String(times), message ?? came];
  });
  return table(["RECEIVED", "DELIVERY", "STATE", "BYTES", "TIMES", ""], rows);
}

/** The table of `hive groups`. */
export function groupTable(groups: readonly GroupView[]): string {
  if (groups.length === 0) return "No groups.";
  const rows = groups.map((one) => [
    one.fingerprint,
    one.stage,
    one.severity,
    String(one.count),
    short(one.lastAt),
    one.title,
    whyOf(one),
  ]);
  return table(["GROUP", "STAGE", "SEVERITY", "COUNT", "LAST", "TITLE", ""], rows);
}

function whyOf({ stage, hold, mute, job }: GroupView): string {
  if (hold !== null) return hold.message;
  if (mute !== null) return `muted by ${mute.by}${mute.until === null ? "" : ` until ${short(mute.until)}`}`;
  return stage === "open" ? (job?.id ?? "") : "";
}

/** One group in a terminal. */
export function groupText(group: GroupView): string {
  const { source, fingerprint, title, stage, severity, count, firstAt, lastAt, job, regressed, samples } = group;
  const lines = [
    title,
    `  ${source}/${fingerprint}`,
    `  ${stage}, ${severity}, ${count} since ${short(firstAt)}, last ${short(lastAt)}${regressed ? ", it came back" : ""}`,
  ];
  const why = whyOf(group);
  if (why !== "" && why !== job?.id) lines.push(`  ${why}`);
  if (job !== null) lines.push(`  job ${job.id}${job.endedAt === null ? "" : `, over since ${short(job.endedAt)}`}`);
  const newest = samples.at(-1);
  if (newest !== undefined) lines.push("", ...newest.text.split("\n").map((line) => `  | ${line}`));
  return plain(lines.join("\n"));
}
