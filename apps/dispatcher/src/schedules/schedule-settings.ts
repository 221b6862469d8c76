/**
 * `schedules:` in hive.yaml, by id. What can be judged without the server (the calendar, the templates) is judged here, so
 * that a start lists it with everything else; the rest becomes the record of a slot.
 */

import { scheduleIdSchema, scheduleSpecSchema } from "@hive/protocol";
import { z } from "zod";
import { calendarProblems } from "./compile-schedule.ts";
import { templateProblems } from "./schedule-job.ts";

/** The key `schedules` of hive.yaml. */
export const schedulesSchema = z.record(scheduleIdSchema, scheduleSpecSchema).superRefine((schedules, context) => {
  for (const [id, spec] of Object.entries(schedules)) {
    for (const { path, message } of [...calendarProblems(spec), ...templateProblems(spec.job)]) {
      context.addIssue({ code: "custom", path: [id, path], message });
    }
  }
});
