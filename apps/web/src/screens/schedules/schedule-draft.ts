/** What stands in the form of a schedule, and the settings it means. Pure. What the form has no place for stays as it was. */
import type { ScheduleSpec } from "@hive/protocol";
import type { Overlap } from "./overlap-choice.tsx";

export type Kind = "cron" | "every" | "at";

/** Texts as they are typed; empty: not said. */
export interface Draft {
  readonly kind: Kind;
  readonly when: Readonly<Record<Kind, string>>;
  readonly timezone: string;
  readonly gap: "" | "run_after" | "skip";
  readonly repeat: "" | "first" | "both";
  readonly overlap: Overlap | "";
  readonly window: string;
  readonly runs: "" | "none" | "latest" | "all";
  readonly spread: string;
  readonly start: string;
  readonly end: string;
  readonly maxRuns: string;
  readonly startWithin: string;
  readonly pauseAfterFailures: string;
  readonly repo: string;
  readonly task: ScheduleSpec["job"]["task"];
  readonly instructions: string;
  readonly script: string;
  /** All else of the job, as JSON. */
  readonly more: string;
}

export interface Problem {
  readonly path: string;
  readonly message: string;
}
export type Meaning =
  | { readonly ok: true; readonly spec: ScheduleSpec }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export const NEW_DRAFT: Draft = {
  kind: "cron",
  when: { cron: "30 2 * * *", every: "", at: "" },
  timezone: "",
  gap: "",
  repeat: "",
  overlap: "",
  window: "",
  runs: "",
  spread: "",
  start: "",
  end: "",
  maxRuns: "",
  startWithin: "",
  pauseAfterFailures: "",
  repo: "",
  task: "agent",
  instructions: "",
  script: "",
  more: "{}",
};

/** The form of settings that were put. */
export function draftOf(spec: Partial<ScheduleSpec>): Draft {
  const { cron, every, at, dst = {}, catchup = {}, limits = {}, job } = spec;
  const { repo = "", task = "agent", instructions = "", script = "", ...more } = job ?? {};
  const text = (value: number | undefined): string => (value === undefined ? "" : String(value));
  return {
    kind: every !== undefined ? "every" : at !== undefined ? "at" : "cron",
    when: { cron: cron ?? "", every: every ?? "", at: at ?? "" },
    timezone: spec.timezone ?? "",
    gap: dst.gap ?? "",
    repeat: dst.repeat ?? "",
    overlap: spec.overlap ?? "",
    window: catchup.window ?? "",
    runs: catchup.runs ?? "",
    spread: spec.spread ?? "",
    start: limits.start ?? "",
    end: limits.end ?? "",
    maxRuns: text(limits.maxRuns),
    startWithin: limits.startWithin ?? "",
    pauseAfterFailures: text(spec.pauseAfterFailures),
    repo,
    task,
    instructions,
    script,
    more: JSON.stringify(more, null, 2),
  };
}

/** The settings a form means, or why they cannot be read. Whether they will do is the server's to say. */
export function meaningOf(draft: Draft): Meaning {
  const problems: Problem[] = [];
  const whole = (path: string, text: string): number | undefined => {
    if (text.trim() === "") return undefined;
    if (/^\d{1,10}$/.test(text.trim())) return Number(text);
    problems.push({ path, message: "must be a whole number" });
    return undefined;
  };
  let more: Readonly<Record<string, unknown>> = {};
  try {
    const parsed: unknown = JSON.parse(draft.more.trim() === "" ? "{}" : draft.more);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Error("must be an object");
    more = parsed as Readonly<Record<string, unknown>>;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    problems.push({ path: "more", message: `must be JSON such as {"role": "tester"}: ${why}` });
  }
  const { kind, when } = draft;
  const spec = said({
    [kind]: when[kind].trim(),
    timezone: draft.timezone.trim(),
    dst: kind === "cron" ? group({ gap: draft.gap, repeat: draft.repeat }) : undefined,
    overlap: draft.overlap,
    catchup: group({ window: draft.window.trim(), runs: draft.runs }),
    spread: draft.spread.trim(),
    limits: group({
      start: draft.start.trim(),
      end: draft.end.trim(),
      maxRuns: whole("limits.maxRuns", draft.maxRuns),
      startWithin: draft.startWithin.trim(),
    }),
    pauseAfterFailures: whole("pauseAfterFailures", draft.pauseAfterFailures),
    job: {
      ...more,
      ...said({
        repo: draft.repo.trim(),
        task: draft.task,
        instructions: draft.instructions,
        script: draft.task === "script" ? draft.script : undefined,
      }),
    },
  });
  if (problems.length > 0) return { ok: false, problems };
  // Checked by the server, which knows more than the type does.
  return { ok: true, spec: spec as unknown as ScheduleSpec };
}

/** Without what was not said. */
function said(all: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== ""));
}

function group(all: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const kept = said(all);
  return Object.keys(kept).length === 0 ? undefined : kept;
}
