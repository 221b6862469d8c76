/** What programs do with schedules: the clocks that make jobs. */

import {
  endpoints,
  type ApiClient,
  type SchedulePreview,
  type ScheduleSpec,
  type ScheduleView,
  type SlotView,
} from "@hive/protocol";

/** What a slot does while a job of an earlier one is not over. */
type Overlap = NonNullable<ScheduleSpec["overlap"]>;

export interface BackfillOptions {
  /** The first and the last slot, both part of it; ISO 8601 with an offset. */
  readonly from: string;
  readonly to: string;
  /** Default `allow`. */
  readonly overlap?: Overlap;
}

export interface ScheduleCalls {
  list(options?: {
    readonly cursor?: string;
    readonly limit?: number;
  }): Promise<{ readonly schedules: readonly ScheduleView[]; readonly next: string | null }>;
  get(id: string): Promise<ScheduleView>;
  /** Makes it or changes it; the same again changes nothing. `revision`: only at that one; 0: only when there is none. */
  put(id: string, spec: ScheduleSpec, options?: { readonly revision?: number }): Promise<ScheduleView>;
  /** False when there was none. */
  remove(id: string): Promise<boolean>;
  pause(id: string, reason?: string): Promise<ScheduleView>;
  resume(id: string): Promise<ScheduleView>;
  /** Makes its job now. Not sent again by itself: each call is another job. */
  trigger(id: string, overlap?: Overlap): Promise<readonly SlotView[]>;
  /** Makes the jobs of past slots that have none. */
  backfill(id: string, options: BackfillOptions): Promise<readonly SlotView[]>;
  /** The next slots of a schedule, or of settings that nobody has put yet. `count`: 1 to 100, default 5. */
  preview(schedule: string | ScheduleSpec, count?: number): Promise<SchedulePreview>;
  /** What became of its slots, newest first. */
  slots(
    id: string,
    options?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<{ readonly slots: readonly SlotView[]; readonly next: string | null }>;
}

/** `again` sends a request again that may be repeated. */
export function scheduleCalls(api: ApiClient, again: <T>(call: () => Promise<T>) => Promise<T>): ScheduleCalls {
  const at = (scheduleId: string): { readonly params: { readonly scheduleId: string } } => ({ params: { scheduleId } });
  return {
    list: (query = {}) => again(() => api.call(endpoints.listSchedules, { query })),
    get: (id) => again(() => api.call(endpoints.getSchedule, at(id))),
    put(id, body, { revision } = {}) {
      const call = { ...at(id), body };
      if (revision === undefined) return again(() => api.call(endpoints.putSchedule, call));
      const headers = revision === 0 ? { "if-none-match": "*" } : { "if-match": `"${revision}"` };
      // Not repeated: the first may have been taken, and then the revision is another.
      return api.call(endpoints.putSchedule, call, { headers });
    },
    remove: async (id) => (await again(() => api.call(endpoints.deleteSchedule, at(id)))).removed,
    pause: (id, reason) =>
      again(() => api.call(endpoints.pauseSchedule, { ...at(id), body: reason === undefined ? {} : { reason } })),
    resume: (id) => again(() => api.call(endpoints.resumeSchedule, at(id))),
    async trigger(id, overlap) {
      const body = overlap === undefined ? {} : { overlap };
      return (await api.call(endpoints.triggerSchedule, { ...at(id), body })).records;
    },
    async backfill(id, options) {
      return (await again(() => api.call(endpoints.backfillSchedule, { ...at(id), body: options }))).records;
    },
    preview(schedule, count = 5) {
      const query = { count };
      if (typeof schedule === "string") {
        return again(() => api.call(endpoints.previewSchedule, { ...at(schedule), query }));
      }
      return again(() => api.call(endpoints.previewSpec, { body: schedule, query }));
    },
    slots: (id, query = {}) => again(() => api.call(endpoints.listSlots, { ...at(id), query })),
  };
}
