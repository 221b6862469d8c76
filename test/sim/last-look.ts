/**
 * What clients see once the world is at rest: every job, event, log and bill. Where things are swept away, a last sweep
 * follows, and then all that is not kept any more is asked for, and put in, once again.
 */

import {
  type Delivery,
  type Group,
  type HiveEvent,
  isTerminal,
  nanoOf,
  type SlotRecord,
  type Status,
  type Tally,
  usageOf,
} from "@hive/core";
import { everyDocument } from "../../apps/dispatcher/src/store/every-document.ts";
import { type Dispatcher, eventsFrom } from "./dispatcher.ts";
import { parentOf } from "./families.ts";
import type { FinalLook, JobSeen } from "./history.ts";
import { KEEP_MS } from "./rules.ts";
import type { World } from "./world.ts";

/** Lets time go on until this is answered. */
type Asked = <T>(ask: () => Promise<T>) => Promise<T>;

/** The last look of this world. @throws when a dispatcher does not answer */
export async function lastLook(world: World, asked: Asked): Promise<FinalLook> {
  const jobs = await jobsOf(world, asked);
  const logs = new Map<string, string>();
  for (const id of jobs.keys()) {
    for (const fence of await world.disk.logs.fences(id)) {
      let text = "";
      for await (const piece of world.disk.logs.read({ jobId: id, fence })) text += Buffer.from(piece).toString();
      logs.set(`${id}/${fence}`, text);
    }
  }
  const usage = await asked(() => usageOfAll(queenOf(world), [...jobs.keys()]));
  const left = world.scenario.every.sweep === null ? [] : await sweepAll(world, asked);
  const slots = await asked(() => slotsOf(queenOf(world)));
  const sources = await asked(() => sourcesOf(queenOf(world)));
  const forgotten = new Map(world.history.all("forgotten").map(({ id, status }) => [id, status]));
  return { ...(await eventsOf(world, asked)), jobs, forgotten, left, logs, usage, slots, sources };
}

function queenOf({ replicas: { queen } }: World): Dispatcher {
  if (queen === null) throw new Error("no dispatcher at the end");
  return queen;
}

async function jobsOf({ clients }: World, asked: Asked): Promise<ReadonlyMap<string, JobSeen>> {
  const jobs = new Map<string, JobSeen>();
  for (const id of clients.ids) {
    const job = await asked(() => clients.read(id));
    if (job !== null) jobs.set(id, job);
  }
  return jobs;
}

/** Sweeps until everything is old enough; gives in words what should be gone then and is not. */
async function sweepAll(world: World, asked: Asked): Promise<readonly string[]> {
  await world.time.runUntil(world.time.now + KEEP_MS + 1_000);
  await asked(() => queenOf(world).sweep());
  const left: string[] = [];
  const kept = await jobsOf(world, asked);
  const over = [...kept].filter(([, { status }]) => isTerminal(status as Status)).map(([id]) => id);
  // Candidates stay as long as the job they work for.
  const alone = over.filter((id) => id === parentOf(id) || !kept.has(parentOf(id)));
  // The newest of all stays, whose number the next one follows.
  if (alone.length > 1) left.push(`${alone.join(", ")} are still there`);
  const { queue } = queenOf(world);
  const stored = await asked(() => eventsFrom(queue, 1));
  for (const { id, type, jobId } of stored) {
    if (jobId !== null && !kept.has(jobId) && id !== queue.lastEvent())
      left.push(`event ${id} (${type}) of ${jobId} is still there`);
  }
  for (const id of new Set(world.history.all("forgotten").map((told) => told.id))) {
    const fences = await world.disk.logs.fences(id);
    if (fences.length > 0) left.push(`the logs of ${id} are still there`);
    // As it was put in, and as another job.
    await asked(() => world.clients.askAgain(id, true));
    await asked(() => world.clients.askAgain(id, false));
  }
  return left;
}

/** The stream: as it is in the store, and where that was swept away as a reader saw it. */
async function eventsOf(world: World, asked: Asked): Promise<Pick<FinalLook, "events" | "swept">> {
  const stored = new Map((await asked(() => eventsFrom(queenOf(world).queue, 1))).map((event) => [event.id, event]));
  const events: HiveEvent[] = [];
  const swept = new Set<number>();
  for (let id = 1; id <= Math.max(0, ...stored.keys()); id += 1) {
    const event = stored.get(id) ?? world.readers.kept(id);
    if (!stored.has(id)) swept.add(id);
    if (event !== null) events.push(event);
  }
  return { events, swept };
}

async function slotsOf({ queue: { documents } }: Dispatcher): Promise<FinalLook["slots"]> {
  return (await allOf(documents, "slots")) as SlotRecord[];
}

async function sourcesOf({ queue: { documents } }: Dispatcher): Promise<NonNullable<FinalLook["sources"]>> {
  return {
    groups: (await allOf(documents, "groups")) as Group[],
    tallies: (await allOf(documents, "tallies")) as Tally[],
    deliveries: (await allOf(documents, "deliveries")) as Delivery[],
  };
}

async function allOf(documents: Dispatcher["queue"]["documents"], collection: string): Promise<unknown[]> {
  const docs: unknown[] = [];
  for await (const { doc } of everyDocument(documents, { collection })) docs.push(doc);
  return docs;
}

/** What each job used of models, as its page shows it. */
async function usageOfAll({ queue }: Dispatcher, ids: readonly string[]): Promise<FinalLook["usage"]> {
  const docs = await queue.documents.get(ids.map((id) => ({ collection: "usage", id })));
  return new Map(
    ids.map((id, place) => {
      const used = usageOf(docs[place] ?? null, true);
      return [id, { calls: used?.calls ?? 0, nano: nanoOf(used?.costUsd ?? 0) }];
    }),
  );
}
