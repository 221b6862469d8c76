/**
 * The instructions of a job that a source's group becomes: the operator's template, filled in with what strangers wrote.
 * The template says what is to be done. Of the signal it gets plain lines and one fenced excerpt, which comes at the
 * end where the template leaves it out; the whole of it is a file beside the repository (`signalFile`).
 */

import { randomBytes } from "node:crypto";
import type { InputFile } from "@hive/core";
import { MOST_INPUT_BYTES } from "@hive/protocol";
import { fenced, LINE_MAX, plainLine } from "../templates/outside-text.ts";
import { compileTemplate, type TemplateValue, type TemplateValues } from "../templates/template.ts";
import type { Subject } from "./messages.ts";

/**
 * When hive.yaml gives none. Its first line is a commit's title where the agent finds no better one: none of a stranger's
 * words.
 */
const DEFAULT_TEMPLATE = `See to what {{ source }} reported ({{ severity }})

Something went wrong that this repository may be the cause of. Find out why, and fix it if the repository is where
it is to be fixed, with a test that shows it. If it is not, change nothing and say what you found.

- Source: {{ source }}
- How bad: {{ severity }}, {{ count }} time(s) since {{ first_at }}, last {{ last_at }}
{%- if regressed %}
- It came back after an earlier job for it was done.
{%- endif %}

{{ excerpt }}
`;

/**
 * Fills the template in for one job. `nonce`: the word in its fence; default: a random one.
 * @throws TemplateError, naming the place and the value that is not there
 */
export type Instructions = (source: string, subject: Subject, nonce?: string) => string;

/** Reads a template; undefined: Hive's own. @throws TemplateError, naming the place and what is wrong there */
export function compileInstructions(template: string | undefined): Instructions {
  const compiled = compileTemplate(template ?? DEFAULT_TEMPLATE);
  return (source, subject, nonce = randomBytes(9).toString("hex")) => {
    const excerpt = excerptOf(subject, nonce);
    const text = compiled.render(valuesOf(source, subject, { excerpt, nonce })).trimEnd();
    return text.includes(excerpt) ? text : `${text}\n\n${excerpt}`;
  };
}

/** All that is known of a signal, as a file of its job's; the older samples are left out where it would be too large. */
export function signalFile(source: string, subject: Subject): InputFile {
  const { firstAt, lastAt, samples, ...rest } = subject;
  const known = { source, ...rest, firstAt: iso(firstAt), lastAt: iso(lastAt) };
  const textOf = (left: Subject["samples"]): string => `${JSON.stringify({ ...known, samples: left }, null, 2)}\n`;
  const fits = (text: string): boolean => Buffer.byteLength(text) <= MOST_INPUT_BYTES;
  const texts = samples.map((_sample, from) => textOf(samples.slice(from)));
  return { name: "signal.json", text: texts.find(fits) ?? textOf([]) };
}

/** The newest sample, under its title. */
function excerptOf({ title, samples }: Subject, nonce: string): string {
  return fenced("signal from outside", `${title}\n\n${samples.at(-1)?.text ?? ""}`.trimEnd(), nonce);
}

/** Beside these, the fields of the newest sample go by their own names: `labels.severity`, and `fields["labels.severity"]`. */
function valuesOf(
  source: string,
  subject: Subject,
  { excerpt, nonce }: { readonly excerpt: string; readonly nonce: string },
): TemplateValues {
  const newest = subject.samples.at(-1);
  const plain = (text: string): string => plainLine(text, nonce);
  // A template that goes through all of them shows their names too.
  const lines = Object.entries(newest?.fields ?? {}).map(([name, value]) => [plain(name), plain(value)] as const);
  const fields = Object.fromEntries(lines);
  return {
    ...nested(fields),
    fields,
    source,
    title: plain(subject.title),
    severity: subject.severity,
    count: subject.count,
    episode: subject.episode,
    first_at: iso(subject.firstAt),
    last_at: iso(subject.lastAt),
    regressed: subject.regressed,
    link: plainLink(newest?.link ?? null),
    excerpt,
  };
}

/** `labels.severity` as a template writes it. */
function nested(fields: Readonly<Record<string, string>>): Record<string, TemplateValue> {
  const values = new Map<string, TemplateValue>();
  const below = new Map<string, Map<string, string>>();
  for (const [name, value] of Object.entries(fields)) {
    const dot = name.indexOf(".");
    if (dot < 0) values.set(name, value);
    else {
      const parent = name.slice(0, dot);
      below.set(parent, (below.get(parent) ?? new Map<string, string>()).set(name.slice(dot + 1), value));
    }
  }
  for (const [parent, children] of below) values.set(parent, Object.fromEntries(children));
  return Object.fromEntries(values);
}

/** An address that is only an address; empty for a longer one, which may say anything. */
function plainLink(link: string | null): string {
  return link !== null && link.length <= LINE_MAX && /^https?:\/\/[!-~]+$/.test(link) && !/[`<>"]/.test(link)
    ? link
    : "";
}

function iso(wall: number): string {
  return new Date(wall).toISOString();
}
