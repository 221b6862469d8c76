/** Any system that can send JSON: the operator says where in it the title, the state and the rest are. */

import { hash } from "node:crypto";
import type { Severity } from "@hive/core";
import { SEVERITIES } from "@hive/core";
import { z } from "zod";
import { duration } from "../../duration.ts";
import type { HookRequest, Occurrence, SourceType } from "../contract.ts";
import { jsonBody } from "../json-body.ts";
import { severityOf } from "../severity-words.ts";
import { authSchema, secretsOf, verifyAuth } from "../verify/auth.ts";
import { jsonPathSchema, textOf, valueAt, type JsonPath } from "./json-path.ts";

const words = z.array(z.string().max(128)).max(32);

const ownSchema = z.strictObject({
  auth: authSchema,
  /**
   * The sender's id of a delivery, by header. Without one (and without the `webhook-id` of Standard Webhooks) the same
   * body within `repeatWithin` is the same delivery.
   */
  deliveryId: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, "must be the name of a header")
    .transform((name) => name.toLowerCase())
    .optional(),
  /** Default 5m. */
  repeatWithin: duration({ min: 1_000, max: 86_400_000 }).default(300_000),
  /** The list, when a body holds several. Default: the body is one. */
  items: jsonPathSchema.optional(),
  title: jsonPathSchema,
  /** Default: the item as JSON. */
  text: jsonPathSchema.optional(),
  /** What makes two of them the same trouble. Default: the title. */
  identity: z.array(jsonPathSchema).min(1).max(16).optional(),
  /** For what lasts: the words at this path that mean firing and resolved; any other is an event. Default: all are events. */
  state: z
    .strictObject({ path: jsonPathSchema, firing: words.default(["firing"]), resolved: words.default(["resolved"]) })
    .optional(),
  /** Which time it lasts, such as its start. */
  episode: jsonPathSchema.optional(),
  /** Known words (critical, high, warn, …) are understood; `words` says what others mean. */
  severityFrom: z
    .union([
      jsonPathSchema.transform((path) => ({ path, words: {} as Readonly<Record<string, Severity>> })),
      z.strictObject({ path: jsonPathSchema, words: z.record(z.string(), z.enum(SEVERITIES)).default({}) }),
    ])
    .optional(),
  /** ISO 8601, or Unix seconds or milliseconds. */
  at: jsonPathSchema.optional(),
  link: jsonPathSchema.optional(),
  /** Names for `when`, `group.by`, `repoFrom` and the template. */
  fields: z
    .record(z.string().regex(/^[A-Za-z_]\w{0,63}$/, "must be a name: letters, digits, _"), jsonPathSchema)
    .default({}),
});
type Own = z.output<typeof ownSchema>;

/** `type: generic`. */
export const generic: SourceType<Own> = {
  name: "generic",
  schema: ownSchema,
  fields: ({ fields }) => ({ texts: Object.keys(fields), maps: [] }),
  secrets: ({ auth }) => secretsOf(auth),
  hook: {
    verify: ({ auth }, request, secret) => verifyAuth(auth, request, secret),
    deliveryId: (request, own) => idOf(request, own),
    keptHeaders: [],
    read(own, request) {
      const body = jsonBody(request);
      const items = own.items === undefined ? [body] : valueAt(body, own.items);
      if (!Array.isArray(items)) throw new Error(`There is no list at ${shown(own.items ?? [])}`);
      return items.map((item) => occurrenceOf(item, own));
    },
  },
};

function idOf({ headers, body, receivedAt }: HookRequest, own: Own): string {
  const given = headers[own.deliveryId ?? "webhook-id"];
  if (given !== undefined && given !== "") return given;
  // A sender that repeats what was not answered does so soon; the same text a day later is something new.
  return hash("sha256", Buffer.concat([Buffer.from(`${Math.floor(receivedAt / own.repeatWithin)}\n`), body]), "hex");
}

function occurrenceOf(item: unknown, own: Own): Occurrence {
  const title = textOf(valueAt(item, own.title));
  if (title === "") throw new Error(`There is no title at ${shown(own.title)}`);
  const at = (path: JsonPath | undefined): string => (path === undefined ? "" : textOf(valueAt(item, path)));
  const episode = at(own.episode);
  const link = at(own.link);
  return {
    identity: own.identity === undefined ? [title] : own.identity.map((path) => at(path)),
    title,
    text: own.text === undefined ? JSON.stringify(item, null, 2) : at(own.text),
    state: stateOf(item, own),
    episode: episode === "" ? null : episode,
    severity: severityAt(item, own),
    at: instant(at(own.at)),
    count: 1,
    note: false,
    link: link === "" ? null : link,
    fields: Object.fromEntries(Object.entries(own.fields).map(([name, path]) => [name, at(path)])),
  };
}

function stateOf(item: unknown, { state }: Own): Occurrence["state"] {
  if (state === undefined) return "event";
  const word = textOf(valueAt(item, state.path));
  if (state.resolved.includes(word)) return "resolved";
  return state.firing.includes(word) ? "firing" : "event";
}

function severityAt(item: unknown, { severityFrom: from }: Own): Severity | null {
  if (from === undefined) return null;
  const word = textOf(valueAt(item, from.path));
  return (Object.hasOwn(from.words, word) ? from.words[word] : undefined) ?? severityOf(word);
}

function instant(text: string): number | null {
  const number = Number(text);
  if (text !== "" && Number.isFinite(number)) return number < 100_000_000_000 ? number * 1_000 : number;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

function shown(path: JsonPath): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");
}
