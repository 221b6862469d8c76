import type { ScheduleSpec, ScheduleView } from "@hive/protocol";
import { useMutation, type UseMutationResult, useQueryClient } from "@tanstack/react-query";
import { open } from "../../api/call.ts";

export interface ToPut {
  readonly id: string;
  readonly spec: ScheduleSpec;
  /** Only when it is at this one; 0: only when there is none of that id. */
  readonly revision: number;
}

/** Puts settings for what was seen: what somebody else put meanwhile is not written over unseen. */
export function usePutSchedule(
  onDone: (schedule: ScheduleView) => void,
): UseMutationResult<ScheduleView, Error, ToPut> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ id, spec, revision }: ToPut) => {
      const headers = revision === 0 ? { "if-none-match": "*" } : { "if-match": `"${revision}"` };
      const response = await open("putSchedule", { params: { scheduleId: id }, body: spec }, { headers });
      return (await response.json()) as ScheduleView;
    },
    onSuccess: onDone,
    // Also when it was refused: what is there now is what counts.
    onSettled: () =>
      queries.invalidateQueries({
        predicate: ({ queryKey: [name] }) =>
          /^(listSchedules|getSchedule|previewSchedule|scheduleCalendar)$/.test(String(name)),
      }),
  });
}
