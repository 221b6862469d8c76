/**
 * Values from a schema, for property tests: `valid` makes what the schema describes, `mutated` changes one thing about
 * it. JSON Schema is the middle step, so every schema of the endpoint list works without a word about it here.
 */

import { hash } from "node:crypto";
import fc from "fast-check";
import { z } from "zod";

interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly format?: string;
}

/** Values the schema describes, as near as JSON Schema says it. */
export function valid(schema: z.ZodType): fc.Arbitrary<unknown> {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema;
  return arbitraryOf(json, json.$defs ?? {});
}

function arbitraryOf(schema: Schema, defs: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  const of = (inner: Schema): fc.Arbitrary<unknown> => arbitraryOf(inner, defs);
  if (schema.$ref !== undefined) return of(defs[schema.$ref.replace("#/$defs/", "")] ?? {});
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches !== undefined) return fc.oneof(...branches.map(of));
  if (schema.allOf !== undefined) return of(Object.assign({}, ...schema.allOf) as Schema);
  switch (schema.type) {
    case "string":
      return stringOf(schema);
    case "integer":
      return fc.integer({ min: Math.max(schema.minimum ?? -1000, -1e9), max: Math.min(schema.maximum ?? 1000, 1e9) });
    case "number":
      return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(of(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, 4),
      });
    case "object":
      return objectOf(schema, of);
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function objectOf(schema: Schema, of: (inner: Schema) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const entries = Object.entries(schema.properties ?? {});
  if (entries.length === 0)
    return fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
  const required = new Set(schema.required ?? []);
  const members = entries.map(([name, inner]) => {
    const likely = LIKELY[name];
    const value =
      likely === undefined
        ? of(inner)
        : fc.oneof({ weight: 4, arbitrary: likely }, { weight: 1, arbitrary: of(inner) });
    // Mostly absent: with two dozen optional fields at once nearly every request would be refused for one of them.
    const member = required.has(name)
      ? value
      : fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
    return member.map((made): [string, unknown] => [name, made]);
  });
  return fc.tuple(...members).map((made) => Object.fromEntries(made.filter(([, value]) => value !== undefined)));
}

/** The job that the server under test has for requests that name one. */
export const KNOWN_JOB = "known-1";

/** And the schedule. */
export const KNOWN_SCHEDULE = "known-schedule";

/** And the source, with a delivery and the group it made. */
export const KNOWN_SOURCE = "known-source";
export const KNOWN_DELIVERY = "known-delivery";
export const KNOWN_TITLE = "known trouble";
/** And the channel that people are told over. */
export const KNOWN_CHANNEL = "known-channel";
const KNOWN_GROUP = hash("sha256", JSON.stringify([KNOWN_SOURCE, KNOWN_TITLE]), "hex");

/** What a schema cannot say: values that get a request past the first check, by the name of their field. */
const LIKELY: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  jobId: fc.constant(KNOWN_JOB),
  channel: fc.constant(KNOWN_CHANNEL),
  task: fc.constantFrom("test", "build", "lint"),
  repo: fc.constantFrom("https://github.com/acme/app", "https://example.com/a/b.git"),
  branch: fc.constantFrom("main", "ci/demo"),
  base: fc.constantFrom("main", "ci/demo"),
  callbackUrl: fc.constant("https://example.com/hook"),
  dependsOn: fc.constantFrom([], [KNOWN_JOB]),
  agent: fc.constantFrom("demo", "claude"),
  cursor: fc.constant(undefined),
  fence: fc.constant(1),
  offset: fc.constant(0),
  protocol: fc.constant(1),
  sha256: fc.constant("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
  log: fc.constant(null),
  scheduleId: fc.constant(KNOWN_SCHEDULE),
  sourceId: fc.constant(KNOWN_SOURCE),
  deliveryId: fc.constant(KNOWN_DELIVERY),
  fingerprint: fc.constant(KNOWN_GROUP),
  body: fc.constantFrom(JSON.stringify({ title: KNOWN_TITLE }), "{"),
  cron: fc.constantFrom("0 3 1 * *", "@monthly"),
  every: fc.constantFrom("6h", "1d"),
  timezone: fc.constantFrom("UTC", "Europe/Berlin"),
};

const SAMPLES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "date-time": fc
    .date({ min: new Date("2020-01-01"), max: new Date("2030-01-01"), noInvalidDate: true })
    .map((date) => date.toISOString()),
  email: fc.constantFrom("a@example.com", "b.c@example.org"),
  base64: fc.base64String({ maxLength: 40 }),
};

function stringOf(schema: Schema): fc.Arbitrary<string> {
  const sample = SAMPLES[schema.format ?? ""];
  if (sample !== undefined) return sample;
  if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern));
  const plain = fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 40, 40) });
  // What such fields usually hold, so that requests also get beyond the first check.
  return fc.oneof(plain, fc.constantFrom("https://github.com/acme/app", "main", "ci/demo", "true"));
}

/** What stands where something else belongs. */
const NASTY: readonly unknown[] = [
  null,
  "",
  0,
  -1,
  1.5,
  Number.MAX_SAFE_INTEGER,
  1e308,
  true,
  [],
  {},
  [[[[[[[[]]]]]]]],
  { __proto__: null, constructor: { prototype: { x: 1 } } },
  "__proto__",
  "x".repeat(10_000),
  "\u0000",
  "\ud800",
  "../../etc/passwd",
  "--upload-pack=x",
  "ext::sh -c id",
  "file:///etc",
  "'; drop table jobs; --",
  "${7*7}{{7*7}}",
  "9999-12-31T23:59:59Z",
  "http://169.254.169.254/",
  "\u202e‮",
];

/** A valid value with one thing changed: a member replaced, left out, or added. */
export function mutated(schema: z.ZodType): fc.Arbitrary<unknown> {
  return fc
    .tuple(valid(schema), fc.nat(), fc.constantFrom(...NASTY), fc.constantFrom("replace", "drop", "add", "whole"))
    .map(([value, at, nasty, how]) => {
      if (how === "whole" || typeof value !== "object" || value === null) return nasty;
      const copy = structuredClone(value) as Record<string, unknown>;
      const places = placesOf(copy);
      const place = places[at % Math.max(1, places.length)];
      if (place === undefined || how === "add") return { ...copy, [`x${at % 7}`]: nasty };
      if (how === "drop") Reflect.deleteProperty(place.holder, place.key);
      else place.holder[place.key] = nasty;
      return copy;
    });
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesOf(value: Record<string, unknown>): Place[] {
  return Object.entries(value).flatMap(([key, inner]) => [
    { holder: value, key },
    ...(typeof inner === "object" && inner !== null ? placesOf(inner as Record<string, unknown>) : []),
  ]);
}
