/** Sources for their senders, for people and for programs. What happens is in `sources/`; here it only comes and goes. */

import { HiveError, tallyKey, type Delivery, type Group, type Tally } from "@hive/core";
import type { DeliveryView, GroupView, SourceView } from "@hive/protocol";
import { asDelivery } from "../../sources/deliveries.ts";
import { decide } from "../../sources/dry-run.ts";
import { asGroup } from "../../sources/keep-found.ts";
import type { SourceHealth } from "../../sources/source-health.ts";
import type { Source } from "../../sources/source-settings.ts";
import { createBodyRoom } from "../body-room.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

type SourceHandlers = Pick<
  Handlers,
  | "hook"
  | "listSources"
  | "getSource"
  | "testSource"
  | "listDeliveries"
  | "replayDelivery"
  | "listGroups"
  | "listHeld"
  | "getGroup"
  | "muteGroup"
  | "unmuteGroup"
  | "resolveGroup"
  | "releaseGroup"
>;
type Known = { readonly source: Source; readonly health: SourceHealth };

export function sourceHandlers(parts: Pick<Parts, "queue" | "clock" | "sources">): SourceHandlers {
  const { queue, clock, sources } = parts;
  const readBody = createBodyRoom();

  async function viewsOf(all: readonly Known[]): Promise<SourceView[]> {
    if (all.length === 0) return [];
    const tallies: readonly unknown[] = await queue.documents.get(all.map(({ source }) => tallyKey(source.id)));
    return all.map((one, place) => viewOf(one, (tallies[place] ?? null) as Tally | null));
  }

  async function groupsOf(
    id: string,
    { stage, cursor, limit }: { readonly stage?: Group["stage"]; readonly cursor?: string; readonly limit: number },
  ): Promise<{ groups: GroupView[]; next: string | null }> {
    sources.find(id);
    const page = await queue.documents.list({
      collection: "groups",
      ...(stage === undefined
        ? { index: "source", equals: { source: id } }
        : { index: "stage", equals: { source: id, stage } }),
      ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
      order: "descending",
      limit,
    });
    return { groups: page.items.map(({ doc }) => groupView(asGroup(doc))), next: encodeCursor(page.next) };
  }

  return {
    async hook({ params, body, headers }) {
      // Before anything of the body is read.
      sources.find(params.sourceId);
      const whole = await readBody(body);
      const given = Object.entries(headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value] as const],
      );
      return sources.receive(params.sourceId, {
        headers: Object.fromEntries(given),
        body: whole,
        receivedAt: clock.wall(),
      });
    },

    async listSources() {
      return { sources: await viewsOf(sources.list()) };
    },

    async getSource({ params }) {
      const [view] = await viewsOf([sources.find(params.sourceId)]);
      if (view === undefined) throw new Error("one source has one view");
      return view;
    },

    async testSource({ params, body }) {
      const { source } = sources.find(params.sourceId);
      const request = {
        headers: Object.fromEntries(Object.entries(body.headers).map(([name, value]) => [name.toLowerCase(), value])),
        body: Buffer.from(body.body),
        receivedAt: clock.wall(),
      };
      const explained = await sources.explain(source.id, request);
      return { occurrences: await decide(queue, clock, source, explained) };
    },

    async listDeliveries({ params, query: { state, cursor, limit } }) {
      const { source } = sources.find(params.sourceId);
      const page = await queue.documents.list({
        collection: "deliveries",
        ...(state === undefined
          ? { index: "source", equals: { source: source.id } }
          : { index: "state", equals: { source: source.id, state } }),
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        order: "descending",
        limit,
      });
      return { deliveries: page.items.map(({ doc }) => deliveryView(asDelivery(doc))), next: encodeCursor(page.next) };
    },

    async replayDelivery({ params }) {
      return deliveryView(await sources.replay(params.sourceId, params.deliveryId));
    },

    listGroups: ({ params, query: { stage, cursor, limit } }) =>
      groupsOf(params.sourceId, {
        limit,
        ...(stage === undefined ? {} : { stage }),
        ...(cursor === undefined ? {} : { cursor }),
      }),

    listHeld: ({ params, query: { cursor, limit } }) =>
      groupsOf(params.sourceId, { stage: "held", limit, ...(cursor === undefined ? {} : { cursor }) }),

    async getGroup({ params }) {
      const { sourceId: source, fingerprint } = params;
      const [doc] = await queue.documents.get([{ collection: "groups", id: `${source}/${fingerprint}` }]);
      if (doc != null) return groupView(asGroup(doc));
      throw new HiveError("not_found", `There is no group ${fingerprint} of ${source}`, { source, fingerprint });
    },

    muteGroup: async ({ params, body, caller }) =>
      groupView(
        await sources.control({
          ...{ source: params.sourceId, fingerprint: params.fingerprint, action: "mute", by: caller.name },
          until: body?.until === undefined ? null : Date.parse(body.until),
          reason: body?.reason ?? "",
        }),
      ),
    unmuteGroup: async ({ params, caller }) =>
      groupView(
        await sources.control({
          ...{ source: params.sourceId, fingerprint: params.fingerprint, action: "unmute", by: caller.name },
          ...{ until: null, reason: "" },
        }),
      ),
    resolveGroup: async ({ params, body, caller }) =>
      groupView(
        await sources.control({
          ...{ source: params.sourceId, fingerprint: params.fingerprint, action: "resolve", by: caller.name },
          ...{ until: null, reason: body?.reason ?? "" },
        }),
      ),
    releaseGroup: async ({ params, body, caller }) =>
      groupView(
        await sources.control({
          ...{ source: params.sourceId, fingerprint: params.fingerprint, action: "release", by: caller.name },
          ...{ until: null, reason: body?.reason ?? "" },
        }),
      ),
  };
}

function viewOf({ source, health }: Known, tally: Tally | null): SourceView {
  const { goodAt, error, notice, nextPollAt } = health;
  return {
    id: source.id,
    type: source.type.name,
    trust: source.trust,
    managedBy: "file",
    everySeconds: source.everyMs === null ? null : source.everyMs / 1_000,
    hook: source.type.hook === null ? null : `/hooks/${source.id}`,
    funnel: {
      received: tally?.received ?? 0,
      filtered: tally?.filtered ?? 0,
      grouped: tally?.grouped ?? 0,
      overflow: tally?.overflow ?? 0,
      groups: tally?.groups ?? 0,
      held: tally?.held ?? 0,
      jobs: tally?.jobs ?? 0,
    },
    open: Object.values(tally?.open ?? {}),
    waiting: tally?.waiting ?? 0,
    health: {
      goodAt: maybe(goodAt),
      error: error === null ? null : { at: iso(error.at), message: error.message },
      notice,
      nextPollAt: maybe(nextPollAt),
    },
  };
}

function deliveryView({ id, receivedAt, state, message, bytes, seen, times, replays }: Delivery): DeliveryView {
  const found = seen === null ? null : { filtered: seen.filtered, fingerprints: [...seen.fingerprints] };
  return { id, receivedAt: iso(receivedAt), state, message, bytes, seen: found, times, replays };
}

function groupView(group: Group): GroupView {
  const { source, fingerprint, title, stage, severity, count, regressed } = group;
  const { firstAt, lastAt, firing, wakeAt, hold, mute, job, samples } = group;
  return {
    ...{ source, fingerprint, title, stage, severity, count, regressed },
    firstAt: iso(firstAt),
    lastAt: iso(lastAt),
    firing: firing === null ? null : { ...firing, since: iso(firing.since) },
    wakeAt: maybe(wakeAt),
    hold: hold === null ? null : { ...hold, since: iso(hold.since) },
    mute: mute === null ? null : { ...mute, at: iso(mute.at), until: maybe(mute.until) },
    job: job === null ? null : { id: job.id, openedAt: iso(job.openedAt), endedAt: maybe(job.endedAt) },
    samples: samples.map(({ at, text, fields, link }) => ({ at: iso(at), text, fields: { ...fields }, link })),
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function maybe(at: number | null): string | null {
  return at === null ? null : iso(at);
}
