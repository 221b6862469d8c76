/** The API as OpenAPI 3.1, made from the list of endpoints: what is not in the list is not in here, and the other way round. */

import { ERRORS, type ErrorCode } from "@hive/core";
import { endpoints, problemSchema, PROBLEM_MEDIA_TYPE, type Access, type Endpoint } from "@hive/protocol";
import { z } from "zod";

/** Codes any endpoint may answer with, beside its own. */
const COMMON: readonly ErrorCode[] = ["bad_request", "not_ready", "store_failed", "internal"];
const WITH_BODY: readonly ErrorCode[] = ["invalid_field", "body_too_large", "unsupported_media_type"];

const SECURITY: Readonly<Record<Access, string | null>> = {
  open: null,
  registration: null,
  hook: null,
  owner: "owner",
  worker: "worker",
  lease: "lease",
  server: "server",
};

const RAW_TYPES = {
  bytes: "application/octet-stream",
  text: "text/plain",
  html: "text/html",
  events: "text/event-stream",
} as const;

type Json = Record<string, unknown>;

/** Every code an endpoint can answer with. */
export function errorCodesOf(endpoint: Endpoint): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>([...COMMON, ...endpoint.errors]);
  if (endpoint.body !== undefined) for (const code of WITH_BODY) codes.add(code);
  if (endpoint.params !== undefined || endpoint.query !== undefined) codes.add("invalid_field");
  if (endpoint.access !== "open" && endpoint.access !== "registration") codes.add("unauthorized");
  if (endpoint.access === "worker") codes.add("worker_unknown");
  if (endpoint.access === "lease") codes.add("lease_lost");
  return [...codes];
}

/** The document. */
export function openApi(version: string): Json {
  const paths: Record<string, Json> = {};
  const schemas: Json = {};
  for (const [name, endpoint] of Object.entries(endpoints) as [string, Endpoint][]) {
    const path = endpoint.path.replace(/:([A-Za-z]+)/g, "{$1}");
    (paths[path] ??= {})[endpoint.method.toLowerCase()] = operation(name, endpoint, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Hive",
      version,
      summary: "A self-hosted distributed queue for AI work",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: { ...schemas, Problem: schemaOf(problemSchema, "output", schemas) },
      securitySchemes: {
        owner: {
          type: "http",
          scheme: "bearer",
          description:
            "INTERNAL_API_TOKEN of the server: source hive-data/secrets.env. Its own pages send the cookie of POST /v1/session",
        },
        worker: { type: "http", scheme: "bearer", description: "The token of a registered worker" },
        lease: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "The `worker` token of one lease" },
        server: { type: "http", scheme: "bearer", description: "Processes of the same server" },
      },
    },
  };
}

function operation(name: string, endpoint: Endpoint, schemas: Json): Json {
  const { reply, body } = endpoint;
  const security = SECURITY[endpoint.access];
  return {
    operationId: name,
    summary: endpoint.summary,
    tags: [tagOf(endpoint)],
    ...parametersOf(endpoint, schemas),
    ...(body === undefined ? {} : { requestBody: bodyOf(body, schemas) }),
    responses: {
      [reply.status]: successOf(reply.body, schemas),
      ...errorsOf(endpoint),
    },
    security: security === null ? [] : [{ [security]: [] }],
  };
}

function successOf(body: Endpoint["reply"]["body"], schemas: Json): Json {
  if (body === null) return { description: "Done" };
  if (typeof body === "string")
    return { description: "Done", content: { [RAW_TYPES[body]]: { schema: { type: "string" } } } };
  return { description: "Done", content: { "application/json": { schema: schemaOf(body, "output", schemas) } } };
}

function bodyOf(body: NonNullable<Endpoint["body"]>, schemas: Json): Json {
  if (body === "bytes")
    return {
      required: true,
      content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
    };
  return {
    required: !body.safeParse(undefined).success,
    content: { "application/json": { schema: schemaOf(body, "input", schemas) } },
  };
}

function errorsOf(endpoint: Endpoint): Json {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorCodesOf(endpoint)) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content = (codes: readonly string[]): Json => ({
    [PROBLEM_MEDIA_TYPE]: {
      schema: {
        allOf: [{ $ref: "#/components/schemas/Problem" }, { type: "object", properties: { code: { enum: codes } } }],
      },
    },
  });
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      { description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join("; "), content: content(codes) },
    ]),
  );
}

function parametersOf(endpoint: Endpoint, schemas: Json): Json {
  const list = [
    ...partOf(endpoint.params, "path", schemas),
    ...partOf(endpoint.query, "query", schemas),
    ...headersOf(endpoint),
  ];
  return list.length === 0 ? {} : { parameters: list };
}

function partOf(part: z.ZodObject | undefined, where: "path" | "query", schemas: Json): Json[] {
  if (part === undefined) return [];
  return Object.entries(part.shape).map(([name, schema]) => ({
    name,
    in: where,
    required: where === "path" || !schema.safeParse(undefined).success,
    schema: schemaOf(schema as z.ZodType, "input", schemas),
  }));
}

function headersOf(endpoint: Endpoint): Json[] {
  const header = (name: string, description: string): Json => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  });
  if (endpoint.errors.includes("idempotency_conflict")) {
    return [header("Idempotency-Key", "The same key with the same body gets the first answer again")];
  }
  if (endpoint.errors.includes("range_not_satisfiable"))
    return [header("Range", "One range of bytes, such as bytes=0-1023 or bytes=-500")];
  return endpoint.reply.body === "events" ? [header("Last-Event-ID", "Goes on after this event")] : [];
}

/** A schema in JSON Schema 2020-12; those with an id become components. */
function schemaOf(schema: z.ZodType, io: "input" | "output", schemas: Json): Json {
  const made: Json = z.toJSONSchema(schema, { io, unrepresentable: "any", target: "draft-2020-12" });
  delete made["$schema"];
  // Shared parts come as `$defs` of each schema; in this document they have one home.
  const defs = made["$defs"] as Json | undefined;
  delete made["$defs"];
  for (const [name, def] of Object.entries(defs ?? {})) schemas[name] ??= moved(def);
  const home = moved(made) as Json;
  const id = home["id"];
  if (typeof id !== "string") return home;
  schemas[id] ??= home;
  return { $ref: `#/components/schemas/${id}` };
}

function moved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(moved);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "$ref" && typeof inner === "string" ? inner.replace("#/$defs/", "#/components/schemas/") : moved(inner),
    ]),
  );
}

/** Which noun an endpoint is about. */
export function tagOf(endpoint: Endpoint): string {
  const [, first = "", second = ""] = endpoint.path.split("/");
  if (first === "enqueue") return "jobs";
  return first === "v1" ? second : "server";
}
