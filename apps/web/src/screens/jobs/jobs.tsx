import type { JobSummary } from "@hive/protocol";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ArrowUp, CirclePlus } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { number } from "../../ui/facts.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { tell, tellError } from "../../ui/toast.tsx";
import { useKeys } from "../../shell/keys.ts";
import { ActDialog } from "./act-dialog.tsx";
import type { Target } from "./act-on-many.ts";
import { act, type Action, wordsOf } from "./job-actions.ts";
import { AllThatMatch } from "./all-that-match.tsx";
import { JobFilters } from "./job-filters.tsx";
import { JobMenu, type JobMenuProps } from "./job-menu.tsx";
import { filterOf } from "./jobs-search.ts";
import { JobTable } from "./job-table.tsx";
import { SavedViews } from "./saved-views.tsx";
import { SelectionBar } from "./selection-bar.tsx";
import { type JobList, useJobList } from "./use-job-list.ts";

const route = getRouteApi("/jobs");
const NOTHING: ReadonlyMap<string, JobSummary> = new Map();

/** Every job that is kept, as many as there are. */
export function JobsScreen() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const list = useJobList(search);
  const [selected, setSelected] = useState(NOTHING);
  const [menu, setMenu] = useState<JobMenuProps["at"]>(null);
  const [asked, setAsked] = useState<{ readonly action: Action; readonly target: Target } | null>(null);
  const lastPlace = useRef<number | null>(null);
  const filter = useMemo(() => filterOf(search), [search]);
  // What is not in sight any more must not be acted on.
  useEffect(() => {
    setSelected(NOTHING);
    lastPlace.current = null;
  }, [filter]);

  const { rows, again } = list;
  const onSelect = useCallback(
    (job: JobSummary, place: number, range: boolean) => {
      const from = range ? (lastPlace.current ?? place) : place;
      lastPlace.current = place;
      setSelected((now) => {
        const next = new Map(now);
        const isOn = !now.has(job.jobId);
        for (const each of rows.slice(Math.min(from, place), Math.max(from, place) + 1)) {
          if (isOn) next.set(each.jobId, each);
          else next.delete(each.jobId);
        }
        return next;
      });
    },
    [rows],
  );
  const onMenu = useCallback((job: JobSummary, anchor: HTMLElement) => setMenu({ job, anchor }), []);
  const onOpen = useCallback((jobId: string) => void navigate({ to: "/jobs/$jobId", params: { jobId } }), [navigate]);
  const clear = (): void => setSelected(NOTHING);

  function onAct(action: Action, job: JobSummary): void {
    const { past, hurts } = wordsOf(action);
    if (hurts) setAsked({ action, target: { kind: "jobs", jobIds: [job.jobId] } });
    else act(action, job.jobId).then(() => tell(`${job.jobId} ${past}`), tellError);
  }
  const showNew = (): void => {
    again();
    scrollTo({ top: 0 });
  };
  useKeys([{ keys: "n", about: "Show what is new", run: showNew }]);

  return (
    <>
      <ScreenHead
        title="Jobs"
        actions={
          <Link
            to="/new"
            className="inline-flex min-h-8 items-center gap-1.5 rounded-md border border-honey bg-honey px-3 text-sm font-medium text-honey-ink no-underline hover:brightness-95 pointer-coarse:min-h-10"
          >
            <CirclePlus aria-hidden size={15} /> New job
          </Link>
        }
      />
      <JobFilters search={search}>
        {rows.length > 0 && (
          <AllThatMatch filter={filter} onAct={(action) => setAsked({ action, target: { kind: "filter", filter } })} />
        )}
      </JobFilters>
      <SavedViews search={search} />
      <News list={list} onShow={showNew} />
      {list.error !== null && <Trouble error={list.error} onRetry={list.again} />}
      {list.isPending && list.error === null && (
        <Panel>
          <Loading rows={12} />
        </Panel>
      )}
      {!list.isPending && rows.length === 0 && list.isWhole && <NoJobs isFiltered={Object.keys(filter).length > 0} />}
      {rows.length > 0 && (
        <JobTable
          list={list}
          selected={selected}
          onSelect={onSelect}
          onSelectAll={() =>
            setSelected(selected.size >= rows.length ? NOTHING : new Map(rows.map((job) => [job.jobId, job])))
          }
          onMenu={onMenu}
          onOpen={onOpen}
        />
      )}
      <p role="status" className="py-3 text-center text-xs text-soft">
        {list.isFetchingMore
          ? "More jobs are coming"
          : list.isWhole && rows.length > 0 && `${number(rows.length)} jobs, that is all`}
      </p>
      <SelectionBar
        selected={[...selected.values()].map(list.rowNow)}
        onAct={(action, jobIds) => setAsked({ action, target: { kind: "jobs", jobIds } })}
        onClear={clear}
      />
      <JobMenu at={menu} onClose={() => setMenu(null)} onAct={onAct} />
      {asked !== null && (
        <ActDialog action={asked.action} target={asked.target} onClose={() => setAsked(null)} onDone={clear} />
      )}
    </>
  );
}

/** Jobs that came or left since the list was made. They do not push the rows away under who reads them. */
function News({ list: { fresh, gone }, onShow }: { readonly list: JobList; readonly onShow: () => void }) {
  const parts = [
    ...(fresh.count > 0 ? [`${number(fresh.count)}${fresh.many ? "+" : ""} new`] : []),
    ...(gone > 0 ? [`${number(gone)} changed`] : []),
  ];
  return (
    <div role="status" className="pointer-events-none sticky top-11 z-30 flex h-0 justify-center">
      {parts.length > 0 && (
        <Button
          look="main"
          className="pointer-events-auto h-8 rounded-full! shadow-lg"
          icon={<ArrowUp aria-hidden size={14} />}
          onClick={onShow}
        >
          {parts.join(", ")}
        </Button>
      )}
    </div>
  );
}

function NoJobs({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered)
    return (
      <Empty title="No job is like that">
        <Link to="/jobs" className="underline">
          Show all jobs
        </Link>
      </Empty>
    );
  return (
    <Empty
      title="No jobs yet"
      command={`curl -X POST ${location.origin}/enqueue -H "Authorization: Bearer $INTERNAL_API_TOKEN" -H "Content-Type: application/json" -d '{"repo":"https://github.com/you/app","task":"script","script":"npm test"}'`}
    >
      Put one in with the form at{" "}
      <Link to="/new" className="underline">
        New job
      </Link>
      , or from a terminal:
    </Empty>
  );
}
