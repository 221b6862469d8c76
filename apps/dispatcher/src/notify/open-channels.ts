/** The channels of hive.yaml with their secrets, which are read once, at the start. */

import { readFileSync } from "node:fs";
import { decodeWebhookSecret } from "@hive/protocol";
import type { SecretPlace } from "../credentials/repo-rules.ts";
import type { Guard } from "../guard/guard.ts";
import type { GuardedClient } from "../guard/request.ts";
import { createDiscord } from "./channels/discord.ts";
import { createEmail } from "./channels/email.ts";
import { createNtfy } from "./channels/ntfy.ts";
import { createSlack } from "./channels/slack.ts";
import { createWebhook } from "./channels/webhook.ts";
import type { Sender } from "./message.ts";
import { type ChannelSettings, placesOf } from "./notify-settings.ts";

export interface ChannelOptions {
  readonly channels: readonly ChannelSettings[];
  readonly guard: Guard;
  readonly client: GuardedClient;
  /** The server's own webhook keys. */
  readonly serverKeys: readonly string[];
  /** A variable of the server's environment. */
  readonly variable: (name: string) => string | undefined;
  readonly wall: () => number;
}

export interface OpenChannel {
  readonly settings: ChannelSettings;
  readonly sender: Sender;
}

/** @throws Error naming every channel whose secret is missing or of the wrong form; no secret is shown */
export function openChannels(options: ChannelOptions): readonly OpenChannel[] {
  const problems: string[] = [];
  const opened = options.channels.map((settings) => {
    const values = placesOf(settings).map((place) => {
      const value = readSecret(place, options.variable);
      if (value === "") problems.push(`notify.${settings.name}: ${nameOf(place)} holds nothing`);
      return value;
    });
    return { settings, sender: senderOf(settings, values, options, problems) };
  });
  if (problems.length > 0) throw new Error(problems.join("; "));
  return opened;
}

function senderOf(
  settings: ChannelSettings,
  values: readonly string[],
  { guard, client, serverKeys, wall }: ChannelOptions,
  problems: string[],
): Sender {
  if (settings.type === "email") return createEmail({ settings, password: values[0] ?? null, guard });
  const [url = "", more] = values;
  const check = guard.checkUrl(url, { what: "callback", trusted: true });
  if (url !== "" && !check.ok) problems.push(`notify.${settings.name}: ${nameOf(settings.url)} holds no http address`);
  const post = { guard, client, wall, secrets: secretsOf(url, more) };
  switch (settings.type) {
    case "slack":
      return createSlack(url, post);
    case "discord":
      return createDiscord(url, post);
    case "ntfy":
      return createNtfy(url, more ?? null, post);
    case "webhook": {
      const keys = more === undefined ? serverKeys : keysOf(more);
      if (!keys.every(isKey)) problems.push(`notify.${settings.name}: secret holds no whsec_ key`);
      return createWebhook(url, keys, post);
    }
  }
}

/** What an answer must not show: the address, the part of it that opens the door, and the token. */
function secretsOf(url: string, more: string | undefined): readonly string[] {
  const parsed = URL.parse(url);
  const rest = parsed === null ? "" : `${parsed.pathname}${parsed.search}`;
  const parts = parsed === null ? [] : parsed.pathname.split("/").filter((part) => part.length >= 12);
  const values = [...(parsed === null ? [] : parsed.searchParams.values())].filter((value) => value.length >= 6);
  return [
    url,
    ...(rest.length >= 12 ? [rest] : []),
    ...parts,
    ...values,
    ...(more === undefined ? [] : [more, ...keysOf(more)]),
  ];
}

function keysOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "");
}

function isKey(key: string): boolean {
  try {
    decodeWebhookSecret(key);
    return true;
  } catch {
    return false;
  }
}

function readSecret(place: SecretPlace, variable: (name: string) => string | undefined): string {
  if ("env" in place) return variable(place.env)?.trim() ?? "";
  try {
    return readFileSync(place.file, "utf8").trim();
  } catch {
    return "";
  }
}

function nameOf(place: SecretPlace): string {
  return "env" in place ? `the variable ${place.env}` : `the file ${place.file}`;
}
