/**
 * What the dispatcher and the intake process tell each other: lines of JSON. The process does the hostile work, so nothing
 * it says is believed further than this file checks: a signal that is larger than signals are is refused like noise.
 */

import { SEVERITIES, type Signal } from "@hive/core";
import { z } from "zod";
import type { FollowUp } from "../sources/contract.ts";

/** What the process is told at its start. */
export const intakeSettingsSchema = z.strictObject({
  /** Sources by id, as hive.yaml has them. */
  sources: z.record(z.string(), z.record(z.string(), z.unknown())),
  /** The secrets that sources use to ask others, by `placeKey`. None of Hive's. */
  secrets: z.record(z.string(), z.string()),
  /** Networks that addresses from outside may lead to although they are private. */
  allowPrivate: z.array(z.string()),
});
export type IntakeSettings = z.output<typeof intakeSettingsSchema>;

/** A delivery on its way to be read. */
const delivered = {
  source: z.string(),
  headers: z.record(z.string(), z.string()),
  /** Base64. */
  body: z.string(),
  receivedAt: z.number(),
  now: z.number(),
};

const subjectSchema = z.object({
  title: z.string(),
  severity: z.enum(SEVERITIES),
  count: z.number(),
  firstAt: z.number(),
  lastAt: z.number(),
  regressed: z.boolean(),
  episode: z.number(),
  samples: z.array(
    z.object({
      at: z.number(),
      text: z.string(),
      fields: z.record(z.string(), z.string()),
      link: z.string().nullable(),
    }),
  ),
});
/** What a group's job is about: what a template gets to see. */
export type Subject = z.output<typeof subjectSchema>;

/** One question; each is answered once, in any order. */
export const askSchema = z.discriminatedUnion("kind", [
  z.object({ id: z.int(), kind: z.literal("read"), ...delivered }),
  z.object({ id: z.int(), kind: z.literal("explain"), ...delivered }),
  z.object({
    id: z.int(),
    kind: z.literal("poll"),
    source: z.string(),
    now: z.number(),
    /** Where to go on; null: the poller of this process knows. */
    stored: z
      .object({ cursor: z.unknown(), memories: z.array(z.tuple([z.string(), z.record(z.string(), z.unknown())])) })
      .nullable(),
  }),
  /** What the last poll found is durable, or was refused. */
  z.object({ id: z.int(), kind: z.literal("polled"), source: z.string(), durable: z.boolean() }),
  z.object({ id: z.int(), kind: z.literal("render"), source: z.string(), subject: subjectSchema }),
]);
export type Ask = z.output<typeof askSchema>;

const fieldsSchema = z.record(z.string(), z.string());
const signalSchema = z.strictObject({
  fingerprint: z.string().regex(/^[a-z0-9]{1,64}$/),
  title: z.string().min(1).max(200),
  state: z.enum(["firing", "resolved", "event"]),
  episode: z.string().max(128).nullable(),
  severity: z.enum(SEVERITIES),
  at: z.number().min(0),
  count: z.int().min(1),
  note: z.boolean(),
  sample: z.strictObject({
    at: z.number().min(0),
    text: z.string().max(8_192),
    fields: fieldsSchema.refine((fields) => Object.keys(fields).length <= 64),
    link: z
      .string()
      .max(2_048)
      .regex(/^https?:/)
      .nullable(),
  }),
}) satisfies z.ZodType<Signal>;

const followUpSchema = z.strictObject({
  place: z.string().max(512),
  branch: z.string().max(256),
  cause: z.string().max(512),
}) satisfies z.ZodType<FollowUp>;

/**
 * What was found: signals; ends that the condition leaves out, which count where what they end was counted; what is another
 * round of a job of Hive's own; and how many occurrences did not count.
 */
const foundSchema = z.object({
  signals: z.array(signalSchema),
  endings: z.array(signalSchema).optional(),
  followUps: z.array(followUpSchema),
  filtered: z.int().min(0),
});
export type Found = z.output<typeof foundSchema>;

/** One occurrence of a dry run. */
const explainedSchema = z.object({
  title: z.string(),
  state: z.enum(["firing", "resolved", "event"]),
  severity: z.enum(SEVERITIES),
  /** Why it is left out; null: it counts. */
  filtered: z.string().nullable(),
  identity: z.array(z.string()),
  fields: fieldsSchema,
  followUp: followUpSchema.nullable(),
  signal: signalSchema.nullable(),
});
export type Explained = z.output<typeof explainedSchema>;

/** The answers, by the kind of the question. */
export const replySchemas = {
  read: foundSchema,
  explain: z.object({ occurrences: z.array(explainedSchema) }),
  poll: foundSchema.extend({
    cursor: z.unknown(),
    memories: z.record(z.string().max(512), z.record(z.string(), z.unknown()).nullable()),
    more: z.boolean(),
    afterMs: z.number().min(0).optional(),
    notice: z.string().max(2_048).optional(),
  }),
  polled: z.object({}),
  render: z.object({ instructions: z.string().max(262_144) }),
} as const;
export type Replies = { readonly [K in keyof typeof replySchemas]: z.output<(typeof replySchemas)[K]> };

/** Around each answer. `unopened`: the poller is to be made from what is stored; `later`: the sender cannot be asked now. */
export const answerSchema = z.union([
  z.object({ id: z.int(), ok: z.literal(true), value: z.unknown() }),
  z.object({
    id: z.int(),
    ok: z.literal(false),
    code: z.enum(["failed", "unopened", "later"]),
    message: z.string().max(4_096),
  }),
]);
export type Answer = z.output<typeof answerSchema>;
