/**
 * What a source says happened, whatever it is: an alert, a new kind of error in a log, an item of a feed, an issue. Every
 * text in it comes from outside: it is shown and quoted, and never decides role, tools, secrets, network or address.
 */

export const SEVERITIES = ["info", "warning", "error", "critical"] as const;
/** From harmless to worst. */
export type Severity = (typeof SEVERITIES)[number];

/** One signal, with every text already cut to its limit and free of control and invisible characters. */
export interface Signal {
  /** 1 to 64 of `[a-z0-9]`: signals of a source with the same one belong to the same group. */
  readonly fingerprint: string;
  /** One line of at most 200 characters. */
  readonly title: string;
  /** `firing` and `resolved` for what lasts (alerts, issues); `event` for what happens (a log line, an item). */
  readonly state: "firing" | "resolved" | "event";
  /**
   * Which time it lasts, such as an alert's `startsAt`; null for events. The same state of the same episode again is a
   * repetition: it counts, and decides nothing.
   */
  readonly episode: string | null;
  readonly severity: Severity;
  /** When it happened, by the sender's clock, wall milliseconds; the server's own where the sender says none. */
  readonly at: number;
  /** How many occurrences this stands for: lines of a log are told in batches. At least 1. */
  readonly count: number;
  /** An old thing changed (an edited feed item): kept as a sample, never opens a job. */
  readonly note: boolean;
  readonly sample: Sample;
}

/** One occurrence as people and agents get to see it. */
export interface Sample {
  readonly at: number;
  /** At most 8 KiB. */
  readonly text: string;
  /** At most 64, each at most 64 characters of name and 1 KiB of value. Rules and mappings look at these. */
  readonly fields: Readonly<Record<string, string>>;
  /** Where to read more, `http:` or `https:` only; null: nowhere. */
  readonly link: string | null;
}

/** How bad it is, as a number: 0 for `info` up to 3 for `critical`. */
export function gravity(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** The worse of two. */
export function worse(a: Severity, b: Severity): Severity {
  return gravity(a) >= gravity(b) ? a : b;
}
