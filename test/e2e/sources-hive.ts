/** What scenarios ask a Hive about its sources. */
import { endpoints, type GroupView, type SourceView } from "@hive/protocol";
import type { JobSummary } from "@hive/sdk";
import type { HiveProcess } from "./hive-process.ts";
import { until } from "./until.ts";

/** The repository of jobs that nobody works on: there is no worker with their label. */
export const IDLE_JOB = `{ repo: "https://git.example/app.git", labels: [nobody] }`;

/** Every group of a source, a page after the other. */
export async function groupsOf(server: HiveProcess, sourceId: string): Promise<GroupView[]> {
  const all: GroupView[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = { limit: 100, ...(cursor === null ? {} : { cursor }) };
    const page: { readonly groups: GroupView[]; readonly next: string | null } = await server.hive.api.call(
      endpoints.listGroups,
      { params: { sourceId }, query },
    );
    all.push(...page.groups);
    cursor = page.next;
  } while (cursor !== null);
  return all;
}

/** The jobs a source made, the oldest first. */
export async function jobsOf(server: HiveProcess, source: string): Promise<JobSummary[]> {
  const all: JobSummary[] = [];
  let cursor: string | undefined;
  do {
    const page = await server.hive.list({ limit: 100, order: "oldest", ...(cursor === undefined ? {} : { cursor }) });
    all.push(...page.jobs.filter(({ jobId }) => jobId.startsWith(`${source}.`)));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return all;
}

/** The source's jobs once there are this many. */
export function untilJobs(server: HiveProcess, source: string, count: number): Promise<JobSummary[]> {
  return until(
    `${count} job(s) of ${source}`,
    async () => {
      const jobs = await jobsOf(server, source);
      return jobs.length >= count ? jobs : null;
    },
    { limitMs: 30_000, more: () => server.printed().slice(-4000) },
  );
}

/** Its groups once they are as wanted. */
export function untilGroups(
  server: HiveProcess,
  source: string,
  wanted: (groups: readonly GroupView[]) => boolean,
): Promise<readonly GroupView[]> {
  let last: readonly GroupView[] = [];
  return until(
    `the groups of ${source}`,
    async () => {
      last = await groupsOf(server, source);
      return wanted(last) ? last : null;
    },
    { limitMs: 40_000, more: () => `${JSON.stringify(last.slice(0, 5))}\n${server.printed().slice(-4000)}` },
  );
}

/** What is wrong with a source, once it says so. */
export function untilTrouble(server: HiveProcess, source: string, words: string): Promise<string> {
  let last = "";
  return until(
    `the health of ${source} to say "${words}"`,
    async () => {
      const { error, notice } = await healthOf(server, source);
      last = `${error?.message ?? ""} ${notice ?? ""}`;
      return last.includes(words) ? last : null;
    },
    { more: () => last },
  );
}

/** Resolves once a source was read and nothing is wrong with it. */
export async function untilGood(server: HiveProcess, source: string): Promise<void> {
  let last = "";
  await until(
    `${source} to be well`,
    async () => {
      const { goodAt, error, notice } = await healthOf(server, source);
      last = `${error?.message ?? ""} ${notice ?? ""}`;
      return goodAt !== null && error === null && notice === null;
    },
    { more: () => last },
  );
}

async function healthOf(server: HiveProcess, source: string): Promise<SourceView["health"]> {
  const { health } = await sourceOf(server, source);
  return health;
}

/** How a source stands: its funnel, its health. */
export function sourceOf(server: HiveProcess, sourceId: string): Promise<SourceView> {
  return server.hive.api.call(endpoints.getSource, { params: { sourceId } });
}

/** Who canceled a job and why, as its event says; undefined while nobody did. */
export async function cancelOf(server: HiveProcess, jobId: string): Promise<unknown> {
  const { events } = await server.hive.api.call(endpoints.jobEvents, { params: { jobId }, query: {} });
  return events.find(({ type }) => type === "job.canceled")?.data;
}
