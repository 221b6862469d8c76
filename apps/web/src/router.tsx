/** Which address shows which screen. Each screen comes when it is first gone to. */
import { createRootRoute, createRoute, createRouter, Link, lazyRouteComponent } from "@tanstack/react-router";
import { readJobSearch } from "./screens/job/job-search.ts";
import { readJobsSearch } from "./screens/jobs/jobs-search.ts";
import { readNewJobSearch } from "./screens/new-job/new-job-search.ts";
import { callbackSearch } from "./screens/callbacks/callback-search.ts";
import { calendarSearch } from "./screens/schedules/calendar-days.ts";
import { sourceSearch } from "./screens/sources/source-search.ts";
import { Layout } from "./shell/layout.tsx";
import { Empty, Loading, Trouble } from "./ui/states.tsx";

/** What stands behind the `?`, as anybody may have written it. */
type Said = Readonly<Record<string, unknown>>;

const root = createRootRoute({
  component: Layout,
  notFoundComponent: () => (
    <Empty title="There is no such page">
      <Link to="/">Back to the hive</Link>
    </Empty>
  ),
});

const screens = [
  createRoute({
    getParentRoute: () => root,
    path: "/",
    component: lazyRouteComponent(() => import("./screens/home/home.tsx"), "HomeScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/jobs",
    validateSearch: readJobsSearch,
    component: lazyRouteComponent(() => import("./screens/jobs/jobs.tsx"), "JobsScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/jobs/$jobId",
    validateSearch: readJobSearch,
    component: lazyRouteComponent(() => import("./screens/job/job.tsx"), "JobScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/jobs/$jobId/log",
    validateSearch: ({ fence }): { readonly fence?: number } =>
      Number.isSafeInteger(fence) && Number(fence) > 0 ? { fence: Number(fence) } : {},
    component: lazyRouteComponent(() => import("./screens/log/log.tsx"), "LogScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/new",
    validateSearch: readNewJobSearch,
    component: lazyRouteComponent(() => import("./screens/new-job/new-job.tsx"), "NewJobScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/dependencies",
    validateSearch: ({ job }: Record<string, unknown>): { readonly job?: string } => {
      const text = textOf(job);
      return text === null ? {} : { job: text };
    },
    component: lazyRouteComponent(() => import("./screens/dependencies/dependencies.tsx"), "DependenciesScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/schedules",
    validateSearch: (said: Said): { make?: true } => (said["make"] === true ? { make: true } : {}),
    component: lazyRouteComponent(() => import("./screens/schedules/schedules.tsx"), "SchedulesScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/schedules/calendar",
    validateSearch: calendarSearch,
    component: lazyRouteComponent(() => import("./screens/schedules/calendar.tsx"), "CalendarScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/schedules/$scheduleId",
    validateSearch: (said: Said): { edit?: true } => (said["edit"] === true ? { edit: true } : {}),
    component: lazyRouteComponent(() => import("./screens/schedules/schedule.tsx"), "ScheduleScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/sources",
    component: lazyRouteComponent(() => import("./screens/sources/sources.tsx"), "SourcesScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/sources/$sourceId",
    validateSearch: sourceSearch,
    component: lazyRouteComponent(() => import("./screens/sources/source.tsx"), "SourceScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/workers",
    validateSearch: ({ worker }: Record<string, unknown>): { readonly worker?: string } => {
      const text = textOf(worker);
      return text === null ? {} : { worker: text };
    },
    component: lazyRouteComponent(() => import("./screens/workers/workers.tsx"), "WorkersScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/pools",
    component: lazyRouteComponent(() => import("./screens/pools/pools.tsx"), "PoolsScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/callbacks",
    validateSearch: callbackSearch,
    component: lazyRouteComponent(() => import("./screens/callbacks/callbacks.tsx"), "CallbacksScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/settings",
    component: lazyRouteComponent(() => import("./screens/settings/settings.tsx"), "SettingsScreen"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/about",
    component: lazyRouteComponent(() => import("./screens/about/about.tsx"), "AboutScreen"),
  }),
];

/** A value of the address's search as it was written: one that looks like a number was read as one. */
function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

const routeTree = root.addChildren(screens);

export const router = createRouter({
  routeTree,
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultPendingComponent: () => <Loading rows={6} />,
  defaultErrorComponent: ({ error, reset }) => (
    <Trouble error={error instanceof Error ? error : new Error(String(error))} onRetry={reset} />
  ),
});

declare module "@tanstack/react-router" {
  interface Register {
    readonly router: typeof router;
  }
}
