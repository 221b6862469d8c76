/**
 * What the LLM gateway, a process of its own beside the dispatcher, asks and tells: whose token is this, may this call be
 * made, what did it come to, and the provider takes no more for now.
 */

import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";
import { jobIdSchema } from "./job-schemas.ts";

/** Whom a call to a model goes to. `local`: a server of the operator's own, at no price. */
const providerSchema = z.enum(["anthropic", "openai", "gemini", "local"]);

export const gatewayEndpoints = {
  gatewayVerify: endpoint({
    method: "POST",
    path: "/v1/gateway/verify",
    access: "server",
    summary: "Whose `llm` token is this, and is its lease alive?",
    body: z.strictObject({ token: z.string().max(4096) }),
    reply: { status: 200, body: z.object({ jobId: z.string(), fence: z.int(), workerId: z.string() }) },
    errors: ["lease_lost"],
  }),
  gatewayAdmit: endpoint({
    method: "POST",
    path: "/v1/gateway/admit",
    access: "server",
    summary:
      "Whose `llm` token is this, and do the job's budgets cover this call at its worst? Then that much is set aside",
    body: z.strictObject({
      token: z.string().max(4096),
      /** Chosen by the gateway; the same call asks once and is paid once. */
      callId: z.string().min(1).max(128),
      provider: providerSchema,
      model: z.string().max(256).nullable(),
      /** The most this call can take. Input: all that is sent, cached or not. */
      worst: z.strictObject({
        inputTokens: z.int().min(0),
        outputTokens: z.int().min(0),
        webSearches: z.int().min(0),
      }),
      /** A call that costs nothing and is not counted, such as a list of models: only the token is looked at. */
      free: z.literal(true).optional(),
    }),
    reply: { status: 200, body: z.object({ jobId: z.string(), fence: z.int(), workerId: z.string() }) },
    errors: ["lease_lost", "not_begun", "budget_exceeded"],
  }),
  gatewayQuota: endpoint({
    method: "POST",
    path: "/v1/gateway/quota",
    access: "server",
    summary:
      "The provider takes no more calls of this job before a time: it is parked until then. Told before the agent is answered, so that its worker knows why",
    body: z.strictObject({
      jobId: jobIdSchema,
      fence: z.int().min(1),
      provider: providerSchema,
      /** Wall time in milliseconds when the provider takes calls again, as it said. */
      until: z.int().min(0),
      /** For people: what the provider said of its limit. */
      message: z.string().max(2_048),
    }),
    /** `until` as it stands; false where the attempt ends for another reason anyway. */
    reply: { status: 200, body: z.object({ parked: z.boolean(), until: z.int().nullable() }) },
    errors: ["lease_lost", "not_begun"],
  }),
  gatewayUsage: endpoint({
    method: "POST",
    path: "/v1/gateway/usage",
    access: "server",
    summary: "What one call to a model used, in place of what was set aside for it; the same call counts once",
    body: z.strictObject({
      jobId: jobIdSchema,
      fence: z.int().min(1),
      callId: z.string().min(1).max(128),
      provider: providerSchema,
      /** The model that answered; null: nobody said. */
      model: z.string().max(256).nullable(),
      /** Input that was neither read from a cache nor written to one: the three do not overlap. */
      inputTokens: z.int().min(0),
      /** All that the model wrote, its thoughts too. */
      outputTokens: z.int().min(0),
      cacheReadTokens: z.int().min(0),
      cacheWriteTokens: z.int().min(0),
      /** The part of `cacheWriteTokens` that is kept for an hour, where the provider says so. */
      cacheWrite1hTokens: z.int().min(0),
      /** Searches of the web that the provider made. */
      webSearches: z.int().min(0),
      /** False: the call was cut off before its last figures. All figures 0 and final: the provider did nothing. */
      final: z.boolean(),
    }),
    reply: { status: 200, body: z.object({ counted: z.boolean() }) },
    errors: ["lease_lost"],
  }),
} as const satisfies Record<string, Endpoint>;
