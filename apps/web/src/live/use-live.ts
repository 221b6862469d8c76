import { createContext, useContext, useEffect, useEffectEvent, useSyncExternalStore } from "react";
import type { EventStream, HiveEvent, StreamState } from "./event-stream.ts";

/** The tab's stream; null before somebody is signed in. */
export const LiveContext = createContext<EventStream | null>(null);

/** Whether events come. */
export function useStreamState(): StreamState {
  const stream = useContext(LiveContext);
  return useSyncExternalStore(
    (listener) => stream?.onState(listener) ?? (() => undefined),
    () => stream?.state() ?? "connecting",
  );
}

/** Hears each event while the component is there. */
export function useEvents(listener: (event: HiveEvent) => void): void {
  const stream = useContext(LiveContext);
  const onEvent = useEffectEvent(listener);
  useEffect(() => stream?.onEvent((event) => onEvent(event)), [stream]);
}

/** Hears that something was missed, or may have been, while the component is there. */
export function useGaps(listener: () => void): void {
  const stream = useContext(LiveContext);
  const onGap = useEffectEvent(listener);
  useEffect(() => stream?.onGap(() => onGap()), [stream]);
}
