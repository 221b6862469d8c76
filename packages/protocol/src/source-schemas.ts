/** Sources on the wire: how each stands, what was delivered to it, and what it found. */

import { GROUP_STAGES, HOLD_REASONS, SEVERITIES } from "@hive/core";
import { z } from "zod";

/** Ids of sources. */
export const sourceIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,47}$/, "must be 1 to 48 of a-z 0-9 - and not begin with -")
  .meta({ example: "prod-alerts" });

/** Ids of groups: what makes their signals the same trouble. */
export const fingerprintSchema = z.string().regex(/^[a-z0-9]{1,64}$/, "must be 1 to 64 of a-z 0-9");

/** Ids of deliveries: the sender's, or the hash of the body. */
export const deliveryIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:=+-]{0,127}$/, "must be 1 to 128 of A-Z a-z 0-9 . _ : = + -");

/** How a source stands. All counts are occurrences since the source was first seen. */
export const sourceSchema = z
  .object({
    id: z.string(),
    type: z.string(),
    trust: z.enum(["untrusted", "trusted"]),
    /** Sources stand in hive.yaml, and only there are they changed. */
    managedBy: z.literal("file"),
    /** Seconds between two polls; null: it is told. */
    everySeconds: z.number().nullable(),
    /** Where its sender posts to, from the server's address; null: it reads by itself. */
    hook: z.string().nullable(),
    funnel: z.object({
      received: z.int(),
      /** Left out by `when`. */
      filtered: z.int(),
      grouped: z.int(),
      /** New groups for which there was no room. */
      overflow: z.int(),
      groups: z.int(),
      held: z.int(),
      jobs: z.int(),
    }),
    /** Its jobs that are not over. */
    open: z.array(z.string()),
    /** Deliveries that are not looked at yet. */
    waiting: z.int(),
    health: z.object({
      /** When it was last read without an error; null: not since this server is the queen. */
      goodAt: z.iso.datetime().nullable(),
      error: z.object({ at: z.iso.datetime(), message: z.string() }).nullable(),
      /** What is not as it should be although it can be read. */
      notice: z.string().nullable(),
      nextPollAt: z.iso.datetime().nullable(),
    }),
  })
  .meta({ id: "Source" });
export type SourceView = z.output<typeof sourceSchema>;

/** A delivery without its content, which is outside text and may hold secrets. */
export const deliverySchema = z
  .object({
    id: z.string(),
    receivedAt: z.iso.datetime(),
    /** `received`: not looked at yet; `failed`: could not be understood. */
    state: z.enum(["received", "processed", "failed"]),
    message: z.string().nullable(),
    bytes: z.int(),
    /** Null while it is not looked at. */
    seen: z.object({ filtered: z.int(), fingerprints: z.array(z.string()) }).nullable(),
    /** How often it was sent, and replayed. */
    times: z.int(),
    replays: z.int(),
  })
  .meta({ id: "Delivery" });
export type DeliveryView = z.output<typeof deliverySchema>;

const sampleSchema = z.object({
  at: z.iso.datetime(),
  text: z.string(),
  fields: z.record(z.string(), z.string()),
  link: z.string().nullable(),
});

/** Signals that are the same trouble. Every text is from outside. */
export const groupSchema = z
  .object({
    source: z.string(),
    fingerprint: z.string(),
    title: z.string(),
    stage: z.enum(GROUP_STAGES),
    severity: z.enum(SEVERITIES),
    firstAt: z.iso.datetime(),
    lastAt: z.iso.datetime(),
    count: z.int(),
    /** For what lasts. */
    firing: z
      .object({ episode: z.string(), since: z.iso.datetime(), state: z.enum(["firing", "resolved"]) })
      .nullable(),
    /** When it is decided again by itself. */
    wakeAt: z.iso.datetime().nullable(),
    hold: z.object({ reason: z.enum(HOLD_REASONS), since: z.iso.datetime(), message: z.string() }).nullable(),
    mute: z
      .object({ by: z.string(), at: z.iso.datetime(), until: z.iso.datetime().nullable(), reason: z.string() })
      .nullable(),
    /** The job it has or had last. */
    job: z.object({ id: z.string(), openedAt: z.iso.datetime(), endedAt: z.iso.datetime().nullable() }).nullable(),
    regressed: z.boolean(),
    samples: z.array(sampleSchema),
  })
  .meta({ id: "Group" });
export type GroupView = z.output<typeof groupSchema>;

/** One occurrence of a dry run, and what would come of it. */
export const dryRunSchema = z.object({
  title: z.string(),
  state: z.enum(["firing", "resolved", "event"]),
  severity: z.enum(SEVERITIES),
  fields: z.record(z.string(), z.string()),
  /** Why it is left out; null: it counts. */
  filtered: z.string().nullable(),
  /** What the fingerprint is made of. */
  identity: z.array(z.string()),
  /** Null where it is left out, or is another round of a job. */
  fingerprint: z.string().nullable(),
  /** In words, as the policy and the groups stand now. */
  decision: z.string(),
  /** Where the group would stand; null: there would be none. */
  stage: z.enum(GROUP_STAGES).nullable(),
});
export type DryRun = z.output<typeof dryRunSchema>;
