/**
 * From what a type understood to what the queue counts: the condition, the fingerprint, every text cut and cleaned. Pure.
 * After this nothing about a signal is larger or stranger than `Signal` says.
 */

import { hash } from "node:crypto";
import type { Sample, Severity, Signal } from "@hive/core";
import { cleanLine, cleanText, cutLine, cutText } from "./clean-text.ts";
import type { Condition } from "./condition.ts";
import type { Occurrence } from "./contract.ts";

const TITLE_MAX = 200;
const EPISODE_MAX = 128;
const TEXT_BYTES = 8_192;
const FIELDS_MAX = 64;
const FIELD_NAME_MAX = 64;
const FIELD_VALUE_BYTES = 1_024;
/** All values together: 200 signals must fit into one answer of the intake process. */
const FIELDS_BYTES = 16_384;
const LINK_MAX = 2_048;

/** What of a source's settings decides about its signals. */
export interface SignalSettings {
  readonly id: string;
  readonly when: Condition | null;
  /** Names of fields; null: what the type says. */
  readonly groupBy: readonly string[] | null;
  /** For occurrences that say none. */
  readonly severity: Severity;
}

/** Why an occurrence counts or not: for the dry run. */
export interface Judged {
  readonly occurrence: Occurrence;
  /** Null: it is left out. */
  readonly signal: Signal | null;
  /** Why it is left out; null: it is not. */
  readonly why: string | null;
  /** What it says is over, of one that is left out: its beginning may have counted. Null: it says no such thing. */
  readonly ending: Signal | null;
  /** What the fingerprint is made of. */
  readonly identity: readonly string[];
}

/** Judges one occurrence. `now`: wall milliseconds, for those without a time of their own and for clocks that are ahead. */
export function judge(occurrence: Occurrence, settings: SignalSettings, now: number): Judged {
  const severity = occurrence.severity ?? settings.severity;
  const identity =
    settings.groupBy === null
      ? occurrence.identity
      : settings.groupBy.map((name) => (name === "title" ? occurrence.title : (occurrence.fields[name] ?? "")));
  const why = settings.when === null ? null : settings.when.refuses({ ...occurrence, severity });
  const decided = { identity, severity, id: settings.id, now };
  if (why === null) return { occurrence, signal: makeSignal(occurrence, decided), why, ending: null, identity };
  const ending = occurrence.state === "resolved" ? makeSignal(occurrence, decided) : null;
  return { occurrence, signal: null, why, ending, identity };
}

interface Decided {
  readonly id: string;
  readonly identity: readonly string[];
  readonly severity: Severity;
  readonly now: number;
}

function makeSignal(occurrence: Occurrence, { id, identity, severity, now }: Decided): Signal {
  const at = occurrence.at !== null && occurrence.at > 0 && occurrence.at <= now ? Math.trunc(occurrence.at) : now;
  const title = cutLine(cleanLine(occurrence.title), TITLE_MAX);
  return {
    fingerprint: fingerprint(id, identity),
    title: title === "" ? "(no title)" : title,
    state: occurrence.state,
    episode: occurrence.episode === null ? null : cutLine(cleanLine(occurrence.episode), EPISODE_MAX),
    severity,
    at,
    count: Math.max(1, Math.trunc(occurrence.count)),
    note: occurrence.note,
    sample: sampleOf(occurrence, at),
  };
}

/** The source is a part of it: two sources that say the same are two groups. */
function fingerprint(id: string, identity: readonly string[]): string {
  return hash("sha256", JSON.stringify([id, ...identity.map((part) => part.toWellFormed())]), "hex");
}

function sampleOf({ text, fields, link }: Occurrence, at: number): Sample {
  return { at, text: cutText(cleanText(text), TEXT_BYTES), fields: cleanFields(fields), link: safeLink(link) };
}

/** The first that fit, in the order the type gave them. */
function cleanFields(fields: Occurrence["fields"]): Readonly<Record<string, string>> {
  const kept = new Map<string, string>();
  let room = FIELDS_BYTES;
  for (const [name, value] of Object.entries(fields)) {
    if (kept.size === FIELDS_MAX || room <= 0) break;
    const clean = cutText(cleanText(value), FIELD_VALUE_BYTES);
    kept.set(cutLine(cleanLine(name), FIELD_NAME_MAX), clean);
    room -= Buffer.byteLength(clean);
  }
  // Not an assignment by name: one of them may be __proto__.
  return Object.fromEntries(kept);
}

/** Links are clicked by people: nothing but the web, and no password in them. */
function safeLink(link: string | null): string | null {
  if (link === null || link.length > LINK_MAX || !URL.canParse(link)) return null;
  const url = new URL(link);
  const web = url.protocol === "https:" || url.protocol === "http:";
  return web && url.username === "" && url.password === "" ? url.href.slice(0, LINK_MAX) : null;
}
