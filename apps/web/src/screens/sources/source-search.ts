import type { GroupView } from "@hive/protocol";

export type Stage = GroupView["stage"];
export type SourcePart = "groups" | "held" | "deliveries" | "try";

/** What a group can be, with what that means. */
export const STAGES: Readonly<Record<Stage, string>> = {
  quiet: "not enough yet for a job",
  pending: "fires, and has not done so for long enough",
  due: "a job is to be made",
  held: "a limit is in the way",
  open: "has a job that is not over",
  resolved: "nothing to do",
  muted: "counts, and nothing else",
};

export interface SourceSearch {
  /** Default: groups. */
  readonly part?: SourcePart;
  /** Only groups at this stage. */
  readonly stage?: Stage;
  /** The group that is opened, by its fingerprint. */
  readonly group?: string;
}

/** What an address says of a source's screen; what cannot be read is as if it were not there. */
export function sourceSearch({ part, stage, group }: Readonly<Record<string, unknown>>): SourceSearch {
  const isStage = (value: unknown): value is Stage => typeof value === "string" && Object.hasOwn(STAGES, value);
  const fingerprint = typeof group === "string" || typeof group === "number" ? String(group) : "";
  return {
    ...(part === "groups" || part === "held" || part === "deliveries" || part === "try" ? { part } : {}),
    ...(isStage(stage) ? { stage } : {}),
    ...(/^[a-z0-9]{1,64}$/.test(fingerprint) ? { group: fingerprint } : {}),
  };
}
