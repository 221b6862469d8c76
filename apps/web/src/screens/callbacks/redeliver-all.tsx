import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { call } from "../../api/call.ts";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { tell, tellError } from "../../ui/toast.tsx";
import type { CallbackView } from "./callback-search.ts";

interface Progress {
  readonly done: number;
  readonly of: number;
}

/** Sends all dead callbacks that are shown again, one after the other, and says how far it is. */
export function RedeliverAll({ dead }: { readonly dead: readonly CallbackView[] }) {
  const queries = useQueryClient();
  const [asks, setAsks] = useState(false);
  const [progress, setProgress] = useState<Progress | null>(null);
  const stopping = useRef<AbortController | null>(null);
  useEffect(() => () => stopping.current?.abort(), []);

  async function redeliver(): Promise<void> {
    const stop = new AbortController();
    stopping.current = stop;
    setAsks(false);
    // In the order they were written: a job's backend hears of its end last.
    const todo = dead.toSorted((a, b) => a.id - b.id);
    const refused: Error[] = [];
    let done = 0;
    for (const { id } of todo) {
      if (stop.signal.aborted) break;
      setProgress({ done, of: todo.length });
      try {
        await call("redeliverCallback", { params: { id } });
      } catch (error) {
        refused.push(error instanceof Error ? error : new Error(String(error)));
      }
      done += 1;
    }
    setProgress(null);
    const sent = done - refused.length;
    tell(`${sent} of ${todo.length} callbacks are sent again`);
    const [first] = refused;
    if (first !== undefined) tellError(first);
    await queries.invalidateQueries({ queryKey: ["listCallbacks"] });
  }

  if (progress !== null) {
    return (
      <span className="flex items-center gap-2 text-sm">
        <progress aria-label="Redelivered" value={progress.done} max={progress.of} className="w-32 accent-honey" />
        <span role="status" className="tabular">
          {progress.done} of {progress.of}
        </span>
        <Button onClick={() => stopping.current?.abort()}>Stop</Button>
      </span>
    );
  }
  if (dead.length === 0) return null;
  return (
    <>
      <Button onClick={() => setAsks(true)}>Redeliver {dead.length} dead</Button>
      <Confirm
        open={asks}
        onClose={() => setAsks(false)}
        title={`Send ${dead.length} callbacks again?`}
        about="Each goes out with the id and body it had, so that your backend can drop what it has seen."
        verb="Send them"
        danger={false}
        onConfirm={() => void redeliver()}
      />
    </>
  );
}
