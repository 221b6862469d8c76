/** Sources: what makes jobs of what other systems say. See `docs/sources.md`. */

import { GROUP_STAGES } from "@hive/core";
import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";
import { cursorSchema, limitSchema } from "./job-schemas.ts";
import {
  deliveryIdSchema,
  deliverySchema,
  dryRunSchema,
  fingerprintSchema,
  groupSchema,
  sourceIdSchema,
  sourceSchema,
} from "./source-schemas.ts";

const params = z.object({ sourceId: sourceIdSchema });
const groupParams = z.object({ sourceId: sourceIdSchema, fingerprint: fingerprintSchema });
const because = z.strictObject({ reason: z.string().max(1024).optional() }).optional();
const groups = z.object({ groups: z.array(groupSchema), next: z.string().nullable() });

export const sourceEndpoints = {
  hook: endpoint({
    method: "POST",
    path: "/hooks/:sourceId",
    access: "hook",
    summary:
      "Where a source's sender posts to: kept before the answer, read afterwards. What it presents is the source's",
    params,
    body: "bytes",
    reply: { status: 202, body: z.object({ deliveryId: z.string() }) },
    errors: ["not_found", "source_busy", "store_failed"],
  }),
  listSources: endpoint({
    method: "GET",
    path: "/v1/sources",
    access: "owner",
    summary: "Every source of hive.yaml: its funnel from received to jobs, its health, its open jobs",
    reply: { status: 200, body: z.object({ sources: z.array(sourceSchema) }) },
    errors: [],
  }),
  getSource: endpoint({
    method: "GET",
    path: "/v1/sources/:sourceId",
    access: "owner",
    summary: "One source as it stands",
    params,
    reply: { status: 200, body: sourceSchema },
    errors: ["not_found"],
  }),
  testSource: endpoint({
    method: "POST",
    path: "/v1/sources/:sourceId/test",
    access: "owner",
    summary: "A dry run: what a delivery with this body would be, and why; nothing is kept",
    params,
    body: z.strictObject({
      /** The body as its sender would send it. */
      body: z.string().max(1_048_576),
      /** Its headers, where the type reads any. */
      headers: z.record(z.string().max(128), z.string().max(4096)).default({}),
    }),
    bodyLimit: 4 * 1_048_576,
    reply: { status: 200, body: z.object({ occurrences: z.array(dryRunSchema) }) },
    errors: ["not_found"],
  }),
  listDeliveries: endpoint({
    method: "GET",
    path: "/v1/sources/:sourceId/deliveries",
    access: "owner",
    summary: "What was delivered to a source, newest first, and what came of it",
    params,
    query: z.strictObject({
      state: z.enum(["received", "processed", "failed"]).optional(),
      cursor: cursorSchema.optional(),
      limit: limitSchema,
    }),
    reply: { status: 200, body: z.object({ deliveries: z.array(deliverySchema), next: z.string().nullable() }) },
    errors: ["not_found", "bad_filter"],
  }),
  replayDelivery: endpoint({
    method: "POST",
    path: "/v1/deliveries/:sourceId/:deliveryId/replay",
    access: "owner",
    summary: "Reads a delivery again with the settings of now, also one that failed; what it holds counts once more",
    params: z.object({ sourceId: sourceIdSchema, deliveryId: deliveryIdSchema }),
    reply: { status: 200, body: deliverySchema },
    errors: ["not_found"],
  }),
  listGroups: endpoint({
    method: "GET",
    path: "/v1/sources/:sourceId/groups",
    access: "owner",
    summary: "What a source found, last seen first, by stage",
    params,
    query: z.strictObject({
      stage: z.enum(GROUP_STAGES).optional(),
      cursor: cursorSchema.optional(),
      limit: limitSchema,
    }),
    reply: { status: 200, body: groups },
    errors: ["not_found", "bad_filter"],
  }),
  listHeld: endpoint({
    method: "GET",
    path: "/v1/sources/:sourceId/held",
    access: "owner",
    summary: "What a source holds back, with the reason of each",
    params,
    query: z.strictObject({ cursor: cursorSchema.optional(), limit: limitSchema }),
    reply: { status: 200, body: groups },
    errors: ["not_found"],
  }),
  getGroup: endpoint({
    method: "GET",
    path: "/v1/groups/:sourceId/:fingerprint",
    access: "owner",
    summary: "One group, with its samples",
    params: groupParams,
    reply: { status: 200, body: groupSchema },
    errors: ["not_found"],
  }),
  muteGroup: endpoint({
    method: "POST",
    path: "/v1/groups/:sourceId/:fingerprint/mute",
    access: "owner",
    summary: "Lets a group count and make no jobs, until an instant or until somebody says otherwise",
    params: groupParams,
    body: z
      .strictObject({ until: z.iso.datetime({ offset: true }).optional(), reason: z.string().max(1024).optional() })
      .optional(),
    reply: { status: 200, body: groupSchema },
    errors: ["not_found"],
  }),
  unmuteGroup: endpoint({
    method: "POST",
    path: "/v1/groups/:sourceId/:fingerprint/unmute",
    access: "owner",
    summary: "Ends a mute; what is decided about the group now is as if it had not been",
    params: groupParams,
    reply: { status: 200, body: groupSchema },
    errors: ["not_found"],
  }),
  resolveGroup: endpoint({
    method: "POST",
    path: "/v1/groups/:sourceId/:fingerprint/resolve",
    access: "owner",
    summary: "Says that a group's trouble is over: what waits for it is canceled, as the source's policy says",
    params: groupParams,
    body: because,
    reply: { status: 200, body: groupSchema },
    errors: ["not_found"],
  }),
  releaseGroup: endpoint({
    method: "POST",
    path: "/v1/groups/:sourceId/:fingerprint/release",
    access: "owner",
    summary: "Lets a held group have its job, past every limit, once",
    params: groupParams,
    body: because,
    reply: { status: 200, body: groupSchema },
    errors: ["not_found", "stale_group"],
  }),
} as const satisfies Record<string, Endpoint>;
