import { Link } from "@tanstack/react-router";
import { useApi } from "../../api/use-api.ts";
import { number } from "../../ui/facts.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Snippet } from "../../ui/snippet.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { Tag } from "../../ui/tag.tsx";
import { Funnel } from "./funnel.tsx";
import { HealthTag, HealthWords } from "./source-health.tsx";

/** What was received has no event of its own. */
const LOOK_MS = 5_000;

const YAML = `sources:
  prod-alerts:
    type: alertmanager
    auth: { bearer: { env: AM_TOKEN } }
    job: { repo: https://github.com/acme/app }
  app-log:
    type: logfile
    path: /var/log/app/*.log
    when: level in ["ERROR", "FATAL"]
    job: { repo: https://github.com/acme/app }`;

/** Everything that makes jobs of what other systems say. */
export function SourcesScreen() {
  const asked = useApi("listSources", {}, { everyMs: LOOK_MS });
  const sources = asked.data?.sources;
  return (
    <>
      <ScreenHead
        title="Sources"
        about="Alerts, logs, feeds and repositories, and the few jobs that come of them. They stand in hive.yaml and are changed there."
      />
      <Panel>
        {asked.error !== null && <Trouble error={asked.error} onRetry={() => void asked.refetch()} />}
        {asked.isPending && <Loading rows={6} />}
        {sources?.length === 0 && (
          <>
            <Empty title="No sources yet" command="npm run hive -- sources">
              A source makes one job of each trouble it hears of, however often it hears of it. Write one into hive.yaml
              and start Hive again; the command lists what it found.
            </Empty>
            <div className="flex justify-center px-4 pb-8">
              <Snippet label="hive.yaml" text={YAML} />
            </div>
          </>
        )}
        {sources !== undefined && sources.length > 0 && (
          <ul className="divide-y divide-line">
            {sources.map((source) => (
              <li
                key={source.id}
                className="grid grid-cols-1 items-center gap-x-6 gap-y-2 px-4 py-3 md:grid-cols-[minmax(0,1fr)_minmax(0,1.2fr)_minmax(0,1fr)]"
              >
                <div className="min-w-0">
                  <p className="flex flex-wrap items-center gap-2">
                    <Link
                      to="/sources/$sourceId"
                      params={{ sourceId: source.id }}
                      search={{}}
                      className="outside-text font-medium"
                    >
                      {source.id}
                    </Link>
                    <HealthTag health={source.health} />
                    {source.waiting > 0 && <Tag tone="info">{number(source.waiting)} wait to be read</Tag>}
                  </p>
                  <p className="text-sm text-soft">
                    {source.type}, {source.trust}
                  </p>
                </div>
                <HealthWords health={source.health} everySeconds={source.everySeconds} />
                <Funnel funnel={source.funnel} />
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </>
  );
}
