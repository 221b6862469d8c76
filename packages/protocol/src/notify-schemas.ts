/** What people are told where they are, and over which channels. See `docs/notifications.md`. */

import { z } from "zod";

/**
 * What a channel may be told of. `decision`: a job waits for a person or a setting. `pull_request`: a job succeeded and
 * its pull request is there. `source`, `schedule`, `pool`, `callback`: something of these is in trouble.
 */
export const NOTICE_KINDS = [
  "decision",
  "failed",
  "succeeded",
  "pull_request",
  "source",
  "schedule",
  "pool",
  "callback",
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

export const CHANNEL_TYPES = ["email", "slack", "discord", "ntfy", "webhook"] as const;
export type ChannelType = (typeof CHANNEL_TYPES)[number];

/** The name of a channel in hive.yaml. */
export const channelNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "must be 1 to 32 of a-z 0-9 - and begin with a letter or digit");

const clockTime = z.string();

/** A channel as it stands; its address and its secrets are never part of it. Instants are milliseconds since 1970. */
export const channelSchema = z
  .object({
    name: z.string(),
    type: z.enum(CHANNEL_TYPES),
    on: z.array(z.enum(NOTICE_KINDS)),
    timezone: z.string(),
    /** Times of the day in that zone. */
    quiet: z.object({ from: clockTime, to: clockTime, urgent: z.array(z.enum(NOTICE_KINDS)) }).nullable(),
    /** When the digest comes; null: it does not. */
    digest: clockTime.nullable(),
    /** Notices gathered and not told yet. */
    waiting: z.int(),
    /** When the last message was taken, since this server began to tell. */
    toldAt: z.number().nullable(),
    /** What went wrong last; null once a message was taken again. */
    lastError: z.object({ at: z.number(), message: z.string() }).nullable(),
    /** The end of quiet hours that have begun; null: it is not quiet. */
    quietUntil: z.number().nullable(),
    /** When it tells or tries again; null: nothing waits. */
    nextAt: z.number().nullable(),
  })
  .meta({ id: "NotifyChannel" });
export type NotifyChannel = z.infer<typeof channelSchema>;

/** What came of a test message. */
export const channelTestSchema = z
  .object({
    /** Whether the other side took it. */
    ok: z.boolean(),
    /** Its answer, or what went wrong, in words; cut, without secrets. */
    said: z.string(),
    /** Milliseconds it took. */
    ms: z.number(),
  })
  .meta({ id: "NotifyTest" });
export type ChannelTest = z.infer<typeof channelTestSchema>;
