import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useApi } from "../../api/use-api.ts";
import { useKeys } from "../../shell/keys.ts";
import { Command } from "../../ui/command.tsx";
import { Fact, Facts, number } from "../../ui/facts.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Parts } from "../../ui/parts.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { Deliveries } from "./deliveries.tsx";
import { DryRun } from "./dry-run.tsx";
import { Funnel } from "./funnel.tsx";
import { Groups } from "./groups.tsx";
import { HealthTag, HealthWords } from "./source-health.tsx";
import type { SourcePart } from "./source-search.ts";

const LOOK_MS = 5_000;
/** Links shown of jobs that are not over. */
const SHOWN = 12;
const PARTS: readonly { readonly id: SourcePart; readonly label: string }[] = [
  { id: "groups", label: "Groups" },
  { id: "held", label: "Held" },
  { id: "deliveries", label: "Deliveries" },
  { id: "try", label: "Dry run" },
];

/** One source: its funnel, what it found, what was sent to it, and what it would make of a sample. */
export function SourceScreen() {
  const navigate = useNavigate();
  const { sourceId } = useParams({ from: "/sources/$sourceId" });
  const { part = "groups", stage, group } = useSearch({ from: "/sources/$sourceId" });
  const asked = useApi("getSource", { params: { sourceId } }, { everyMs: LOOK_MS });
  const source = asked.data;
  const go = (to: SourcePart): void =>
    void navigate({ to: "/sources/$sourceId", params: { sourceId }, search: { part: to } });
  useKeys(PARTS.map(({ id, label }, place) => ({ keys: String(place + 1), about: label, run: () => go(id) })));

  if (source === undefined) {
    return (
      <>
        <ScreenHead title={sourceId} />
        {asked.error === null ? (
          <Loading rows={8} />
        ) : (
          <Trouble error={asked.error} onRetry={() => void asked.refetch()} />
        )}
      </>
    );
  }
  const { funnel, health, open } = source;
  return (
    <>
      <ScreenHead
        title={<span className="outside-text">{sourceId}</span>}
        about={`${source.type}, ${source.trust}. It stands in hive.yaml, under sources.${sourceId}.`}
        actions={<HealthTag health={health} />}
      />
      <div className="mb-4 grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
        <Panel title="What came of what">
          <div className="p-4">
            <Funnel funnel={funnel} wide />
          </div>
        </Panel>
        <Panel title="How it is">
          <div className="space-y-3 p-4">
            <HealthWords health={health} everySeconds={source.everySeconds} />
            <Facts className="lg:grid-cols-2!">
              <Fact name="Reads">
                {source.everySeconds === null ? "what its sender posts" : `every ${number(source.everySeconds)} s`}
              </Fact>
              <Fact name="Wait to be read">{number(source.waiting)}</Fact>
              <Fact name="Jobs not over">
                {open.length === 0 && "none"}
                {open.slice(0, SHOWN).map((jobId) => (
                  <Link key={jobId} to="/jobs/$jobId" params={{ jobId }} className="block">
                    {jobId}
                  </Link>
                ))}
                {open.length > SHOWN && `and ${number(open.length - SHOWN)} more`}
              </Fact>
            </Facts>
            {source.hook !== null && (
              <div>
                <p className="text-xs text-soft">Its sender posts to</p>
                <Command text={`${location.origin}${source.hook}`} />
              </div>
            )}
          </div>
        </Panel>
      </div>
      <Parts label="Parts of this source" parts={PARTS} shown={part} />
      {(part === "groups" || part === "held") && (
        <Groups
          key={part}
          sourceId={sourceId}
          stage={part === "held" ? "held" : (stage ?? null)}
          isHeld={part === "held"}
          opened={group ?? null}
        />
      )}
      {part === "deliveries" && <Deliveries source={source} />}
      {part === "try" && <DryRun source={source} />}
    </>
  );
}
