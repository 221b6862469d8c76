import { Link } from "@tanstack/react-router";
import { Suspense, lazy } from "react";
import { useApi } from "../../api/use-api.ts";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { Board } from "./board.tsx";
import { Comb } from "./comb.tsx";
import { FirstSteps } from "./first-steps.tsx";
import { NeedsYou } from "./needs-you.tsx";
import { SinceYouLeft } from "./since-you-left.tsx";

const Charts = lazy(async () => ({ default: (await import("./charts.tsx")).Charts }));

/** The whole hive at a glance: what needs a person first, then what happens now, then how it went. */
export function HomeScreen() {
  const newest = useApi("listJobs", { query: { limit: 1 } });
  const isNew = newest.data?.jobs.length === 0;
  return (
    <>
      <ScreenHead
        title="Hive"
        about={isNew ? "Nothing to do yet." : "What needs you, what happens now, and how it went."}
        actions={
          <Link
            to="/new"
            className="inline-flex min-h-8 items-center rounded-md border border-honey bg-honey px-3 py-1 text-sm font-medium text-honey-ink no-underline hover:brightness-95 pointer-coarse:min-h-10"
          >
            New job
          </Link>
        }
      />
      {newest.error !== null && <Trouble error={newest.error} onRetry={() => void newest.refetch()} />}
      {newest.isPending && <Loading rows={8} />}
      {newest.data !== undefined && (
        <div className="space-y-4">
          {isNew ? (
            <FirstSteps />
          ) : (
            <>
              <SinceYouLeft />
              <NeedsYou />
              <Board />
            </>
          )}
          <Comb />
          {!isNew && (
            <Suspense
              fallback={
                <Panel title="How it went" className="min-h-[36rem]">
                  <Loading rows={8} />
                </Panel>
              }
            >
              <Charts />
            </Suspense>
          )}
        </div>
      )}
    </>
  );
}
