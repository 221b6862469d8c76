import type { ReactNode } from "react";

export type Tone = "plain" | "good" | "bad" | "warn" | "info" | "live";

const TONES: Readonly<Record<Tone, string>> = {
  plain: "bg-raised text-soft",
  good: "bg-good-ground text-good",
  bad: "bg-bad-ground text-bad",
  warn: "bg-warn-ground text-warn",
  info: "bg-info-ground text-info",
  live: "bg-honey text-honey-ink",
};

/** One word about something that is no job. */
export function Tag({ tone = "plain", children }: { readonly tone?: Tone; readonly children: ReactNode }) {
  return (
    <span
      className={`inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${TONES[tone]}`}
    >
      {children}
    </span>
  );
}
