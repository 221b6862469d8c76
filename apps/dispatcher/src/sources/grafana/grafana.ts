/**
 * Grafana's own alerting as a source: like Alertmanager's webhook, with links to dashboards and the values that fired,
 * and signed. Each alert of a message counts by itself, whatever the message as a whole says.
 */

import { hash } from "node:crypto";
import { z } from "zod";
import { secretPlace } from "../../credentials/repo-rules.ts";
import { duration } from "../../duration.ts";
import type { HookRequest, Occurrence, SourceType } from "../contract.ts";
import { jsonBody } from "../json-body.ts";
import { severityOf } from "../severity-words.ts";
import { verifyHmac } from "../verify/hmac.ts";

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/, "must be the name of a header")
  .transform((name) => name.toLowerCase());

const settings = z.strictObject({
  /** The secret of the contact point's HMAC signature. */
  secret: secretPlace,
  /** As in the contact point. Default: `X-Grafana-Alerting-Signature`. */
  header: headerName.default("x-grafana-alerting-signature"),
  /** As in the contact point: then the time is signed too, and old messages are refused. Default: none. */
  timestampHeader: headerName.optional(),
  /** How old a message with a timestamp may be. Default 5m. */
  tolerance: duration({ min: 1_000, max: 86_400_000 }).default(300_000),
});
type GrafanaSettings = z.output<typeof settings>;

const texts = z.record(z.string(), z.string()).default({});
const alertSchema = z.object({
  status: z.enum(["firing", "resolved"]),
  labels: texts,
  annotations: texts,
  startsAt: z.string(),
  endsAt: z.string().nullish(),
  generatorURL: z.string().nullish(),
  fingerprint: z.string().nullish(),
  dashboardURL: z.string().nullish(),
  panelURL: z.string().nullish(),
  values: z.record(z.string(), z.number().nullable()).nullish(),
});
type GrafanaAlert = z.output<typeof alertSchema>;
const messageSchema = z.object({
  alerts: z.array(alertSchema).max(1_000),
  receiver: z.string().nullish(),
  orgId: z.number().nullish(),
});

/** See docs/sources.md. */
export const grafanaType: SourceType<GrafanaSettings> = {
  name: "grafana",
  schema: settings,
  fields: () => ({ texts: ["status", "fingerprint", "receiver", "org"], maps: ["labels", "annotations", "values"] }),
  secrets: ({ secret }) => [secret],
  hook: {
    verify({ secret: place, header, timestampHeader, tolerance }, request, secret) {
      const stamped = timestampHeader === undefined ? {} : { timestampHeader };
      const signed = timestampHeader === undefined ? "body" : "timestamp:body";
      verifyHmac(
        { secret: place, header, prefix: "", encoding: "hex", signed, tolerance, ...stamped },
        request,
        secret,
      );
    },
    // Grafana names none. The same message again is the same body.
    deliveryId: () => null,
    keptHeaders: [],
    read: (_own, request) => readGrafana(request),
  },
};

function readGrafana(request: HookRequest): readonly Occurrence[] {
  const message = readMessage(request);
  return message.alerts.map((alert) => {
    const { labels, annotations } = alert;
    const name = labels["alertname"] ?? "Grafana alert";
    const identity =
      alert.fingerprint ?? JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    // Texts of labels begin alike.
    const mark = alert.fingerprint ?? hash("sha256", identity, "hex");
    return {
      identity: [identity],
      title: annotations["summary"] ?? name,
      text: textOf(alert, name),
      state: alert.status,
      // Alerts that began at the same look are told apart: the end of one is not that of all in their group.
      episode: `${alert.startsAt} ${mark.slice(0, 8)}`,
      severity: severityOf(labels["severity"] ?? ""),
      at: readTime(alert.status === "resolved" ? alert.endsAt : alert.startsAt),
      count: 1,
      note: false,
      link: alert.panelURL || alert.dashboardURL || alert.generatorURL || null,
      fields: {
        status: alert.status,
        fingerprint: identity,
        ...(message.receiver == null ? {} : { receiver: message.receiver }),
        ...(message.orgId == null ? {} : { org: String(message.orgId) }),
        ...prefixed("labels", labels),
        ...prefixed("annotations", annotations),
        ...prefixed("values", valuesOf(alert)),
      },
    };
  });
}

function readMessage(request: HookRequest): z.output<typeof messageSchema> {
  const parsed = messageSchema.safeParse(jsonBody(request));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`This is no message of Grafana's alerting: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

function textOf(alert: GrafanaAlert, name: string): string {
  const listed = (of: Readonly<Record<string, string>>): string[] =>
    Object.entries(of).map(([key, value]) => `${key}: ${value}`);
  return [name, ...listed(alert.annotations), ...listed(alert.labels), ...listed(valuesOf(alert))].join("\n");
}

function valuesOf({ values }: GrafanaAlert): Record<string, string> {
  return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, String(value)]));
}

function prefixed(map: string, values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${map}.${name}`, value]));
}

function readTime(at: string | null | undefined): number | null {
  const time = Date.parse(at ?? "");
  // Alertmanager's and Grafana's way to say "not yet" is the year 1.
  return Number.isNaN(time) || time <= 0 ? null : time;
}
