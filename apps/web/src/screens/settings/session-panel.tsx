import { useQueryClient } from "@tanstack/react-query";
import { LogOut } from "lucide-react";
import { keyOf, useAction, useApi } from "../../api/use-api.ts";
import { tellSessionChanged } from "../../shell/session-news.ts";
import { Button } from "../../ui/button.tsx";
import { Fact } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { exactTime, Time } from "../../ui/time.tsx";

/** Who this browser is to the server, until when, and how that ends. */
export function SessionPanel() {
  const queries = useQueryClient();
  const session = useApi("getSession", {});
  const close = useAction("closeSession", {
    onDone(reply) {
      queries.setQueryData(keyOf("getSession", {}), reply);
      tellSessionChanged();
    },
  });
  const until = session.data?.until ?? null;

  return (
    <Panel title="Session">
      <div className="space-y-3 p-4 text-sm">
        {session.isPending && <Loading rows={2} />}
        {until !== null && (
          <dl className="grid gap-x-6 gap-y-2 sm:grid-cols-2">
            <Fact name="Signed in to">{location.host}</Fact>
            <Fact name="Ends by itself">
              <Time at={until} /> <span className="text-soft">({exactTime(until)})</span>
            </Fact>
          </dl>
        )}
        <p className="max-w-prose text-soft">
          Signing out counts for this browser. To end every session, replace the server's{" "}
          <code>INTERNAL_API_TOKEN</code>: all that were opened with it end with it.
        </p>
        {close.error !== null && <Trouble error={close.error} />}
        <Button icon={<LogOut aria-hidden size={15} />} busy={close.isPending} onClick={() => close.mutate({})}>
          Sign out
        </Button>
      </div>
    </Panel>
  );
}
