import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { onSignedOut } from "../api/call.ts";
import { keyOf, useApi } from "../api/use-api.ts";
import { type EventStream, openEventStream } from "../live/event-stream.ts";
import { keepFresh } from "../live/fresh.ts";
import { LiveContext } from "../live/use-live.ts";
import { Trouble } from "../ui/states.tsx";
import { Login } from "./login.tsx";

/** Shows the login form instead of its children until somebody is signed in, and keeps the event stream while they are. */
export function Session({ children }: { readonly children: ReactNode }) {
  const queries = useQueryClient();
  const session = useApi("getSession", {});
  const isIn = session.data?.signedIn === true;
  const stream = useStream(isIn);

  useEffect(
    () => onSignedOut(() => queries.setQueryData(keyOf("getSession", {}), { signedIn: false, until: null })),
    [queries],
  );

  if (session.error !== null && session.data === undefined)
    return <Trouble error={session.error} onRetry={() => void session.refetch()} />;
  if (session.data === undefined) return null;
  if (!isIn) return <Login onDone={() => void queries.resetQueries()} />;
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
