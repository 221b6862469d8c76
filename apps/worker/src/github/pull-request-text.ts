/**
 * The text of a pull request: what was done, in the agent's words as plain Markdown, and below it what Hive itself found
 * out. Each round of a job (its first run, then one for every follow-up) has a section, which a later attempt of that
 * round replaces; other jobs on the same branch add theirs. The last line is a comment with hashes of the title and of the text above it: what still fits them was
 * written by Hive and may be written again, everything else has become somebody's own.
 */
import { createHash } from "node:crypto";
import type { Usage, VerifyResult } from "@hive/core";
import { cleanLine, escapeMarkdown, tame } from "./tame.ts";

/** What is known of the work when its pull request is written. */
export interface WorkDescription {
  readonly jobId: string;
  /** The job's page. */
  readonly jobUrl: string;
  /** The job's generation: each is a round of the pull request. */
  readonly generation: number;
  /** What was asked for, in one line: the title where the summary gives none. */
  readonly asked: string;
  /** The author's last words; null: there are none. */
  readonly summary: string | null;
  /** Whether the summary's first line may be the title: agents are told so, other tasks are not. */
  readonly summaryTitles: boolean;
  readonly diffStat: { readonly files: number; readonly insertions: number; readonly deletions: number } | null;
  /** What the repository's tests said of the work; null: nobody asked them. */
  readonly tests: Pick<VerifyResult, "state" | "rounds" | "report"> | null;
  /** The files in which the work does not merge into the head of base; null: it does. */
  readonly conflict: { readonly base: string; readonly files: readonly string[] } | null;
  /** The issue it is for, such as `#7`: merging closes it. Null: none. */
  readonly closes: string | null;
  /** Places the job was refused at the way out. */
  readonly blocked: readonly { readonly host: string; readonly port: number }[];
  /** What the job used of models; null: not wanted, or nothing was counted. */
  readonly usage: Usage | null;
}

/** The title and text of a pull request. */
export interface PullRequestText {
  readonly title: string;
  readonly body: string;
}

/** What stands before the title of work whose tests are red. */
export const TESTS_RED = "[tests red] ";

const MOST_TITLE = 100;
const MOST_SUMMARY = 16_000;
const MOST_BODY = 60_000;
const MOST_REPORT = 2_000;
const MOST_LISTED = 10;
const ROUND = /^<!-- hive:round (\S+ \d+) -->$/;
const STATE = "<!-- hive:state -->";
const SEAL = /\n<!-- hive:text ([\w-]{16}) ([\w-]{16}) -->\s*$/;

/** The text of a new pull request. */
export function describeWork(work: WorkDescription): PullRequestText {
  const { title, rest } = readSummary(work);
  return write(signed(title ?? cleanLine(work.asked, MOST_TITLE), work, false), new Map([[roundOf(work), rest]]), work);
}

/**
 * The text an existing pull request should have now. A title or text that people changed is theirs: it stays, except
 * that the sign of red tests before the title comes and goes with the tests. Null: nothing is to be changed.
 */
export function describeAgain(there: PullRequestText, work: WorkDescription): PullRequestText | null {
  const seal = SEAL.exec(normal(there.body));
  const written = normal(there.body).replace(SEAL, "");
  const ownTitle = seal?.[1] === hash(normal(there.title));
  const ownBody = seal?.[2] === hash(normal(written));
  const { title, rest } = readSummary(work);
  const rounds = ownBody ? readRounds(written) : new Map<string, string>();
  // A round that names no title keeps the one there is, and so does the round of another job on the same branch: the
  // title tells of the whole change.
  const isFirst = [...rounds.keys()][0]?.startsWith(`${work.jobId} `) === true;
  const wasRed = there.title.startsWith(TESTS_RED);
  const kept = wasRed ? there.title.slice(TESTS_RED.length) : there.title;
  const wanted = signed(ownTitle && isFirst ? (title ?? kept) : kept, work, wasRed);
  if (!ownBody) return wanted === there.title ? null : { title: wanted, body: there.body };
  rounds.set(roundOf(work), rest);
  const text = write(wanted, rounds, work, ownTitle ? null : (seal?.[1] ?? null));
  return text.title === there.title && normal(text.body) === normal(there.body) ? null : text;
}

/** Whether people changed the text of a pull request that Hive wrote. */
export function isEdited(there: PullRequestText): boolean {
  const seal = SEAL.exec(normal(there.body));
  return seal?.[2] !== hash(normal(normal(there.body).replace(SEAL, "")));
}

/** Names a round in the text's marks: several jobs may work on one branch. */
function roundOf({ jobId, generation }: WorkDescription): string {
  return `${jobId} ${generation}`;
}

/** `wasRed`: whether the title has the sign now; tests that nobody asked take nothing back. */
function signed(title: string, { tests }: WorkDescription, wasRed: boolean): string {
  const isJudged = tests?.state === "passed" || tests?.state === "none";
  return tests?.state === "failed" || (wasRed && !isJudged) ? `${TESTS_RED}${title}` : title;
}

function write(
  title: string,
  rounds: ReadonlyMap<string, string>,
  work: WorkDescription,
  titleSeal: string | null = null,
): PullRequestText {
  const sections = [...rounds].map(([round, text], index) => {
    const head = index === 0 ? "" : `### Round ${index + 1}\n\n`;
    return `<!-- hive:round ${round} -->\n${head}${text}`;
  });
  const foot = `${STATE}\n---\n${stateOf(work)}`;
  // The oldest rounds go first: what is read is what happened last.
  while (sections.length > 1 && sections.join("\n\n").length + foot.length > MOST_BODY) sections.shift();
  const body = `${sections.join("\n\n")}\n\n${foot}`;
  return { title, body: `${body}\n<!-- hive:text ${titleSeal ?? hash(normal(title))} ${hash(normal(body))} -->` };
}

/** The sections of a text that Hive wrote: nothing else in it can look like their marks. */
function readRounds(body: string): Map<string, string> {
  const rounds = new Map<string, string>();
  let current: string | null = null;
  let lines: string[] = [];
  const close = (): void => {
    const text = lines.join("\n").replace(/^### Round \d+\n\n/, "");
    if (current !== null) rounds.set(current, text.trim());
    lines = [];
  };
  for (const line of body.split("\n")) {
    const mark = ROUND.exec(line);
    if (mark === null && line !== STATE) {
      lines.push(line);
      continue;
    }
    close();
    current = mark?.[1] ?? null;
  }
  close();
  return rounds;
}

function stateOf(work: WorkDescription): string {
  const { conflict, blocked, usage, diffStat, closes } = work;
  const lines = [testsLine(work.tests)];
  if (conflict !== null) {
    const base = escapeMarkdown(conflict.base);
    lines.push(`**Does not merge into ${base}**: it changed meanwhile, and ${listed(conflict.files)} conflict.`);
  }
  if (blocked.length > 0) {
    const places = blocked.map(({ host, port }) => (port === 443 ? host : `${host}:${port}`));
    lines.push(`Blocked on the way out: ${listed(places)}.`);
  }
  if (usage !== null) lines.push(costLine(usage));
  const shown = lines.filter((line) => line !== null).map((line) => `- ${line}`);
  const changed =
    diffStat === null
      ? ""
      : `${diffStat.files} ${diffStat.files === 1 ? "file" : "files"} changed, +${diffStat.insertions} −${diffStat.deletions}. `;
  const link = `Made by [Hive job ${escapeMarkdown(work.jobId)}](${encodeURI(work.jobUrl)}).`;
  const fixes = closes === null ? "" : `Fixes ${closes}. `;
  return [...shown, ...(shown.length > 0 ? [""] : []), `${changed}${fixes}${link}`].join("\n");
}

function testsLine(tests: WorkDescription["tests"]): string | null {
  const again =
    tests === null || tests.rounds === 0 ? "" : ` after ${tests.rounds} more ${plural(tests.rounds, "round")}`;
  switch (tests?.state) {
    case undefined:
    case "off":
    case "unchanged":
      return null;
    case "passed":
      return `Tests: green${again}.`;
    case "failed":
      return `**Tests: red**${again}.${quoted(tests.report)}`;
    case "none":
      return "Tests: the repository names none; nothing was checked.";
  }
}

/** The end of a report as a block that shows it as it is. */
function quoted(report: string | null): string {
  const text = (report ?? "")
    .replace(/[^\P{C}\n\t]/gu, "")
    .replace(/`{3,}/g, "``")
    .trim()
    .slice(-MOST_REPORT);
  return text === "" ? "" : `\n\n  \`\`\`text\n${text.replace(/^/gm, "  ")}\n  \`\`\`\n`;
}

function costLine(usage: Usage): string {
  const { calls, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd } = usage;
  const tokens = grouped(inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens);
  const unpriced = usage.unpricedCalls ?? 0;
  const uncertain = usage.uncertainCalls ?? 0;
  const cost = costUsd === null ? "price unknown" : `${costUsd.toFixed(costUsd < 1 ? 4 : 2)} USD`;
  // Exact, or it is said what it is not.
  const without =
    unpriced > 0 && costUsd !== null ? `, without ${unpriced} ${plural(unpriced, "call")} of unknown price` : "";
  const most =
    uncertain > 0 ? `, with ${uncertain} cut-off ${plural(uncertain, "call")} at the most they can have cost` : "";
  return `Cost: ${cost}, ${calls} ${plural(calls, "call")}, ${tokens} tokens${without}${most}.`;
}

/** 1,234,567 */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_LISTED).map((name) => escapeMarkdown(cleanLine(name, 120)));
  return names.length > MOST_LISTED ? `${shown.join(", ")} and ${names.length - MOST_LISTED} more` : shown.join(", ");
}

/** The first line as the title where it reads like one, and what is left for the text. */
function readSummary(work: WorkDescription): { readonly title: string | null; readonly rest: string } {
  const summary = work.summary?.trim() ?? "";
  if (summary === "") return { title: null, rest: "No summary was given." };
  const whole = cut(tame(summary), MOST_SUMMARY);
  if (!work.summaryTitles) return { title: null, rest: whole };
  const [first = "", ...others] = summary.split("\n");
  const bare = first
    .replace(/^[\s#>*_-]+/, "")
    .replace(/^(?:title|summary)\s*:\s*/i, "")
    .replace(/[\s*_:#]+$/, (end) => (end.includes(":") ? ":" : ""));
  const line = bare === "" ? "" : cleanLine(bare, MOST_TITLE + 1);
  // A sentence to somebody ("I have fixed…", "Here is what I did:") is no title.
  const isTitle =
    line !== "" && line.length <= MOST_TITLE && !/:$|^(?:I|I've|I’ve|I'm|We|Here|Done|All|Summary)\b/i.test(line);
  if (!isTitle) return { title: null, rest: whole };
  const rest = cut(tame(others.join("\n")), MOST_SUMMARY);
  return { title: line.replace(/\.$/, ""), rest: rest === "" ? whole : rest };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most).replace(/[\uD800-\uDBFF]$/, "")}\n\n(cut)`;
}

// GitHub's page sends lines with CRLF, also those nobody touched.
function normal(text: string): string {
  return text.replaceAll("\r\n", "\n").trim();
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 16);
}
