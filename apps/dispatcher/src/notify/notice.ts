/** What is told: which events are worth a person's time, and what is remembered of each until it is told. */

import type { HiveEvent } from "@hive/core";
import type { NoticeKind } from "@hive/protocol";
import { cleanLine, cutLine } from "../sources/clean-text.ts";

/** Characters of one text from outside. */
const QUOTE_CHARS = 300;

/** Text from outside: whatever it says, it is shown as what somebody else said. */
export interface Quote {
  /** Whose words, in ours: `error`, `repository`. */
  readonly label: string;
  readonly text: string;
}

/** Something to tell. */
export interface Notice {
  readonly kind: NoticeKind;
  /** The same again takes the place of the one before. */
  readonly key: string;
  readonly at: number;
  /** The event it came with; null: none did. */
  readonly event: number | null;
  readonly jobId: string | null;
  /** One sentence in our own words; of others' at most a job's id or a name of hive.yaml. */
  readonly headline: string;
  readonly quotes: readonly Quote[];
  /** The pull request's page. */
  readonly link: string | null;
  /** For a decision: why the job was held. */
  readonly reason: string | null;
}

/** Cleaned and cut; null when nothing is left of it. */
export function quote(label: string, text: unknown): readonly Quote[] {
  if (typeof text !== "string") return [];
  const line = cutLine(cleanLine(text), QUOTE_CHARS);
  return line === "" ? [] : [{ label, text: line }];
}

/** A job that waits for a person or a setting. */
export function decision(jobId: string, reason: string, at: number, event: number | null, repo: unknown): Notice {
  return {
    ...{ kind: "decision", key: `decision ${jobId}`, at, event, jobId, link: null, reason },
    headline: `Job ${jobId} ${WAITS[reason] ?? `is held: ${code(reason)}`}`,
    quotes: quote("repository", repo),
  };
}

const WAITS: Readonly<Record<string, string>> = {
  approval: "waits for your approval before it starts",
  publish: "waits for your approval before its work is pushed",
  choice: "waits for you to choose one of its candidates",
  flood: "is held because there are too many like it",
  paused: "is held because its source or pool is paused",
  no_isolation: "is held: nothing isolates its agent on this server",
  no_agent: "is held: this server has no agent for it",
};

/** What an event says to a person, most particular kind first; the first one that a channel listens to is told. */
export function noticesOf({ id, type, at, jobId, data }: HiveEvent): readonly Notice[] {
  const base = { at, event: id, jobId, link: null, reason: null };
  switch (type) {
    case "job.held":
      return jobId === null ? [] : [decision(jobId, String(data["reason"]), at, id, data["repo"])];
    case "job.failed": {
      const { code: errorCode, message } = fields(data["error"]);
      const why = code(errorCode ?? data["reason"]);
      const quotes = [...quote("error", message ?? data["message"]), ...quote("repository", data["repo"])];
      const headline = `Job ${jobId} failed${why === "" ? "" : `: ${why}`}`;
      return [{ ...base, kind: "failed", key: `ended ${jobId}`, headline, quotes }];
    }
    case "job.succeeded": {
      const { pullRequest, summary } = fields(data["result"]);
      const link = pageOf(fields(pullRequest)["url"]);
      const quotes = [...quote("summary", summary), ...quote("repository", data["repo"])];
      const plain = { ...base, key: `ended ${jobId}`, quotes, link };
      return [
        ...(link === null
          ? []
          : [{ ...plain, kind: "pull_request" as const, headline: `Job ${jobId}: its pull request is ready` }]),
        { ...plain, kind: "succeeded", headline: `Job ${jobId} succeeded` },
      ];
    }
    case "group.held":
      return [
        {
          ...base,
          ...{ kind: "source", key: `group ${String(data["source"])} ${String(data["fingerprint"])}` },
          headline: `Source ${name(data["source"])} holds something back`,
          quotes: [...quote("title", data["title"]), ...quote("why", data["message"])],
        },
      ];
    case "source.groups_full":
      return [
        {
          ...base,
          ...{ kind: "source", key: `full ${String(data["source"])}` },
          headline: `Source ${name(data["source"])} has no room for what is new`,
          quotes: quote("why", data["message"]),
        },
      ];
    case "schedule.paused":
      return [
        {
          ...base,
          ...{ kind: "schedule", key: `schedule ${String(data["schedule"])}` },
          headline: `Schedule ${name(data["schedule"])} is paused`,
          quotes: quote("why", data["message"]),
        },
      ];
    case "callback.dead":
      return [
        {
          ...base,
          ...{ kind: "callback", key: `callback ${jobId}` },
          headline: `A callback about job ${jobId} could not be delivered and is not tried again`,
          quotes: [],
        },
      ];
    default:
      return [];
  }
}

/** Something without an event: a pool or a source that is in trouble. */
export function trouble(kind: "pool" | "source", id: string, state: string, message: string, at: number): Notice {
  const what = kind === "pool" ? "Pool" : "Source";
  return {
    ...{ kind, key: `trouble ${kind} ${id}`, at, event: null, jobId: null, link: null, reason: null },
    headline: `${what} ${name(id)} is in trouble: ${code(state)}`,
    quotes: quote("why", message),
  };
}

/** A name of hive.yaml or a stable code; anything that is neither is not repeated. */
function name(value: unknown): string {
  return typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value) ? value : "";
}

/** `exit_code` as people write it. */
function code(value: unknown): string {
  return name(value).replaceAll("_", " ");
}

/** An address that may be a link: plain, and of the web. */
function pageOf(value: unknown): string | null {
  if (typeof value !== "string" || value.length > 500 || !/^https?:\/\/[\w.:/@%~?=&#+-]+$/.test(value)) return null;
  const url = URL.parse(value);
  return url === null || url.username !== "" || url.password !== "" ? null : url.href;
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
