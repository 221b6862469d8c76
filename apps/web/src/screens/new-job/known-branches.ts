import { useQueries } from "@tanstack/react-query";
import { call } from "../../api/call.ts";
import { keyOf, useApi } from "../../api/use-api.ts";

/** Jobs that are looked at for their branches. */
const LOOKED_AT = 6;

/** Branches that the latest jobs of a repository started from and pushed to. `repo`: empty for none. */
export function useKnownBranches(repo: string): {
  readonly bases: readonly string[];
  readonly branches: readonly string[];
} {
  const list = useApi("listJobs", { query: { repo, limit: LOOKED_AT } }, { enabled: repo !== "" });
  return useQueries({
    queries: (repo === "" ? [] : (list.data?.jobs ?? [])).map(({ jobId }) => ({
      queryKey: keyOf("getJob", { params: { jobId } }),
      queryFn: ({ signal }: { readonly signal: AbortSignal }) => call("getJob", { params: { jobId } }, signal),
    })),
    combine: (answers) => {
      const jobs = answers.flatMap(({ data }) => (data === undefined ? [] : [data]));
      const branches = jobs.map(({ branch }) => branch).filter((branch) => branch !== null);
      const bases = jobs.map(({ base }) => base).filter((base) => base !== null);
      return { bases: [...new Set([...bases, ...branches])], branches: [...new Set(branches)] };
    },
  });
}
