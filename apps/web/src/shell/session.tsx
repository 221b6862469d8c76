import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { onSignedOut } from "../api/call.ts";
import { keyOf, useApi } from "../api/use-api.ts";
import { type EventStream, openEventStream } from "../live/event-stream.ts";
import { keepFresh } from "../live/fresh.ts";
import { LiveContext } from "../live/use-live.ts";
import { Trouble } from "../ui/states.tsx";
import { Login } from "./login.tsx";
import { onSessionChanged, tellSessionChanged } from "./session-news.ts";

/** Shows the login form instead of its children until somebody is signed in, and keeps the event stream while they are. */
export function Session({ children }: { readonly children: ReactNode }) {
  const queries = useQueryClient();
  const session = useApi("getSession", {});
  const isIn = session.data?.signedIn === true;
  const stream = useStream(isIn);
  const until = session.data?.until ?? null;
  const isOut = session.data?.signedIn === false;

  useEffect(() => {
    const out = (): unknown => queries.setQueryData(keyOf("getSession", {}), { signedIn: false, until: null });
    const lookAgain = (): void => void queries.invalidateQueries({ queryKey: ["getSession"] });
    const ends = [onSignedOut(out), onSessionChanged(lookAgain)];
    const timer = until === null ? undefined : setTimeout(lookAgain, Math.max(0, until - Date.now()) + 1_000);
    return () => {
      for (const end of ends) end();
      clearTimeout(timer);
    };
  }, [queries, until]);
  // Whoever comes to this browser next is shown nothing that this person saw.
  useEffect(() => {
    if (isOut) queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "getSession" });
  }, [queries, isOut]);

  function onSignedIn(): void {
    tellSessionChanged();
    void queries.resetQueries();
  }

  if (session.error !== null && session.data === undefined)
    return <Trouble error={session.error} onRetry={() => void session.refetch()} />;
  if (session.data === undefined) return null;
  if (!isIn) return <Login onDone={onSignedIn} />;
  return <LiveContext value={stream}>{children}</LiveContext>;
}

function useStream(wanted: boolean): EventStream | null {
  const queries = useQueryClient();
  const [stream, setStream] = useState<EventStream | null>(null);
  useEffect(() => {
    if (!wanted) return;
    const opened = openEventStream();
    const stop = keepFresh(opened, queries);
    setStream(opened);
    return () => {
      stop();
      opened.close();
      setStream(null);
    };
  }, [wanted, queries]);
  return stream;
}
