/** A job as text: what the form shows of it, and what somebody has from elsewhere. */
import type { Body } from "./draft.ts";

const HIDDEN = "…";

/** As JSON, without what is secret. */
export function jsonOf(job: Body): string {
  return JSON.stringify("githubToken" in job ? { ...job, githubToken: HIDDEN } : job, null, 2);
}

/** A line for a terminal that puts the job in; the token is named and not told. */
export function curlOf(job: Body, server: string): string {
  const body = jsonOf(job).replaceAll("'", String.raw`'\''`);
  return [
    `curl -X POST ${server}/enqueue \\`,
    `  -H "Authorization: Bearer $INTERNAL_API_TOKEN" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${body}'`,
  ].join("\n");
}

/** The job in a line of curl or in JSON. @throws Error that says what cannot be understood */
export function readPasted(text: string): Body {
  const trimmed = text.trim();
  if (trimmed === "") throw new Error("Nothing was pasted.");
  const isCurl = /^(\$\s+)?curl\s/.test(trimmed);
  const found = parse(isCurl ? bodyOfCurl(trimmed.replace(/^\$\s+/, "")) : trimmed);
  if (typeof found !== "object" || found === null || Array.isArray(found))
    throw new Error("That is JSON, and no object.");
  const { jobs } = found as { readonly jobs?: unknown };
  if (jobs === undefined) return found as Body;
  if (!Array.isArray(jobs) || jobs.length !== 1) throw new Error("These are several jobs; the form takes one.");
  return jobs[0] as Body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Error(`That is no JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

const DATA = /^(?:-d|--data|--data-raw|--data-binary|--data-ascii|--json)(?:=(.*))?$/s;

function bodyOfCurl(line: string): string {
  const words = shellWords(line);
  for (const [place, word] of words.entries()) {
    const long = DATA.exec(word);
    const given = long === null ? (/^-d(.+)$/s.exec(word)?.[1] ?? null) : (long[1] ?? words[place + 1] ?? "");
    if (given === null) continue;
    if (given.startsWith("@")) throw new Error(`The body is in the file ${given.slice(1)}; paste what is in it.`);
    return given;
  }
  throw new Error("This curl sends no body; -d is missing.");
}

/** The words of a line as a shell reads them; what it would put in for variables stays as it is written. */
export function shellWords(line: string): readonly string[] {
  const words: string[] = [];
  const part = /\s+|\\\r?\n|'([^']*)'|\$'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\])/gsy;
  let word: string | null = null;
  let end = 0;
  for (const match of line.matchAll(part)) {
    const [all, single, dollar, double, escaped, plain] = match;
    end = match.index + all.length;
    const piece =
      single ??
      escapes(dollar) ??
      double?.replace(/\\(["\\$`]|\r?\n)/g, (_, sign: string) => (/\n/.test(sign) ? "" : sign)) ??
      escaped ??
      plain;
    if (piece !== undefined) word = (word ?? "") + piece;
    else if (!all.startsWith("\\") && word !== null) {
      words.push(word);
      word = null;
    }
  }
  if (end < line.length) throw new Error("A quote in this line does not end.");
  return word === null ? words : [...words, word];
}

const SIGNS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** What `$'…'` stands for; browsers copy requests like that. */
function escapes(text: string | undefined): string | undefined {
  return text?.replace(
    /\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(.))/gis,
    (_, long?: string, short?: string, sign?: string) => {
      const code = long ?? short;
      return code === undefined ? (SIGNS[sign ?? ""] ?? sign ?? "") : String.fromCharCode(Number.parseInt(code, 16));
    },
  );
}
