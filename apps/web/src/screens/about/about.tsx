import { useApi } from "../../api/use-api.ts";
import { Fact, Facts } from "../../ui/facts.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { exactTime, Time } from "../../ui/time.tsx";
import { DocumentPanel } from "./document-panel.tsx";
import { Warnings } from "./warnings.tsx";

/** A look at the server costs it nothing, and what it warns of comes without an event. */
const LOOK_MS = 15_000;

const ROLES: Readonly<Record<string, string>> = {
  queen: "the queen: it decides",
  standby: "a standby: it hands on to the queen, and takes her place when she is gone",
  starting: "starting",
  recovering: "recovering what the store knows",
  stopped: "stopping",
};

/** What this server is, how it is, and where it is described. */
export function AboutScreen() {
  const health = useApi("health", {}, { everyMs: LOOK_MS });
  const stats = useApi("stats", {}, { everyMs: LOOK_MS });
  const { data } = health;

  return (
    <>
      <ScreenHead title="About" about="What this server is, and where its documents are." />
      {data !== undefined && <Warnings health={data} />}
      <div className="grid items-start gap-4 lg:grid-cols-[3fr_2fr]">
        <Panel title="Server">
          {health.error !== null && <Trouble error={health.error} onRetry={() => void health.refetch()} />}
          {health.isPending && <Loading rows={5} />}
          {data !== undefined && (
            <Facts className="p-4 lg:grid-cols-2!">
              <Fact name="Address">{location.origin}</Fact>
              <Fact name="Version">{data.version}</Fact>
              <Fact name="Store">
                {data.store}
                {data.ok ? "" : ", which does not answer"}
              </Fact>
              <Fact name="This dispatcher is">{ROLES[data.role] ?? data.role}</Fact>
              <Fact name="The queue has run since">
                {stats.data === undefined ? (
                  <span className="text-soft">…</span>
                ) : (
                  <>
                    <Time at={stats.data.since} /> <span className="text-soft">({exactTime(stats.data.since)})</span>
                  </>
                )}
              </Fact>
              <Fact name="Workers">
                {data.workers.total} ({data.workers.busy} busy, {data.workers.free} free)
              </Fact>
            </Facts>
          )}
        </Panel>
        <DocumentPanel />
      </div>
    </>
  );
}
