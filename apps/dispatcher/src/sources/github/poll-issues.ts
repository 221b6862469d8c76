/** The part of a poll about issues with the label: new ones are jobs, ones that are gone from the list are over. */

import { z } from "zod";
import { isLabel, issueGone, issueOccurrence, issueSchema, type GitHubIssue } from "./occurrences.ts";
import { userSchema, type GitHubUser } from "./people.ts";
import { askAgain, type Asking } from "./asking.ts";

const PAGE = 100;
/** Open issues with the label beyond these are looked at once others are closed; while there are more, none is known to be. */
const MOST_PAGES = 10;
/** Issues looked into in one poll: each costs questions of its own, and a poll that takes too long is for nothing. */
const MOST_NEW = 20;
/** Pages of one issue's history; GitHub lists the oldest first. */
const MOST_HISTORY = 10;

const historySchema = z.array(
  z.object({
    event: z.string(),
    created_at: z.string(),
    actor: userSchema.nullish(),
    label: z.object({ name: z.string() }).optional(),
  }),
);

/** Reads them into `asking`. */
export async function pollIssues(asking: Asking): Promise<void> {
  const { own, name, caller, cursor, found, now } = asking;
  const query = `state=open&labels=${encodeURIComponent(own.label)}&sort=updated&direction=desc&per_page=${PAGE}`;
  // Sorted by change: whatever changes comes to the first page. Its tag stands for all where it is the only one: one that
  // is closed is in none, and the first is as it was.
  const first = await askAgain(asking, `/repos/${name}/issues?${query}`, z.array(issueSchema));
  if (first === null) return;
  const listed = [...first.data];
  let isWhole = first.data.length < PAGE;
  for (let page = 2; !isWhole && page <= MOST_PAGES; page += 1) {
    const next = await caller.get(`/repos/${name}/issues?${query}&page=${page}`, z.array(issueSchema));
    if (next.news) listed.push(...next.data);
    isWhole = !next.news || next.data.length < PAGE;
  }
  // Pull requests are issues to GitHub, and Hive may label its own.
  const open = listed.filter(({ pull_request }) => pull_request === undefined);
  let looked = 0;
  for (const issue of open) {
    // Without the tag of this answer the next poll goes on with the rest.
    if (looked >= MOST_NEW) return;
    if (await readIssue(asking, issue)) looked += 1;
  }
  const numbers = new Set(open.map(({ number }) => String(number)));
  for (const [number, { episode }] of Object.entries(cursor.issues)) {
    if (numbers.has(number) || !isWhole) continue;
    delete cursor.issues[number];
    if (episode !== null) found.push(issueGone(own, Number(number), episode, now));
  }
  if (first.data.length < PAGE) first.keep();
}

/** Gives whether anything had to be asked. */
async function readIssue(asking: Asking, issue: GitHubIssue): Promise<boolean> {
  const { own, cursor, found, mayOrder } = asking;
  const key = String(issue.number);
  const known = cursor.issues[key];
  // One that was refused is looked at again after each change: somebody else may have given the label meanwhile.
  if (known !== undefined && (known.episode !== null || known.seen === issue.updated_at)) return false;
  const by = await whoLabelled(asking, issue.number);
  const allowed = await mayOrder(by);
  if (allowed) found.push(issueOccurrence(own, issue, "firing", by));
  cursor.issues[key] = { episode: allowed ? issue.created_at : null, seen: issue.updated_at };
  return true;
}

/** Who gave the label last; null: nobody is known. */
async function whoLabelled({ own, name, caller }: Asking, number: number): Promise<GitHubUser | null> {
  let by: GitHubUser | null = null;
  for (let page = 1; page <= MOST_HISTORY; page += 1) {
    const path = `/repos/${name}/issues/${number}/events?per_page=${PAGE}&page=${page}`;
    const answer = await caller.get(path, historySchema);
    const events = answer.news ? answer.data : [];
    for (const { event, label, actor } of events) {
      if (event === "labeled" && isLabel(own, label?.name)) by = actor ?? null;
    }
    if (events.length < PAGE) break;
  }
  return by;
}
