/**
 * Prometheus Alertmanager's webhook, version 4. One delivery holds many alerts, each with a state of its own: the outer
 * `status` is never believed. What makes two alerts the same trouble is their label set, which Alertmanager's
 * `fingerprint` stands for; which time it lasts is `startsAt`. Unknown keys are taken, for each release adds some.
 */

import { hash } from "node:crypto";
import { z } from "zod";
import type { HookRequest, Occurrence, SourceType } from "../contract.ts";
import { jsonBody } from "../json-body.ts";
import { severityOf } from "../severity-words.ts";
import { authSchema, secretsOf, verifyAuth } from "../verify/auth.ts";

const texts = z.record(z.string(), z.string()).default({});

const alertSchema = z.object({
  status: z.enum(["firing", "resolved"]),
  labels: texts,
  annotations: texts,
  startsAt: z.string().default(""),
  endsAt: z.string().default(""),
  generatorURL: z.string().default(""),
  fingerprint: z.string().default(""),
});
type Alert = z.output<typeof alertSchema>;

const messageSchema = z.object({
  version: z.string().optional(),
  groupKey: z.string().default(""),
  receiver: z.string().default(""),
  truncatedAlerts: z.number().default(0),
  groupLabels: texts,
  externalURL: z.string().default(""),
  alerts: z.array(alertSchema),
});
type Message = z.output<typeof messageSchema>;

const ownSchema = z.strictObject({
  /** What its `http_config` presents. */
  auth: authSchema,
});

/** `type: alertmanager`. */
export const alertmanager: SourceType<z.output<typeof ownSchema>> = {
  name: "alertmanager",
  schema: ownSchema,
  fields: () => ({
    texts: ["fingerprint", "receiver", "groupKey", "startsAt", "truncatedAlerts"],
    maps: ["labels", "annotations", "groupLabels"],
  }),
  secrets: ({ auth }) => secretsOf(auth),
  hook: {
    verify: ({ auth }, request, secret) => verifyAuth(auth, request, secret),
    // It has none: an answer that was lost, and the other half of a pair, send the very same bytes.
    deliveryId: () => null,
    keptHeaders: [],
    read: (_own, request) => readMessage(request),
  },
};

function readMessage(request: HookRequest): readonly Occurrence[] {
  const parsed = messageSchema.safeParse(jsonBody(request));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(
      `This is no message of Alertmanager's webhook: ${issue?.path.join(".") ?? "body"}: ${issue?.message ?? "?"}`,
    );
  }
  return parsed.data.alerts.map((alert) => occurrenceOf(alert, parsed.data));
}

function occurrenceOf(alert: Alert, message: Message): Occurrence {
  const { labels, annotations, status, startsAt, endsAt, generatorURL } = alert;
  const identity = alert.fingerprint === "" ? labelSet(labels) : alert.fingerprint;
  // Texts of labels begin alike.
  const mark = alert.fingerprint === "" ? hash("sha256", identity, "hex") : identity;
  const told = annotations["summary"] ?? annotations["description"] ?? annotations["message"];
  const name = labels["alertname"] ?? "alert";
  return {
    identity: [identity],
    title: told === undefined ? name : `${name}: ${told}`,
    text: textOf(alert, message),
    state: status,
    // Alerts that began at the same look at a rule are told apart: the end of one is not that of all in their group.
    episode: startsAt === "" ? null : `${startsAt} ${mark.slice(0, 8)}`,
    severity: severityOf(labels["severity"] ?? ""),
    at: instant(status === "resolved" ? endsAt : startsAt),
    count: 1,
    note: false,
    link: generatorURL === "" ? null : generatorURL,
    fields: {
      fingerprint: identity,
      receiver: message.receiver,
      groupKey: message.groupKey,
      startsAt,
      ...(message.truncatedAlerts > 0 ? { truncatedAlerts: String(message.truncatedAlerts) } : {}),
      ...prefixed("labels", labels),
      ...prefixed("annotations", annotations),
      ...prefixed("groupLabels", message.groupLabels),
    },
  };
}

function textOf({ status, labels, annotations, startsAt }: Alert, { truncatedAlerts }: Message): string {
  const lines = [
    ...Object.entries(annotations).map(([key, value]) => `${key}: ${value}`),
    `status: ${status} since ${startsAt}`,
    `labels: ${labelSet(labels)}`,
  ];
  if (truncatedAlerts > 0) lines.push(`Alertmanager left out ${truncatedAlerts} further alerts of this message.`);
  return lines.join("\n");
}

function labelSet(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${parts.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(", ")}}`;
}

function prefixed(prefix: string, map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [`${prefix}.${key}`, value]));
}

/** The year 1 is how Go writes "never". */
function instant(text: string): number | null {
  const at = Date.parse(text);
  return Number.isNaN(at) || at <= 0 ? null : at;
}
