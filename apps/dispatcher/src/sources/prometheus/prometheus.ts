/**
 * The source type `prometheus`: a query that is asked again and again. Each series it gives is trouble that lasts from the
 * first look that saw it to the first that does not. Only these two moments are told; in between nothing new is known.
 */

import { createHash } from "node:crypto";
import { z } from "zod";
import type { Occurrence, Polled, Poller, PollTools, SourceType } from "../contract.ts";
import { outwardAuthSchema, outwardHeaders, outwardSecrets } from "../outward-auth.ts";
import { severityOf } from "../severity-words.ts";
import { readAnswer, type Series } from "./query-answer.ts";

/** An answer with more bytes is an error: the query is wider than anybody would read. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Changes told at once; the others follow in the next poll, which comes at once. A commit of more would keep others waiting. */
const AT_ONCE = 200;
const TIMEOUT_MS = 30_000;
/** Series that are followed at once; those that fire already come first. */
const MAX_SERIES = 1000;
/** Characters of all labels of a series together; one with more is not followed. */
const MAX_LABELS = 8 * 1024;
/** The longest address that is asked. */
const MAX_URL = 2048;

const prometheusSchema = z
  .strictObject({
    /** Where Prometheus is, such as `http://127.0.0.1:9090`. It may be private: the operator wrote it. */
    url: z.url({ protocol: /^https?$/ }),
    /** In PromQL. What it gives, fires: write the threshold into it, such as `demo_errors > 5`. */
    query: z.string().min(1),
    /** What is called the title of a group, in place of the name and labels of its series. */
    title: z.string().min(1).max(200).optional(),
    auth: outwardAuthSchema.optional(),
  })
  .refine(({ url, query }) => queryUrl(url, query).length <= MAX_URL, {
    path: ["query"],
    message: "is too long for an address. Make a recording rule of it in Prometheus, and ask for that",
  });
type PrometheusSettings = z.infer<typeof prometheusSchema>;

/** What is remembered of a series that fires, under the hash of its labels. */
const firingSchema = z.object({ labels: z.record(z.string(), z.string()), since: z.number() });
type Firing = z.infer<typeof firingSchema>;

/** The source type `prometheus`. */
export const prometheus: SourceType<PrometheusSettings> = {
  name: "prometheus",
  schema: prometheusSchema,
  fields: () => ({ texts: ["value", "query"], maps: ["labels"] }),
  secrets: ({ auth }) => outwardSecrets(auth),
  everyMs: 30_000,
  addresses: ({ url }) => [url],
  open: (own, stored) => openPrometheus(own, stored.memories),
};

function openPrometheus(own: PrometheusSettings, memories: ReadonlyMap<string, object>): Poller {
  const firing = new Map<string, Firing>();
  for (const [key, value] of memories) {
    const known = firingSchema.safeParse(value);
    if (known.success) firing.set(key, known.data);
  }
  let afterCommit = (): void => {};

  const poll = async (tools: PollTools): Promise<Polled> => {
    afterCommit = () => {};
    const reply = await tools.fetch(queryUrl(own.url, own.query), {
      headers: { accept: "application/json", ...outwardHeaders(own.auth, tools.secret) },
      maxBytes: MAX_BYTES,
      timeoutMs: TIMEOUT_MS,
    });
    const answer = readAnswer(reply);
    const { followed, left } = follow(answer.firing, firing);
    const begun = [...followed].filter(([key]) => !firing.has(key));
    // A series of which nothing is known, or that a partial answer may lack, has not ended.
    const unknown = new Set(answer.unknown.map(keyOf));
    const ended = answer.warnings.length > 0 ? [] : [...firing].filter(([key]) => !left.has(key) && !unknown.has(key));
    const gone = ended.filter(([key]) => !followed.has(key));

    const memories: Record<string, Firing | null> = {};
    const occurrences: Occurrence[] = [];
    for (const [key, series] of begun.slice(0, AT_ONCE)) {
      memories[key] = { labels: series.labels, since: series.at };
      occurrences.push(occurrenceOf(own, key, { series, state: "firing", since: series.at }));
    }
    for (const [key, { labels, since }] of gone.slice(0, AT_ONCE - occurrences.length)) {
      memories[key] = null;
      occurrences.push(
        occurrenceOf(own, key, { series: { labels, value: "", at: tools.now }, state: "resolved", since }),
      );
    }
    afterCommit = () => {
      for (const [key, one] of Object.entries(memories)) {
        if (one === null) firing.delete(key);
        else firing.set(key, one);
      }
    };
    const more = occurrences.length < begun.length + gone.length;
    const notice = noticeOf(left.size, unknown.size, answer.warnings);
    return { occurrences, cursor: null, memories, more, ...(notice === "" ? {} : { notice }) };
  };

  return { poll, committed: () => afterCommit(), close: () => {} };
}

function queryUrl(base: string, query: string): string {
  return `${base.replace(/\/+$/, "")}/api/v1/query?query=${encodeURIComponent(query)}`;
}

/** The series that are followed, by key, and the keys of those that are too many or too large. */
function follow(series: readonly Series[], firing: ReadonlyMap<string, Firing>) {
  const keyed = series.map((one) => [keyOf(one), one] as const);
  const known = keyed.filter(([key]) => firing.has(key));
  const fresh = keyed
    .filter(([key, one]) => !firing.has(key) && JSON.stringify(one.labels).length <= MAX_LABELS)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  const followed = new Map([...known, ...fresh].slice(0, MAX_SERIES));
  return { followed, left: new Set(keyed.map(([key]) => key).filter((key) => !followed.has(key))) };
}

function keyOf({ labels }: Series): string {
  return createHash("sha256")
    .update(JSON.stringify(Object.entries(labels)))
    .digest("hex")
    .slice(0, 32);
}

interface Moment {
  readonly series: Series;
  readonly state: "firing" | "resolved";
  /** When it began, by the clock of Prometheus. */
  readonly since: number;
}

function occurrenceOf(own: PrometheusSettings, key: string, { series, state, since }: Moment): Occurrence {
  const { labels, value, at } = series;
  const name = nameOf(labels) || own.query;
  const lines = [
    state === "firing" ? `${name} = ${value}` : `${name} is no longer among what the query gives`,
    `query: ${own.query}`,
    `since: ${new Date(since).toISOString()}`,
  ];
  return {
    identity: [key],
    title: own.title ?? name,
    text: lines.join("\n"),
    state,
    // Series that began at the same look are told apart, so that the end of one is not the end of all in their group.
    episode: `${new Date(since).toISOString()} ${key.slice(0, 8)}`,
    severity: severityOf(labels["severity"] ?? ""),
    at,
    count: 1,
    note: false,
    link: `${own.url.replace(/\/+$/, "")}/graph?g0.expr=${encodeURIComponent(own.query)}&g0.tab=1`,
    fields: {
      ...(value === "" ? {} : { value }),
      query: own.query,
      ...Object.fromEntries(Object.entries(labels).map(([label, text]) => [`labels.${label}`, text])),
    },
  };
}

/** As Prometheus writes it: `demo_errors{instance="a", svc="api"}`. */
function nameOf({ __name__ = "", ...labels }: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
  return pairs.length === 0 ? __name__ : `${__name__}{${pairs.join(", ")}}`;
}

function noticeOf(left: number, unknown: number, warnings: readonly string[]): string {
  const parts = [
    left > 0
      ? `${left} series that fire are not followed: at most ${MAX_SERIES}, each with at most ${MAX_LABELS} characters of labels`
      : "",
    unknown > 0 ? `${unknown} series are NaN: nobody knows whether they fire` : "",
    ...warnings.slice(0, 3).map((warning) => `Prometheus warns: ${warning}`),
  ];
  return parts.filter((part) => part !== "").join("; ");
}
