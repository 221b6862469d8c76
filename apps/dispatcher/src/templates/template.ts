/**
 * Templates of the operator: Liquid with everything taken away that reaches beyond the values a template is given. No
 * files, no other templates, no properties but those that the values themselves have, and limits on time, steps and
 * size. A value is put in as it is and never read as a template again, so text from outside cannot become one. Only
 * operators write templates; the values may be hostile.
 */

import { Liquid, LiquidError, type Template as Parsed } from "liquidjs";

/** What a template may be made of: JSON and nothing else, so that no value can have a method. */
export type TemplateValue =
  | string
  | number
  | boolean
  | null
  | readonly TemplateValue[]
  | { readonly [name: string]: TemplateValue };
export type TemplateValues = Readonly<Record<string, TemplateValue>>;

export interface TemplateOptions {
  /** The names a template may use; another one is refused when it is compiled. Default: any. */
  readonly names?: readonly string[];
  /** The time zone `date` speaks in where the template names none. Default: UTC. */
  readonly timezone?: string;
}

/** A template that was read without fault. */
export interface Template {
  /** @throws TemplateError, naming the place and the value that is missing or wrong */
  render(values: TemplateValues): string;
}

/** A template that cannot be read or filled in. The message names line and column and is for people. */
export class TemplateError extends Error {
  /** Counts from 1. */
  readonly line: number;
  readonly column: number;

  constructor(message: string, place: { readonly line: number; readonly column: number }, options?: ErrorOptions) {
    super(`line ${place.line}, column ${place.column}: ${message}`, options);
    this.name = "TemplateError";
    this.line = place.line;
    this.column = place.column;
  }
}

/** Characters a template may have, and characters that may come of one: what a job's instructions may be. */
const LONGEST_TEMPLATE = 65_536;
const LONGEST_TEXT = 262_144;
/** Milliseconds, steps and (as liquidjs counts them) units of memory that one rendering may take. */
const RENDER_MS = 250;
const MOST_STEPS = 5_000;
const MOST_MEMORY = 4_000_000;

const TAGS: ReadonlySet<string> = new Set([
  ...["assign", "capture", "case", "comment", "raw", "#", "echo"],
  ...["for", "break", "continue", "if", "unless"],
]);

/**
 * Filters that a template does without. Those with `exp` read a value as a piece of a template; those that decode give
 * back what cleaning took out of a text; `sample` gives something else each time.
 */
const NO_FILTERS = [
  ...["where_exp", "reject_exp", "group_by_exp", "has_exp", "find_exp", "find_index_exp"],
  ...["base64_decode", "url_decode", "sample"],
];

/**
 * Reads a template.
 * @throws TemplateError, naming the place and what is wrong there
 */
export function compileTemplate(text: string, options: TemplateOptions = {}): Template {
  if (text.length > LONGEST_TEMPLATE) {
    const message = `a template may have ${LONGEST_TEMPLATE} characters, not ${text.length}`;
    throw new TemplateError(message, { line: 1, column: 1 });
  }
  const engine = lockedEngine(options.timezone ?? "UTC");
  const parsed = told(() => engine.parse(text));
  if (options.names !== undefined) refuseUnknown(engine, parsed, options.names);
  return {
    render(values) {
      const limits = { templateLimit: MOST_STEPS, renderLimit: RENDER_MS, memoryLimit: MOST_MEMORY };
      const rendered: unknown = told(() => engine.renderSync(parsed, { ...values }, { sync: true, ...limits }));
      const filled = String(rendered);
      if (filled.length <= LONGEST_TEXT) return filled;
      const message = `it comes to ${filled.length} characters; at most ${LONGEST_TEXT} are taken`;
      throw new TemplateError(message, { line: 1, column: 1 });
    },
  };
}

function lockedEngine(timezone: string): Liquid {
  const engine = new Liquid({
    ownPropertyOnly: true,
    strictVariables: true,
    strictFilters: true,
    // `{% if field %}` and `| default:` are how a template asks whether something is there.
    lenientIf: true,
    relativeReference: false,
    dynamicPartials: false,
    // Nothing is ever looked up on a disk.
    templates: {},
    timezoneOffset: timezone,
    locale: "en-US",
    parseLimit: LONGEST_TEMPLATE,
  });
  for (const name of Object.keys(engine.tags)) if (!TAGS.has(name)) Reflect.deleteProperty(engine.tags, name);
  for (const name of NO_FILTERS) Reflect.deleteProperty(engine.filters, name);
  speakOfDays(engine);
  return engine;
}

/** Lets `date` know `%F` and `%T`, which everybody uses and liquidjs does not know. */
function speakOfDays(engine: Liquid): void {
  const own = engine.filters["date"];
  if (typeof own !== "function") throw new Error("liquidjs has no filter date");
  engine.registerFilter("date", function (value: unknown, format: unknown, ...rest: unknown[]): unknown {
    const long = typeof format === "string" ? format.replaceAll("%F", "%Y-%m-%d").replaceAll("%T", "%H:%M:%S") : format;
    return own.call(this, value, long, ...rest);
  });
}

function refuseUnknown(engine: Liquid, parsed: Parsed[], names: readonly string[]): void {
  const { globals } = told(() => engine.analyzeSync(parsed, { partials: false }));
  for (const [name, uses] of Object.entries(globals)) {
    if (names.includes(name)) continue;
    const place = uses[0]?.location;
    const message = `there is no value "${name}"; a template here may use ${names.join(", ")}`;
    throw new TemplateError(message, { line: place?.row ?? 1, column: place?.col ?? 1 });
  }
}

/** What liquidjs throws, as an error that names the place. */
function told<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof TemplateError || !(error instanceof Error)) throw error;
    throw new TemplateError(plainly(error), placeOf(error), { cause: error });
  }
}

function placeOf(error: Error): { readonly line: number; readonly column: number } {
  if (!LiquidError.is(error)) return { line: 1, column: 1 };
  const [line, column] = error.token.getPosition();
  return { line: line ?? 1, column: column ?? 1 };
}

/** Without liquidjs' own place, which is said in front already. */
function plainly(error: Error): string {
  const original = LiquidError.is(error) ? (error.originalError ?? error) : error;
  return original.message.replace(/, line:\d+, col:\d+$/, "");
}
