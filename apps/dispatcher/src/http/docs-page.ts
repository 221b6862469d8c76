/**
 * The API for people: one static page rendered from the list of endpoints. It has no script and loads nothing, so the
 * policy it is sent with forbids everything but its own style.
 */

import { hash } from "node:crypto";
import { ERRORS } from "@hive/core";
import { endpoints, type Access, type Endpoint } from "@hive/protocol";
import { z } from "zod";
import { DOCS_STYLE } from "./docs-style.ts";
import { errorCodesOf, tagOf } from "./openapi.ts";

export interface DocsPage {
  readonly html: string;
  /** The Content-Security-Policy to send it with. */
  readonly policy: string;
}

const WHO: Readonly<Record<Access, string>> = {
  open: "anybody",
  owner: "you, with INTERNAL_API_TOKEN",
  registration: "a worker that proves itself in the body",
  worker: "a registered worker",
  lease: "the worker that holds the lease",
  server: "this server's own processes",
  hook: "the sender of the source, with what hive.yaml says of it",
};

const TITLES: Readonly<Record<string, readonly [string, string]>> = {
  server: ["Server", "What the server says of itself."],
  jobs: ["Jobs", "Put work in, watch it, decide about it."],
  events: ["Events", "Everything that happens, as it happens."],
  workers: ["Workers", "Who does the work."],
  callbacks: ["Callbacks", "What your backend was told."],
  stats: ["Counts", "How much was done."],
  worker: ["Worker protocol", "How a worker in any language takes and does jobs."],
  gateway: ["LLM gateway", "Between the gateway's process and this server."],
  egress: ["Way out", "Between the process that lets jobs reach other hosts and this server."],
};

/** Renders the page once; it is the same for everybody. */
export function docsPage(version: string, publicUrl: string): DocsPage {
  const groups = new Map<string, [string, Endpoint][]>();
  for (const [name, endpoint] of Object.entries(endpoints) as [string, Endpoint][]) {
    const tag = tagOf(endpoint);
    groups.set(tag, [...(groups.get(tag) ?? []), [name, endpoint]]);
  }
  const order = Object.keys(TITLES).filter((tag) => groups.has(tag));
  const rest = [...groups.keys()].filter((tag) => !order.includes(tag));
  const tags = [...order, ...rest];
  const nav = tags.map((tag) => `<li><a href="#${esc(tag)}">${esc(titleOf(tag))}</a></li>`).join("");
  const body = tags.map((tag) => section(tag, groups.get(tag) ?? [], publicUrl)).join("\n");
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hive API</title>
<style>${DOCS_STYLE}</style>
</head>
<body>
<header><h1>Hive API</h1><p>Version ${esc(version)}. The same as a file for tools: <a href="/openapi.json">/openapi.json</a></p></header>
<nav aria-label="Parts of the API"><ul>${nav}<li><a href="#errors">Errors</a></li></ul></nav>
<main>
<p>Requests that change something are safe on the disk before you read the answer. Send your token as
<code>Authorization: Bearer $INTERNAL_API_TOKEN</code>; on the server's machine, <code>source hive-data/secrets.env</code> sets it.</p>
${body}
${errorTable()}
</main>
</body>
</html>
`;
  // The hash of the one style there is, rather than a nonce: the page is the same every time.
  const style = hash("sha256", DOCS_STYLE, "base64");
  return {
    html,
    policy: `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

function titleOf(tag: string): string {
  return TITLES[tag]?.[0] ?? tag.charAt(0).toUpperCase() + tag.slice(1);
}

function section(tag: string, list: readonly [string, Endpoint][], publicUrl: string): string {
  const about = TITLES[tag]?.[1] ?? "";
  const items = list.map(([name, endpoint]) => article(name, endpoint, publicUrl)).join("\n");
  return `<section id="${esc(tag)}"><h2>${esc(titleOf(tag))}</h2><p>${esc(about)}</p>${items}</section>`;
}

function article(name: string, endpoint: Endpoint, publicUrl: string): string {
  const { method, path, summary, access, reply, params, query, body } = endpoint;
  const parts = [
    params === undefined ? "" : fields("In the path", params),
    query === undefined ? "" : fields("In the query", query),
    body === undefined ? "" : bodyPart(body),
    `<p class="answer">Answers <b>${reply.status}</b>${answerText(reply.body)}</p>`,
    reply.body !== null && typeof reply.body !== "string" ? fields("The answer", reply.body) : "",
    `<p class="codes">Errors: ${errorCodesOf(endpoint)
      .map((code) => `<a href="#error-${code}"><code>${code}</code></a>`)
      .join(" ")}</p>`,
  ];
  return `<article id="${esc(name)}">
<h3><span class="method ${method.toLowerCase()}">${method}</span> <code>${esc(path)}</code></h3>
<p>${esc(summary)}</p>
<p class="who">For ${esc(WHO[access])}.</p>
<pre tabindex="0"><code>${esc(curl(endpoint, publicUrl))}</code></pre>
<details><summary>Details</summary>${parts.join("")}</details>
</article>`;
}

function answerText(body: Endpoint["reply"]["body"]): string {
  if (body === null) return " without a body";
  if (body === "events") return " and stays open, sending server-sent events";
  return typeof body === "string" ? ` as ${body}` : " with JSON";
}

function bodyPart(body: NonNullable<Endpoint["body"]>): string {
  return body === "bytes" ? "<p>The body is the bytes themselves.</p>" : fields("The body", body);
}

/** A table of the members of a schema; what is no object is shown in one line. */
function fields(title: string, schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const shapes = [json, ...((json.anyOf ?? []) as (typeof json)[])].filter((shape) => shape.properties !== undefined);
  if (shapes.length === 0) return `<h4>${esc(title)}</h4><p><code>${esc(typeText(json))}</code></p>`;
  return shapes
    .map((shape, place) => {
      const required = new Set(shape.required ?? []);
      const rows = Object.entries(shape.properties ?? {}).map(([name, member]) => {
        const type = typeof member === "boolean" ? "any" : typeText(member);
        return `<tr><td><code>${esc(name)}</code></td><td>${esc(type)}</td><td>${required.has(name) ? "required" : ""}</td></tr>`;
      });
      return `<h4>${esc(place === 0 ? title : `${title}, or`)}</h4><table><tbody>${rows.join("")}</tbody></table>`;
    })
    .join("");
}

interface JsonSchema {
  readonly type?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
  readonly items?: unknown;
  readonly anyOf?: readonly unknown[];
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
}

function typeText(schema: unknown): string {
  if (typeof schema !== "object" || schema === null) return "any";
  const {
    type,
    enum: values,
    const: only,
    $ref,
    items,
    anyOf,
    maxLength,
    minimum,
    maximum,
    default: usual,
  } = schema as JsonSchema;
  const facts: string[] = [];
  if (values !== undefined) facts.push(values.map((value) => JSON.stringify(value)).join(" | "));
  else if (only !== undefined) facts.push(JSON.stringify(only));
  else if ($ref !== undefined) facts.push($ref.split("/").at(-1) ?? "");
  else if (anyOf !== undefined) facts.push([...new Set(anyOf.map(typeText))].join(" | "));
  else if (type === "array") facts.push(`list of ${typeText(items)}`);
  else facts.push(Array.isArray(type) ? type.join(" | ") : typeof type === "string" ? type : "any");
  if (maxLength !== undefined) facts.push(`at most ${maxLength} characters`);
  if (minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER)
    facts.push(`${minimum} to ${maximum}`);
  if (usual !== undefined) facts.push(`default ${JSON.stringify(usual)}`);
  return facts.join(", ");
}

const EXAMPLES: Readonly<Record<string, string>> = {
  "/enqueue": '{"repo":"https://github.com/acme/app","task":"agent","instructions":"Add a quick start to the README"}',
  "/v1/jobs": '{"jobs":[{"repo":"https://github.com/acme/app","task":"test"}]}',
  "/v1/jobs/bulk": '{"action":"cancel","filter":{"status":"queued"},"dryRun":true}',
};

function curl(endpoint: Endpoint, publicUrl: string): string {
  const path = endpoint.path
    .replace(":jobId", "demo-1")
    .replace(":fence", "1")
    .replace(":name", "report.md")
    .replace(":workerId", "hive-worker-1")
    .replace(":id", "7");
  const token =
    endpoint.access === "owner"
      ? "$INTERNAL_API_TOKEN"
      : endpoint.access === "open" || endpoint.access === "registration" || endpoint.access === "hook"
        ? null
        : "$TOKEN";
  const lines = [`curl ${endpoint.method === "GET" ? "" : `-X ${endpoint.method} `}${publicUrl}${path}`];
  if (endpoint.reply.body === "events") lines[0] = `curl -N ${publicUrl}${path}`;
  if (token !== null) lines.push(`-H "Authorization: Bearer ${token}"`);
  if (endpoint.body === "bytes") lines.push("--data-binary @file");
  else if (endpoint.body !== undefined) {
    const example = endpoint.method === "POST" ? EXAMPLES[endpoint.path] : undefined;
    if (example !== undefined || !endpoint.body.safeParse(undefined).success) {
      lines.push('-H "Content-Type: application/json"', `-d '${example ?? "{…}"}'`);
    }
  }
  return lines.join(" \\\n  ");
}

function errorTable(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, retry, title }]) =>
      `<tr id="error-${code}"><td><code>${code}</code></td><td>${status}</td><td>${esc(title)}</td><td>${retry ? "send it again" : ""}</td></tr>`,
  );
  return `<section id="errors"><h2>Errors</h2><p>Every error is <code>application/problem+json</code> (RFC 9457) with one of these codes.</p>
<table><thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">Meaning</th><th scope="col">Retry</th></tr></thead><tbody>${rows.join("")}</tbody></table></section>`;
}

function esc(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
