/** The part of a poll about the default branch: a check that is red there is trouble for everybody. */

import { z } from "zod";
import { checkOccurrence, isRed } from "./occurrences.ts";
import { askAgain, type Asking } from "./asking.ts";

/** Red checks that are remembered. */
const MOST_RED = 50;

const runsSchema = z.object({
  check_runs: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      conclusion: z.string().nullish(),
      head_sha: z.string(),
      html_url: z.string().nullish(),
      completed_at: z.string().nullish(),
      output: z.object({ title: z.string().nullish(), summary: z.string().nullish() }).nullish(),
    }),
  ),
});

/** Reads them into `asking`. */
export async function pollMain(asking: Asking): Promise<void> {
  const { own, name, cursor, found } = asking;
  const answer = await askAgain(asking, `/repos/${name}/commits/HEAD/check-runs?per_page=100`, runsSchema);
  if (answer === null) return;
  const red = new Set(cursor.red);
  for (const run of answer.data.check_runs) {
    const { name: check, conclusion } = run;
    if (run.status !== "completed" || (!isRed(conclusion) && conclusion !== "success")) continue;
    if (isRed(conclusion) === red.has(check) || (isRed(conclusion) && red.size >= MOST_RED)) continue;
    const text = [run.output?.title, run.output?.summary].filter((part) => part != null && part !== "").join("\n");
    const said = { commit: run.head_sha, url: run.html_url ?? null, text, at: run.completed_at ?? null };
    const isFiring = isRed(conclusion);
    found.push(
      checkOccurrence(
        own,
        { name: check, conclusion: conclusion ?? "", ...said },
        isFiring ? "firing" : "resolved",
        check,
      ),
    );
    if (isFiring) red.add(check);
    else red.delete(check);
  }
  cursor.red = [...red];
  answer.keep();
}
