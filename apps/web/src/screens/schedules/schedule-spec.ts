/** What the settings of a schedule say, for people. */
import type { ScheduleSpec, ScheduleView } from "@hive/protocol";

/** The settings as they were put. The server checked them then. */
export function specOf({ spec }: Pick<ScheduleView, "spec">): Partial<ScheduleSpec> {
  return spec;
}

/** When it fires: in words where the server has some, else as it was written. */
export function whenWords(schedule: Pick<ScheduleView, "spec" | "words">): string {
  const { cron, every, at, timezone = "UTC" } = specOf(schedule);
  if (schedule.words !== null) return schedule.words;
  return cron === undefined ? (every ?? at ?? "nobody can read its settings") : `${cron} (${timezone})`;
}
