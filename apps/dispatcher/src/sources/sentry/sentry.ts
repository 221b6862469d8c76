/**
 * Sentry as a source: issues, alerts on them and metric alerts, as an internal integration sends them. An alert and the
 * later "resolved" of its issue are about the same trouble, so everything goes by the id of the issue.
 */

import { z } from "zod";
import { secretPlace } from "../../credentials/repo-rules.ts";
import type { HookRequest, Occurrence, SourceType } from "../contract.ts";
import { jsonBody } from "../json-body.ts";
import { severityOf } from "../severity-words.ts";
import { verifyHmac } from "../verify/hmac.ts";

const settings = z.strictObject({
  /** The integration's client secret, with which Sentry signs. */
  clientSecret: secretPlace,
});
type SentrySettings = z.output<typeof settings>;

/** Frames of a stack trace that are shown, the innermost first. */
const MOST_FRAMES = 20;
const FIELDS = [
  "resource",
  "action",
  "project",
  "level",
  "platform",
  "culprit",
  "type",
  "value",
  "short_id",
  "status",
  "substatus",
  "rule",
  "issue",
] as const;

const id = z.union([z.string(), z.number()]).transform(String);
const text = z.string().nullish();
const issueSchema = z.object({
  id,
  shortId: text,
  title: z.string(),
  culprit: text,
  level: text,
  platform: text,
  status: text,
  substatus: text,
  firstSeen: text,
  lastSeen: text,
  metadata: z.object({ type: text, value: text, filename: text }).nullish(),
  project: z.object({ slug: text }).nullish(),
  web_url: text,
});
const frameSchema = z.object({ function: text, filename: text, module: text, lineno: z.number().nullish() });
const eventSchema = z.object({
  issue_id: id,
  title: text,
  culprit: text,
  level: text,
  platform: text,
  datetime: text,
  web_url: text,
  message: text,
  metadata: z.object({ type: text, value: text }).nullish(),
  exception: z
    .object({
      values: z.array(
        z.object({
          type: text,
          value: text,
          stacktrace: z.object({ frames: z.array(frameSchema).nullish() }).nullish(),
        }),
      ),
    })
    .nullish(),
});
type SentryEvent = z.output<typeof eventSchema>;
const issueBody = z.object({ action: z.string(), data: z.object({ issue: issueSchema }) });
const alertBody = z.object({
  action: z.string(),
  data: z.object({ event: eventSchema, triggered_rule: text }),
});
const metricBody = z.object({
  action: z.string(),
  data: z.object({
    metric_alert: z.object({ id, alert_rule: z.object({ id, name: text }).nullish(), date_started: text }),
    description_title: text,
    description_text: text,
    web_url: text,
  }),
});

/** See docs/sources.md. */
export const sentryType: SourceType<SentrySettings> = {
  name: "sentry",
  schema: settings,
  fields: () => ({ texts: FIELDS, maps: [] }),
  secrets: ({ clientSecret }) => [clientSecret],
  hook: {
    verify({ clientSecret }, request, secret) {
      const how = { header: "sentry-hook-signature", prefix: "", encoding: "hex", signed: "body" } as const;
      verifyHmac({ ...how, secret: clientSecret, tolerance: 0 }, request, secret);
    },
    deliveryId: ({ headers }) => headers["request-id"] ?? null,
    keptHeaders: ["sentry-hook-resource"],
    read: (_own, request) => readSentry(request),
  },
};

function readSentry(request: HookRequest): readonly Occurrence[] {
  const said = jsonBody(request);
  const resource = request.headers["sentry-hook-resource"] ?? "";
  switch (resource) {
    case "issue":
      return readIssue(understood(issueBody, said, resource));
    case "event_alert":
      return [readAlert(understood(alertBody, said, resource))];
    case "metric_alert":
      return [readMetric(understood(metricBody, said, resource))];
    default:
      // Installations, comments and the like are no trouble.
      return [];
  }
}

function understood<T>(schema: z.ZodType<T>, said: unknown, resource: string): T {
  const parsed = schema.safeParse(said);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`This is no ${resource} of Sentry: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

function readIssue({ action, data: { issue } }: z.output<typeof issueBody>): readonly Occurrence[] {
  const over = action === "resolved" || action === "archived" || action === "ignored";
  // Assigned to somebody: that is no news of the trouble.
  if (!over && action !== "created" && action !== "unresolved") return [];
  const { metadata } = issue;
  const lines = [issue.culprit, metadata?.value === issue.title ? null : metadata?.value, metadata?.filename];
  return [
    {
      ...known(issue.id),
      title: issue.title,
      text: [issue.title, ...lines].filter(isText).join("\n"),
      state: over ? "resolved" : "firing",
      severity: severityOf(issue.level ?? ""),
      at: readTime(over ? null : issue.lastSeen),
      link: issue.web_url ?? null,
      fields: given({
        ...{ resource: "issue", action, issue: issue.id, project: issue.project?.slug, level: issue.level },
        ...{ platform: issue.platform, culprit: issue.culprit, type: metadata?.type, value: metadata?.value },
        ...{ short_id: issue.shortId, status: issue.status, substatus: issue.substatus },
      }),
    },
  ];
}

function readAlert({ action, data: { event, triggered_rule: rule } }: z.output<typeof alertBody>): Occurrence {
  const { metadata } = event;
  const title = event.title ?? event.message ?? `Sentry issue ${event.issue_id}`;
  return {
    ...known(event.issue_id),
    title,
    text: [title, event.culprit, ...traceOf(event)].filter(isText).join("\n"),
    state: "firing",
    severity: severityOf(event.level ?? ""),
    at: readTime(event.datetime),
    link: event.web_url ?? null,
    fields: given({
      ...{ resource: "event_alert", action, issue: event.issue_id, level: event.level, platform: event.platform },
      ...{ culprit: event.culprit, type: metadata?.type, value: metadata?.value, rule },
    }),
  };
}

function readMetric({ action, data }: z.output<typeof metricBody>): Occurrence {
  const { metric_alert: alert, description_title: head, description_text: words } = data;
  const title = head ?? alert.alert_rule?.name ?? `Metric alert ${alert.id}`;
  return {
    ...known(`metric ${alert.alert_rule?.id ?? alert.id}`),
    title,
    text: [title, words].filter(isText).join("\n"),
    state: action === "resolved" ? "resolved" : "firing",
    severity: action === "critical" ? "critical" : action === "warning" ? "warning" : null,
    at: null,
    link: data.web_url ?? null,
    fields: given({ resource: "metric_alert", action, rule: alert.alert_rule?.name }),
  };
}

/** What all that is said of one issue has in common. Sentry tells of no episodes: what is resolved and comes back is the same. */
function known(issue: string): Pick<Occurrence, "identity" | "episode" | "count" | "note"> {
  return { identity: ["sentry", issue], episode: issue, count: 1, note: false };
}

/** Sentry has the innermost frame last. */
function traceOf({ exception }: SentryEvent): string[] {
  return (exception?.values ?? []).flatMap(({ type, value, stacktrace }) => {
    const frames = (stacktrace?.frames ?? []).slice(-MOST_FRAMES).toReversed();
    const lines = frames.map(
      ({ function: name, filename, module, lineno }) =>
        `  at ${name ?? "?"} (${filename ?? module ?? "?"}${lineno == null ? "" : `:${lineno}`})`,
    );
    return [`${type ?? "Error"}: ${value ?? ""}`, ...lines];
  });
}

function readTime(at: string | null | undefined): number | null {
  const time = Date.parse(at ?? "");
  return Number.isNaN(time) ? null : time;
}

function isText(line: string | null | undefined): line is string {
  return line != null && line.trim() !== "";
}

function given(fields: Readonly<Record<string, string | null | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (isText(value) ? [[name, value]] : [])));
}
