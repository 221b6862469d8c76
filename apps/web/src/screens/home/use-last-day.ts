import { useApi } from "../../api/use-api.ts";
import { useNow } from "../../ui/time.tsx";

/** The day begins anew so often, in milliseconds: the question is the same in between. */
const STEP_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

/** What ended in the last 24 hours, to the next five minutes. */
export function useLastDay(): ReturnType<typeof useApi<"digest">> {
  const since = Math.floor(useNow() / STEP_MS) * STEP_MS - DAY_MS;
  return useApi("digest", { query: { since } }, { keep: true });
}
