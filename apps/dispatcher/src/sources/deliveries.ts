/**
 * Deliveries: kept, sealed, before their sender is answered; read afterwards, each once. One that cannot be understood is
 * `failed` with the reason, and can be replayed by hand once hive.yaml is right.
 */

import { hash } from "node:crypto";
import { isUtf8 } from "node:buffer";
import { HiveError, tallyKey, type Delivery, type Document } from "@hive/core";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import { IntakeError, type KeptIntake } from "../intake/intake-process.ts";
import type { Explained } from "../intake/messages.ts";
import type { Queue } from "../queue/contract.ts";
import { DELIVERIES_MAX, removeDeliveries } from "../retention/old-from-sources.ts";
import type { HookRequest } from "./contract.ts";
import type { FoundKeeper } from "./keep-found.ts";
import type { HealthBook } from "./source-health.ts";
import type { Source } from "./source-settings.ts";

/** Deliveries read from the store at once, and how often before jobs are made of what they hold. */
const PAGE = 20;
const PAGES = 10;
/** More than a source may keep: between two sweeps of retention a busy sender brings any number. */
const TOO_MANY = 1.1 * DELIVERIES_MAX;
/** Milliseconds after which somebody may ask again whose question could not be answered now. */
const LATER_MS = 5_000;

export interface DeliveriesOptions {
  readonly queue: Pick<Queue, "submit" | "documents">;
  readonly clock: Pick<Clock, "wall">;
  readonly health: HealthBook;
  readonly keep: FoundKeeper;
  /** Seals a text for the store; `place` is a part of the seal. */
  readonly seal: (place: DeliveryPlace, text: string) => unknown;
  /** @throws when it does not open */
  readonly open: (place: DeliveryPlace, sealed: unknown) => string;
}

export interface DeliveryPlace {
  readonly source: string;
  readonly id: string;
}

export interface Deliveries {
  /** Keeps it. @throws HiveError source_busy, not_ready, store_failed */
  receive(source: Source, request: HookRequest): Promise<{ readonly deliveryId: string }>;
  /**
   * Reads those of a source that wait, the oldest first; true: there are more.
   * @throws when the store or the intake is not there
   */
  readWaiting(source: Source, intake: KeptIntake): Promise<boolean>;
  /** Reads one again, whatever came of it before. @throws HiveError not_found, not_ready */
  replay(source: Source, id: string, intake: KeptIntake): Promise<Delivery>;
  /** What a delivery with this body would be. @throws HiveError invalid_field when it cannot be understood */
  explain(source: Source, request: HookRequest, intake: KeptIntake): Promise<readonly Explained[]>;
  find(source: string, id: string): Promise<Delivery>;
}

/** What is sealed: the headers its type wants, and the body, as text where it is one. */
const contentSchema = z.object({
  headers: z.record(z.string(), z.string()),
  body: z.string(),
  encoding: z.enum(["utf8", "base64"]),
});

export function createDeliveries(options: DeliveriesOptions): Deliveries {
  const { queue, clock, health, keep } = options;

  async function find(source: string, id: string): Promise<Delivery> {
    const [doc] = await queue.documents.get([{ collection: "deliveries", id: `${source}/${id}` }]);
    if (doc == null) throw new HiveError("not_found", `There is no delivery ${id} of ${source}`, { source, id });
    return asDelivery(doc);
  }

  async function read(source: Source, delivery: Delivery, intake: KeptIntake, replay: boolean): Promise<void> {
    const { id, receivedAt } = delivery;
    const position = { kind: "delivery", id, replay } as const;
    try {
      const content = contentSchema.parse(JSON.parse(options.open({ source: source.id, id }, delivery.sealed)));
      const found = await intake.ask<"read">({
        kind: "read",
        source: source.id,
        headers: content.headers,
        body: Buffer.from(content.body, content.encoding).toString("base64"),
        receivedAt,
        now: clock.wall(),
      });
      await keep(source, found, { position, failed: null, memories: {} });
      health.good(source.id, clock.wall());
    } catch (error) {
      // Only what is wrong with this delivery ends it; anything else is tried again with all of them.
      const why = whyFailed(error);
      if (why === null) throw error;
      health.bad(source.id, clock.wall(), `delivery ${id}: ${why}`);
      const nothing = { signals: [], followUps: [], filtered: 0 };
      await keep(source, nothing, { position, failed: why, memories: {} });
    }
  }

  async function removeOldest(source: string): Promise<void> {
    const [tally] = await queue.documents.get([tallyKey(source)]);
    const kept = Number(tally?.["deliveries"] ?? 0);
    if (kept <= TOO_MANY) return;
    await removeDeliveries({ queue, clock, pause: () => Promise.resolve() }, { source, deliveries: kept });
  }

  return {
    async receive(source, request) {
      const id = deliveryIdOf(source, request);
      await queue.submit<"receive">({
        type: "receive",
        source: source.id,
        id,
        bytes: request.body.byteLength,
        sealed: options.seal({ source: source.id, id }, JSON.stringify(contentOf(source, request))),
      });
      return { deliveryId: id };
    },

    async readWaiting(source, intake) {
      const equals = { source: source.id, state: "received" };
      for (let pages = 0; pages < PAGES; pages += 1) {
        const page = await queue.documents.list({ collection: "deliveries", index: "state", equals, limit: PAGE });
        for (const { doc } of page.items) await read(source, asDelivery(doc), intake, false);
        if (page.items.length > 0) continue;
        if (pages > 0) await removeOldest(source.id);
        return false;
      }
      await removeOldest(source.id);
      return true;
    },

    async replay(source, id, intake) {
      try {
        await read(source, await find(source.id, id), intake, true);
      } catch (error) {
        throw notNow(error);
      }
      return find(source.id, id);
    },

    async explain(source, { headers, body, receivedAt }, intake) {
      const kept = keptHeaders(source, headers);
      try {
        const { occurrences } = await intake.ask<"explain">({
          ...{ kind: "explain", source: source.id, headers: kept, body: body.toString("base64"), receivedAt },
          now: clock.wall(),
        });
        return occurrences;
      } catch (error) {
        const later = error instanceof IntakeError && error.code === "later";
        const why = later ? error.message : whyFailed(error);
        throw why === null ? notNow(error) : new HiveError("invalid_field", why, { source: source.id });
      }
    },

    find,
  };
}

/** What the intake cannot answer now, as whoever asked for it hears it. */
function notNow(error: unknown): unknown {
  if (!(error instanceof IntakeError)) return error;
  return new HiveError("not_ready", `${error.message}; try again later`, { retryAfterMs: LATER_MS }, { cause: error });
}

/** Null for what is no fault of the delivery. */
function whyFailed(error: unknown): string | null {
  if (error instanceof IntakeError) return error.code === "stopped" || error.code === "later" ? null : error.message;
  // It was sealed with a key that is gone, or changed in the store.
  return error instanceof Error && error.name === "SealError" ? error.message : null;
}

function contentOf(source: Source, { headers, body }: HookRequest): z.input<typeof contentSchema> {
  const encoding = isUtf8(body) ? "utf8" : "base64";
  return { headers: keptHeaders(source, headers), body: body.toString(encoding), encoding };
}

function keptHeaders(source: Source, headers: HookRequest["headers"]): Record<string, string> {
  const kept = source.type.hook?.keptHeaders ?? [];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => kept.includes(name)));
}

/** Ids go into paths and documents: one that does not fit is hashed. */
function deliveryIdOf(source: Source, request: HookRequest): string {
  const said = source.type.hook?.deliveryId(request) ?? "";
  // A header without a value names nothing.
  const given = said === "" ? null : said;
  if (given !== null && /^[A-Za-z0-9][A-Za-z0-9._:=+-]{0,127}$/.test(given)) return given;
  return hash("sha256", given ?? request.body, "hex");
}

/** A committed document as what it is: core wrote it. */
export function asDelivery(doc: Document): Delivery {
  const stored: unknown = doc;
  return stored as Delivery;
}
