/**
 * The dispatcher's own clock in a simulated dispatcher: the real calendar, planning and compiling of jobs, for schedules
 * that stand in its `hive.yaml`. Each life of each dispatcher has one, and only the queen's may do anything.
 */

import { type Command, type CommandOf, type CommandType, OVERLAPS, type Replies } from "@hive/core";
import type { ScheduleSpec } from "@hive/protocol";
import type { Committer } from "../../apps/dispatcher/src/queue/committer.ts";
import { createScheduleClock } from "../../apps/dispatcher/src/schedules/schedule-clock.ts";
import { policy } from "../../apps/dispatcher/src/schedules/schedules.fixture.ts";
import { createSchedules } from "../../apps/dispatcher/src/schedules/schedules.ts";
import type { Program } from "./program.ts";
import { STEP_MS } from "./rules.ts";
import type { World } from "./world.ts";

/** The schedules of the file: of each overlap in turn, until the trouble is over. */
export function fileSchedules({ scenario, time }: World): Readonly<Record<string, ScheduleSpec>> {
  const end = new Date(time.wall() + scenario.troubleMs - time.now).toISOString().replace(/\.\d+Z$/, "Z");
  const specs = Array.from({ length: scenario.fileSchedules ?? 0 }, (_, n): [string, ScheduleSpec] => {
    const overlap = OVERLAPS[n % OVERLAPS.length] ?? "skip";
    const job = { repo: "https://example.com/a/b", task: "test" } as const;
    return [`${overlap.replace("_", "-")}-${100 + n}`, { every: `${STEP_MS / 1_000}s`, overlap, limits: { end }, job }];
  });
  return Object.fromEntries(specs);
}

export interface FileSchedulesOptions {
  readonly world: World;
  readonly program: Program;
  readonly queue: Committer;
  readonly onTrouble: (message: string, error: unknown) => void;
}

/** Begins to keep the clock of this dispatcher, as long as it lives. */
export function keepFileSchedules({ world, program, queue, onTrouble }: FileSchedulesOptions): void {
  const { fromFile } = world.clocks;
  if (Object.keys(fromFile).length === 0) return;
  const noting = {
    submit<T extends CommandType>(command: CommandOf<T>): Promise<Replies[T]> {
      const any: Command = command;
      if (any.type === "fireSchedule") {
        for (const planned of any.slots) if ("jobs" in planned) world.clocks.note(planned.jobs[0]);
      }
      return queue.submit(command);
    },
    read: queue.read.bind(queue),
    documents: queue.documents,
    onEffect: queue.onEffect.bind(queue),
    onReadiness: queue.onReadiness.bind(queue),
    readiness: queue.readiness.bind(queue),
  };
  const schedules = createSchedules({ queue: noting, clock: program, policy });
  createScheduleClock({ queue: noting, clock: program, policy, schedules, fromFile, onTrouble }).start();
}
