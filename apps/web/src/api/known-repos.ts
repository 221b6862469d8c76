import { useMemo } from "react";
import { useApi } from "./use-api.ts";

/** How many jobs are looked at. */
const LOOKED_AT = 500;

/** The repositories of the latest jobs, the most used first. For completion; a repository need not be among them. */
export function useKnownRepos(): readonly string[] {
  const jobs = useApi("listJobs", { query: { limit: LOOKED_AT } }).data?.jobs;
  return useMemo(() => {
    const uses = new Map<string, number>();
    for (const { repo } of jobs ?? []) uses.set(repo, (uses.get(repo) ?? 0) + 1);
    return [...uses].sort(([, one], [, two]) => two - one).map(([repo]) => repo);
  }, [jobs]);
}
