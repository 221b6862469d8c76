/**
 * `notify:` in hive.yaml: over which channels people are told of what, and when not. Addresses that are secrets by
 * themselves, passwords and tokens stand in variables or files.
 */

import { CHANNEL_TYPES, channelNameSchema, NOTICE_KINDS } from "@hive/protocol";
import { z } from "zod";
import { secretPlace, type SecretPlace } from "../credentials/repo-rules.ts";
import { isTimeZone } from "../schedules/local-time.ts";

/** More would be a mailing list. */
const MOST_CHANNELS = 32;
const MOST_RECIPIENTS = 20;

const kinds = z.array(z.enum(NOTICE_KINDS)).max(NOTICE_KINDS.length);
const timeOfDay = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'must be a time of the day in quotes, such as "22:00"');

const common = {
  /** What it is told of. */
  on: kinds.min(1).default(["decision", "failed", "pull_request"]),
  /** The zone of `quiet` and `digest`. */
  timezone: z.string().max(64).refine(isTimeZone, "is no time zone; write it like Europe/Berlin").default("UTC"),
  /** Nothing is told in these hours; what comes is gathered and told after them, except the kinds in `urgent`. */
  quiet: z
    .strictObject({ from: timeOfDay, to: timeOfDay, urgent: kinds.default([]) })
    .refine(({ from, to }) => from !== to, "begins and ends at the same time")
    .optional(),
  /** When a summary of what happened since the last one is told. Default: never. */
  digest: timeOfDay.optional(),
};

const mailbox = z.email().max(254);
const hostName = z
  .string()
  .max(253)
  .regex(
    /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.|$))+$|^\[?[0-9A-Fa-f:.]+\]?$/,
    "must be a host name or address",
  );

const emailSchema = z
  .strictObject({
    ...common,
    type: z.literal("email"),
    host: hostName,
    port: z.int().min(1).max(65_535).default(587),
    /** `starttls`: asked for and required. `always`: from the first byte on, as on port 465. `never`: in the clear. */
    tls: z.enum(["starttls", "always", "never"]).optional(),
    user: z.string().min(1).max(256).optional(),
    password: secretPlace.optional(),
    from: mailbox,
    to: z.union([mailbox.transform((one) => [one]), z.array(mailbox).min(1).max(MOST_RECIPIENTS)]),
  })
  .refine(
    ({ user, password }) => (user === undefined) === (password === undefined),
    "needs both user and password, or neither",
  )
  .refine(
    ({ tls, password }) => tls !== "never" || password === undefined,
    "would send a password in the clear: tls must not be never",
  );

const slackSchema = z.strictObject({ ...common, type: z.literal("slack"), url: secretPlace });
const discordSchema = z.strictObject({ ...common, type: z.literal("discord"), url: secretPlace });
const ntfySchema = z.strictObject({
  ...common,
  type: z.literal("ntfy"),
  /** The topic's address. */
  url: secretPlace,
  token: secretPlace.optional(),
});
const webhookSchema = z.strictObject({
  ...common,
  type: z.literal("webhook"),
  url: secretPlace,
  /** `whsec_` keys, separated by commas. Default: the server's. */
  secret: secretPlace.optional(),
});

const oneSchema = z.discriminatedUnion(
  "type",
  [emailSchema, slackSchema, discordSchema, ntfySchema, webhookSchema],
  `type must be ${CHANNEL_TYPES.join(", ")}`,
);

/** The key `notify` of hive.yaml: channels by name. */
export const notifySchema = z
  .record(channelNameSchema, oneSchema)
  .refine((all) => Object.keys(all).length <= MOST_CHANNELS, `has more than ${MOST_CHANNELS} channels`)
  .transform((all) => Object.entries(all).map(([name, channel]) => ({ name, ...channel })));

export type ChannelSettings = z.output<typeof notifySchema>[number];
export type SettingsOf<T extends ChannelSettings["type"]> = Extract<ChannelSettings, { readonly type: T }>;

/** Where the secrets of a channel are. */
export function placesOf(channel: ChannelSettings): readonly SecretPlace[] {
  if (channel.type === "email") return channel.password === undefined ? [] : [channel.password];
  const more = channel.type === "ntfy" ? channel.token : channel.type === "webhook" ? channel.secret : undefined;
  return more === undefined ? [channel.url] : [channel.url, more];
}
