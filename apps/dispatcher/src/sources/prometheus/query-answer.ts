/** What Prometheus answers to an instant query, as the series that fire. Also spoken by Thanos, Mimir, VictoriaMetrics. */

import { z } from "zod";
import type { SourceReply } from "../source-fetch.ts";

/** A series the query gave, with its newest value. */
export interface Series {
  /** Sorted by name; none for a scalar. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
  /** Wall milliseconds, by the clock of Prometheus. */
  readonly at: number;
}

/** What the query says now. */
export interface QueryAnswer {
  readonly firing: readonly Series[];
  /** Series whose value is not a number: nobody knows whether they fire. */
  readonly unknown: readonly Series[];
  /** What Prometheus said is not as it should be; then series may be missing. */
  readonly warnings: readonly string[];
}

/** How much of what Prometheus says about an error is shown. */
const SHOWN = 500;

const sampleSchema = z.tuple([z.number(), z.string()]);
const answerSchema = z.object({
  status: z.literal("success"),
  data: z.discriminatedUnion("resultType", [
    z.object({
      resultType: z.literal("vector"),
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: sampleSchema })),
    }),
    z.object({ resultType: z.literal("scalar"), result: sampleSchema }),
    z.object({ resultType: z.enum(["matrix", "string"]) }),
  ]),
  warnings: z.array(z.string()).optional(),
});
const errorSchema = z.object({ status: z.literal("error"), errorType: z.string(), error: z.string() });

/**
 * Reads the answer. Each series of a vector fires, whatever its value, as in an alerting rule of Prometheus; a scalar
 * fires when it is not 0.
 * @throws an error for people when the query failed, or gives nothing that can fire
 */
export function readAnswer({ status, body }: SourceReply): QueryAnswer {
  const parsed = parseJson(body);
  const error = errorSchema.safeParse(parsed);
  if (error.success) {
    throw new Error(`Prometheus refuses the query (${error.data.errorType}): ${error.data.error.slice(0, SHOWN)}`);
  }
  const answer = answerSchema.safeParse(parsed);
  if (!answer.success) throw new Error(`The answer (${status}) is none of Prometheus's query API. Check the url`);
  const { data, warnings = [] } = answer.data;
  const series = seriesIn(data);
  return {
    firing: series.filter(({ value }) => value !== "NaN"),
    unknown: series.filter(({ value }) => value === "NaN"),
    warnings: warnings.map((warning) => warning.slice(0, SHOWN)),
  };
}

function seriesIn(data: z.infer<typeof answerSchema>["data"]): Series[] {
  switch (data.resultType) {
    case "vector":
      return data.result.map(({ metric, value }) => seriesOf(metric, value));
    case "scalar":
      return [seriesOf({}, data.result)].filter(({ value }) => Number(value) !== 0);
    default:
      throw new Error(`The query gives a ${data.resultType}; write one that gives a vector or a scalar`);
  }
}

function seriesOf(metric: Readonly<Record<string, string>>, [seconds, value]: readonly [number, string]): Series {
  const labels = Object.entries(metric).sort(([one], [other]) => (one < other ? -1 : 1));
  return { labels: Object.fromEntries(labels), value, at: Math.round(seconds * 1000) };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
}
