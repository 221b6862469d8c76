/** The part of a poll about the pull requests that Hive opened: what was said of them, and their red checks. */

import { z } from "zod";
import { followUpOccurrence, isRed, OWN_BRANCHES } from "./occurrences.ts";
import { userSchema, type GitHubUser } from "./people.ts";
import { askAgain, type Asking } from "./asking.ts";

const PAGE = 100;
/** Open pull requests that are listed at once: each comes with its whole text, which anybody may have written. */
const PULLS_PAGE = 50;
/** Pull requests of Hive's that are looked at, the last changed first. */
const MOST_PULLS = 20;
/** Reviews of one pull request that are known one by one, the newest. */
const MOST_REVIEWS = 50;
/** Pages of reviews; GitHub lists the oldest first. */
const MOST_PAGES = 10;

const pullSchema = z.object({
  number: z.int().positive(),
  head: z.object({
    ref: z.string(),
    sha: z.string(),
    repo: z.object({ full_name: z.string() }).nullish(),
  }),
});
type Pull = z.output<typeof pullSchema>;
const reviewsSchema = z.array(
  z.object({ id: z.int(), user: userSchema.nullish(), state: z.string(), body: z.string().nullish() }),
);
const linesSchema = z.array(z.object({ pull_request_review_id: z.int().nullish(), user: userSchema.nullish() }));
const runsSchema = z.object({
  check_runs: z.array(z.object({ status: z.string(), conclusion: z.string().nullish() })),
});
const statusSchema = z.object({ state: z.string(), statuses: z.array(z.object({ state: z.string() })) });

/** Reads them into `asking`. */
export async function pollPulls(asking: Asking): Promise<void> {
  const { own, name, cursor, caller } = asking;
  // Without a tag: checks change without the list of pull requests changing.
  const query = `state=open&sort=updated&direction=desc&per_page=${PULLS_PAGE}`;
  const answer = await caller.get(`/repos/${name}/pulls?${query}`, z.array(pullSchema));
  const listed = answer.news ? answer.data : [];
  // A branch of a fork may have any name.
  const isOwn = ({ head }: Pull): boolean =>
    head.ref.startsWith(OWN_BRANCHES) && head.repo?.full_name.toLowerCase() === name.toLowerCase();
  const pulls = listed.filter(isOwn).slice(0, MOST_PULLS);
  const numbers = new Set(pulls.map(({ number }) => String(number)));
  for (const number of Object.keys(cursor.pulls)) if (!numbers.has(number)) delete cursor.pulls[number];
  for (const pull of pulls) {
    cursor.pulls[pull.number] ??= { red: null, review: 0, reviews: [] };
    if (own.on.includes("reviews")) await readReviews(asking, pull);
    if (own.on.includes("checks")) await readChecks(asking, pull);
  }
  cursor.pullsKnown = true;
}

async function readReviews(asking: Asking, { number, head }: Pull): Promise<void> {
  const { own, name, cursor, found, mayOrder } = asking;
  const kept = cursor.pulls[number];
  if (kept === undefined) return;
  const path = `/repos/${name}/pulls/${number}`;
  const asks = new Map<number, GitHubUser | null>();
  const keeps: (() => void)[] = [];
  const pageOf = (page: number): string => `${path}/reviews?per_page=${PAGE}&page=${page}`;
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const reviews = await askAgain(asking, pageOf(page), reviewsSchema);
    for (const { id, user, state, body } of reviews?.data ?? []) {
      if (state === "CHANGES_REQUESTED" || (state === "COMMENTED" && body?.trim())) asks.set(id, user ?? null);
    }
    if (reviews !== null) keeps.push(reviews.keep);
    // A full page stays as it is, and what is new is on the one behind it, which was asked for then.
    const isFull = reviews === null ? pageOf(page + 1) in cursor.tags : reviews.data.length === PAGE;
    if (!isFull) break;
  }
  const lines = await askAgain(asking, `${path}/comments?sort=created&direction=desc&per_page=${PAGE}`, linesSchema);
  for (const { pull_request_review_id: id, user } of lines?.data ?? []) if (id != null) asks.set(id, user ?? null);
  const known = new Set(kept.reviews);
  for (const [id, user] of asks) {
    if (id <= kept.review || known.has(id)) continue;
    known.add(id);
    if (cursor.pullsKnown && (await mayOrder(user))) found.push(followUpOccurrence(own, head.ref, `review ${id}`));
  }
  const ids = [...known].toSorted((one, other) => one - other);
  const review = ids.at(-1 - MOST_REVIEWS) ?? kept.review;
  cursor.pulls[number] = { ...kept, review, reviews: ids.slice(-MOST_REVIEWS) };
  for (const keep of keeps) keep();
  lines?.keep();
}

/** Red checks count once all have ended: the agent is told of all of them at once. */
async function readChecks(asking: Asking, { number, head }: Pull): Promise<void> {
  const { own, name, cursor, found } = asking;
  const kept = cursor.pulls[number];
  if (kept === undefined || kept.red === head.sha) return;
  const path = `/repos/${name}/commits/${head.sha}`;
  const runs = await askAgain(asking, `${path}/check-runs?per_page=${PAGE}`, runsSchema);
  const status = await askAgain(asking, `${path}/status?per_page=${PAGE}`, statusSchema);
  const all = runs?.data.check_runs ?? [];
  const states = status?.data.statuses ?? [];
  const isRunning = all.some((run) => run.status !== "completed") || states.some(({ state }) => state === "pending");
  const red =
    all.some(({ conclusion }) => isRed(conclusion)) ||
    states.some(({ state }) => state === "failure" || state === "error");
  if (red && !isRunning) {
    if (cursor.pullsKnown) found.push(followUpOccurrence(own, head.ref, `checks of ${head.sha}`));
    cursor.pulls[number] = { ...kept, red: head.sha };
  }
  // While some run, an answer without news would hide what the others said.
  if (isRunning) return;
  runs?.keep();
  status?.keep();
}
