import type { Pool } from "@hive/protocol";

type Tone = "good" | "info" | "warn" | "bad" | "soft";

const GROUNDS: Readonly<Record<Tone, string>> = {
  good: "bg-good-ground text-good",
  info: "bg-info-ground text-info",
  warn: "bg-warn-ground text-warn",
  bad: "bg-bad-ground text-bad",
  soft: "bg-raised text-soft",
};

/** In words, what it looks like, and what a person can do. */
const STATES: Readonly<Record<Pool["state"], readonly [string, Tone, string]>> = {
  ok: ["in order", "good", "Nothing is in its way."],
  starting_up: ["starting up", "info", "The server looks which workers an earlier start of it left."],
  building_image: ["building its image", "info", "Its first worker comes when the image is built; jobs wait."],
  backing_off: ["boots fail", "bad", "Workers end before they register. It waits longer from try to try."],
  image_missing: ["image missing", "bad", "Build or pull the image; then workers start by themselves."],
  engine_unreachable: [
    "Docker does not answer",
    "bad",
    "Workers that run go on; new ones start when it answers again.",
  ],
  paused: ["paused", "warn", "It takes no jobs. Its workers finish those they have."],
  outside_hours: ["outside its hours", "warn", "It takes no jobs now. Its workers finish those they have."],
  removed: ["removed", "soft", "The settings name it no more. Its workers finish the jobs they have."],
};

export function PoolBadge({ state }: { readonly state: Pool["state"] }) {
  const [words, tone] = STATES[state];
  return (
    <span className={`rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${GROUNDS[tone]}`}>{words}</span>
  );
}

/** What the state means for jobs. */
export function meaningOf(state: Pool["state"]): string {
  return STATES[state][2];
}
