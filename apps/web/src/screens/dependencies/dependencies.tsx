import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";
import { useApi } from "../../api/use-api.ts";
import { useKeys } from "../../shell/keys.ts";
import { number } from "../../ui/facts.tsx";
import { Input } from "../../ui/field.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { JobList } from "./job-list.tsx";
import { layOut } from "./layered-layout.ts";

const Graph = lazy(async () => ({ default: (await import("./graph.tsx")).Graph }));
const route = getRouteApi("/dependencies");
/** From here on a list is searched rather than read. */
const MANY = 12;
const AFTER = "npm run hive -- submit --repo $REPO --task script --script ./notify.sh --after build-1";

/** Jobs that wait for each other: a drawing, and the same in words beside it. */
export function DependenciesScreen() {
  const { job: family } = route.useSearch();
  const navigate = useNavigate();
  const query = family === undefined ? {} : { job: family };
  const { data, error, isPending, refetch } = useApi("dependencies", { query }, { keep: true });
  const [picked, setPicked] = useState<{ readonly jobId: string; readonly looks: number } | null>(null);
  const [words, setWords] = useState("");

  // A new place for everything only when something came or went: what merely changes its colour stays where it is.
  const shape = data === undefined ? "" : shapeOf(data);
  const layout = useMemo(() => layOut(data ?? { jobs: [], edges: [] }), [shape]);
  const jobs = data?.jobs ?? [];
  const edges = data?.edges ?? [];
  const chosen = picked?.jobId ?? family ?? null;
  const found = layout.families
    .map((ids) => ids.filter((id) => id.toLowerCase().includes(words.trim().toLowerCase())))
    .filter((ids) => ids.length > 0);

  /** In the list: the picture goes there. In the picture: the list does. */
  function choose(jobId: string, where: "list" | "graph"): void {
    setPicked((before) => ({ jobId, looks: (before?.looks ?? 0) + (where === "list" ? 1 : 0) }));
    if (where === "graph") rowOf(jobId)?.scrollIntoView({ block: "nearest" });
  }

  useKeys([
    { keys: "j", about: "Next job", run: () => focusRow(1) },
    { keys: "k", about: "Job before", run: () => focusRow(-1) },
    {
      keys: "o",
      about: "Open the chosen job",
      run: () => {
        if (chosen !== null) void navigate({ to: "/jobs/$jobId", params: { jobId: chosen } });
      },
    },
  ]);

  return (
    <>
      <ScreenHead
        title="Dependencies"
        about={
          family === undefined ? (
            "Jobs that wait for each other. What is over stays for an hour."
          ) : (
            <>
              The family of <code className="outside-text">{family}</code>.{" "}
              <Link to="/dependencies" search={{}} className="underline">
                All that waits
              </Link>
            </>
          )
        }
      />
      {error !== null && <Trouble error={error} onRetry={() => void refetch()} />}
      {isPending && (
        <Panel>
          <Loading rows={10} />
        </Panel>
      )}
      {data !== undefined && jobs.length === 0 && (
        <Panel>
          <Empty title="No job waits for another" command={AFTER}>
            A job that names others in <code>dependsOn</code> starts when all of them have succeeded. The graph of them
            grows here.
          </Empty>
        </Panel>
      )}
      {jobs.length > 0 && (
        <div className="grid grid-cols-1 gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
          <div className="overflow-hidden rounded-lg border border-line bg-panel">
            <Suspense fallback={<Loading rows={10} />}>
              <Graph
                // Another family is another picture: it is fitted anew.
                key={family ?? ""}
                jobs={jobs}
                edges={edges}
                layout={layout}
                chosen={chosen}
                looks={picked?.looks ?? 0}
                onChoose={(jobId) => choose(jobId, "graph")}
                onOpen={(jobId) => void navigate({ to: "/jobs/$jobId", params: { jobId } })}
              />
            </Suspense>
          </div>
          <Panel
            title={`${number(jobs.length)} ${jobs.length === 1 ? "job" : "jobs"}`}
            className="flex min-h-0 flex-col overflow-hidden lg:h-[calc(100dvh-9rem)]"
            actions={
              (jobs.length > MANY || words !== "") && (
                <Input
                  aria-label="Find in the list"
                  placeholder="Find an id"
                  value={words}
                  onChange={(event) => setWords(event.target.value)}
                  className="max-w-44"
                />
              )
            }
          >
            {data?.truncated === true && (
              <p className="border-b border-line bg-warn-ground px-3 py-2 text-sm text-warn">
                There is more than can be shown: {number(data.blocked)} jobs wait for others. Look at the family of one.
              </p>
            )}
            <div className="min-h-0 flex-1 lg:overflow-y-auto">
              <JobList
                jobs={jobs}
                edges={edges}
                families={found}
                chosen={chosen}
                onChoose={(jobId) => choose(jobId, "list")}
              />
              {found.length === 0 && <p className="px-3 py-4 text-sm text-soft">No job here is called that.</p>}
            </div>
          </Panel>
        </div>
      )}
    </>
  );
}

/** Who is there and who is before whom, as one text. */
function shapeOf({ jobs, edges }: Parameters<typeof layOut>[0]): string {
  const ids = jobs.map(({ jobId }) => jobId).sort();
  return [...ids, ...edges.map(({ from, to, kind }) => `${from} ${to} ${kind}`).sort()].join("\n");
}

function rowOf(jobId: string): HTMLElement | null {
  return document.querySelector<HTMLElement>(`[data-job="${CSS.escape(jobId)}"]`);
}

/** Puts the focus on the job that is `step` rows further. */
function focusRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-job]")];
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const next = now < 0 ? (step === 1 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, now + step));
  rows[next]?.querySelector("button")?.focus();
}
