/** Telling people where they are. See `docs/notifications.md`. */

import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";
import { channelNameSchema, channelSchema, channelTestSchema } from "./notify-schemas.ts";

export const notifyEndpoints = {
  listChannels: endpoint({
    method: "GET",
    path: "/v1/notify",
    access: "owner",
    summary: "The channels of hive.yaml that people are told over: what each is told, what waits, what went wrong",
    reply: { status: 200, body: z.object({ channels: z.array(channelSchema) }) },
    errors: [],
  }),
  testChannel: endpoint({
    method: "POST",
    path: "/v1/notify/test",
    access: "owner",
    summary: "Sends a test message over a channel now, and answers with what the other side said",
    body: z.strictObject({ channel: channelNameSchema }),
    reply: { status: 200, body: channelTestSchema },
    errors: ["not_found", "too_many_requests"],
  }),
} as const satisfies Record<string, Endpoint>;
