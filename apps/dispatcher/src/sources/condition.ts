/**
 * `when` of a source: an expression (CEL) over the fields of an occurrence that says whether it counts. It is compiled
 * and type-checked when the server starts, so that a misspelt field or a comparison of text with a number is found then.
 * A field that an occurrence does not have is the empty text.
 */

import { Environment, type ASTNode } from "@marcbachmann/cel-js";
import type { Severity } from "@hive/core";
import type { FieldNames, Occurrence } from "./contract.ts";

/** Characters an expression may have. */
const MAX_LENGTH = 4_096;
/** So that whoever writes hive.yaml cannot make one that takes seconds for each occurrence. */
const LIMITS = {
  maxAstNodes: 500,
  maxDepth: 32,
  maxListElements: 200,
  maxMapEntries: 50,
  maxCallArguments: 8,
} as const;
/** Beside the type's fields. */
const OWN_TEXTS = ["title", "text", "state", "severity", "link"] as const;

/** An occurrence with the severity it will have. */
export type Judgeable = Occurrence & { readonly severity: Severity };

export interface Condition {
  /** Why this occurrence does not count; null: it does. */
  refuses(occurrence: Judgeable): string | null;
}

export type CompiledCondition =
  | { readonly ok: true; readonly condition: Condition }
  | { readonly ok: false; readonly message: string };

/** Compiles an expression over these fields. */
export function compileCondition(expression: string, fields: FieldNames): CompiledCondition {
  if (expression.length > MAX_LENGTH) return { ok: false, message: `is longer than ${MAX_LENGTH} characters` };
  const environment = new Environment({ limits: LIMITS })
    .registerVariable("count", "int")
    .registerVariable("note", "bool")
    .registerVariable("fields", "map<string, string>");
  const texts = new Set<string>([...OWN_TEXTS, ...fields.texts]);
  const maps = new Set<string>(fields.maps);
  for (const name of texts) if (!maps.has(name)) environment.registerVariable(name, "string");
  for (const name of maps) environment.registerVariable(name, "map<string, string>");
  try {
    const program = environment.parse(expression);
    const checked = program.check();
    if (!checked.valid) return { ok: false, message: firstLine(checked.error) };
    if (checked.type !== "bool") return { ok: false, message: `gives ${checked.type ?? "nothing"}, not true or false` };
    const asked = accesses(program.ast);
    return { ok: true, condition: conditionOf(expression, (values) => program(values), { texts, maps, asked }) };
  } catch (error) {
    return { ok: false, message: firstLine(error) };
  }
}

interface Names {
  readonly texts: ReadonlySet<string>;
  readonly maps: ReadonlySet<string>;
  /** What it asks of maps, by the map's name: those are there, empty, also when the occurrence has none. */
  readonly asked: ReadonlyMap<string, ReadonlySet<string>>;
}

function conditionOf(expression: string, run: (values: Record<string, unknown>) => unknown, names: Names): Condition {
  return {
    refuses(occurrence) {
      try {
        return run(valuesOf(occurrence, names)) === true ? null : `when: ${expression}`;
      } catch (error) {
        return `when: ${firstLine(error)}`;
      }
    },
  };
}

function valuesOf(occurrence: Judgeable, { texts, maps, asked }: Names): Record<string, unknown> {
  const { fields } = occurrence;
  const values: Record<string, unknown> = {};
  for (const name of texts) values[name] = fields[name] ?? "";
  for (const name of maps) values[name] = mapOf(name, fields, asked.get(name));
  const { title, text, state, severity, link, count, note } = occurrence;
  const all = new Map(Object.entries(fields));
  for (const name of asked.get("fields") ?? []) if (!all.has(name)) all.set(name, "");
  return { ...values, title, text, state, severity, link: link ?? "", count: BigInt(count), note, fields: all };
}

/** The fields below a name, such as `severity` of `labels.severity`. */
function mapOf(name: string, fields: Occurrence["fields"], asked: ReadonlySet<string> = new Set()) {
  const below = new Map([...asked].map((key) => [key, ""]));
  const prefix = `${name}.`;
  for (const [key, value] of Object.entries(fields))
    if (key.startsWith(prefix)) below.set(key.slice(prefix.length), value);
  return below;
}

/** Every `map.key` and `map["key"]` of an expression. */
function accesses(ast: ASTNode): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (!isNode(value)) return;
    if (value.op === "." || value.op === "[]") {
      const [on, key] = value.args;
      const name = typeof key === "string" ? key : key.op === "value" ? key.args : null;
      if (on.op === "id" && typeof name === "string") found.set(on.args, (found.get(on.args) ?? new Set()).add(name));
    }
    visit(value.args);
  };
  visit(ast);
  return found;
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}
