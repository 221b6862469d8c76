/**
 * What happened to one job, the newest first asked for: a job of an agent has thousands of events, and who looks wants
 * the last of them. What happens meanwhile comes from the tab's event stream and is put in its place by its number.
 */
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { call } from "../../api/call.ts";
import { useEvents, useGaps } from "../../live/use-live.ts";
import { type JobEvent, joined, type Kept, merged, PAGE } from "./job-event-pages.ts";

export interface JobEventFeed {
  /** Oldest first; all there are from the first one shown to now. */
  readonly events: readonly JobEvent[];
  /** Nothing is known yet. */
  readonly isPending: boolean;
  /** There are earlier ones. */
  readonly hasEarlier: boolean;
  readonly isLoadingEarlier: boolean;
  readonly error: Error | null;
  loadEarlier(): void;
  retry(): void;
}

export function useJobEvents(jobId: string): JobEventFeed {
  const [kept, setKept] = useState<Kept | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [isLoadingEarlier, setLoadingEarlier] = useState(false);
  // Events that came while the newest page was asked for, or several in one turn of the page.
  const waiting = useRef<JobEvent[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const load = useEffectEvent(async (signal: AbortSignal) => {
    try {
      const page = await call("jobEvents", request(jobId), signal);
      setKept((before) => joined(before, page));
      setError(null);
    } catch (problem) {
      if (!signal.aborted) setError(problem instanceof Error ? problem : new Error(String(problem)));
    }
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const leaving = new AbortController();
    void load(leaving.signal);
    return () => leaving.abort();
  }, [jobId, round]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useGaps(() => setRound((before) => before + 1));
  useEvents((event) => {
    if (event.jobId !== jobId) return;
    waiting.current.push({ ...event, data: { ...event.data } });
    // An agent says many things in one second; the page is drawn a few times in it.
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      const fresh = waiting.current;
      waiting.current = [];
      setKept((before) => ({ events: merged(before?.events ?? [], fresh), earlier: before?.earlier ?? null }));
    }, 250);
  });

  const loadEarlier = async (): Promise<void> => {
    if (kept === null || kept.earlier === null || isLoadingEarlier) return;
    setLoadingEarlier(true);
    try {
      const page = await call("jobEvents", request(jobId, kept.earlier));
      setKept((before) => ({ events: merged(before?.events ?? [], page.events), earlier: page.next }));
      setError(null);
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)));
    } finally {
      setLoadingEarlier(false);
    }
  };

  return {
    events: kept?.events ?? [],
    isPending: kept === null && error === null,
    hasEarlier: kept !== null && kept.earlier !== null,
    isLoadingEarlier,
    error,
    loadEarlier: () => void loadEarlier(),
    retry: () => setRound((before) => before + 1),
  };
}

function request(jobId: string, cursor?: string) {
  const query = { limit: PAGE, order: "newest" as const, ...(cursor === undefined ? {} : { cursor }) };
  return { params: { jobId }, query };
}
