/**
 * The pages of the web UI, as `npm run build` made them: read once, then served from memory by every dispatcher itself.
 * What has its content's hash in its name is kept by browsers for good; the page that names them is asked for each time.
 */

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { pathOf } from "../leader/hand-on.ts";
import { SAFE_HEADERS } from "./replies.ts";

/**
 * No script and no style but the files of this server, nothing of any other place, no frame around it, and no way from a
 * text to a script in it: what agents and alerts say is shown here.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** What is said in their place where nobody built them. */
const NO_PAGES = `Hive runs, but the pages of its web UI were never built.

    npm run build

in the folder of Hive builds them; then start it again. The API needs none of them: /docs describes it.
`;

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};
const COMPRESSED = new Set([".html", ".js", ".css", ".svg"]);
const compress = promisify(gzip);

interface File {
  readonly body: Buffer;
  readonly status: 200 | 404;
  /** Made when first asked for. */
  gzipped: Promise<Buffer> | null;
  readonly type: string;
  readonly etag: string;
  /** Its name changes with its content. */
  readonly isHashed: boolean;
}

export interface WebUi {
  /** Somebody built them. */
  readonly isBuilt: boolean;
  /** Answers what is a file or a page of the UI. Gives the status, or null where it is not. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<number | null>;
}

/** Reads the pages. Without the folder every page says how to get them. */
export async function openWebUi(folder: string): Promise<WebUi> {
  const files = new Map<string, File>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const address = path.slice(folder.length).replaceAll("\\", "/");
    // Hidden ones are notes of the build.
    if (address.includes("/.")) continue;
    files.set(address, fileOf(address, await readFile(path)));
  }
  const index = files.get("/index.html");
  const page = index ?? fileOf("/no-pages.txt", Buffer.from(NO_PAGES), 404);

  return {
    isBuilt: index !== undefined,

    async serve(request, response) {
      if (request.method !== "GET" && request.method !== "HEAD") return null;
      const address = pathOf(request).split("?", 1)[0] ?? "/";
      const file = files.get(address) ?? (isPage(address, request) ? page : undefined);
      if (file === undefined) return null;
      return send(file, request, response);
    },
  };
}

/** Every screen has its own address, and the one page shows it. */
function isPage(address: string, request: IncomingMessage): boolean {
  if (address === "/") return true;
  const isApi = /^\/(v1|hooks|llm|assets)(\/|$)/.test(address);
  return !isApi && (request.headers.accept ?? "").includes("text/html");
}

async function send(file: File, request: IncomingMessage, response: ServerResponse): Promise<number> {
  const { body, status, type, etag, isHashed } = file;
  const headers = {
    ...SAFE_HEADERS,
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cache-control": isHashed ? "public, max-age=31536000, immutable" : "no-cache",
    "content-type": type,
    vary: "accept-encoding",
    etag,
  };
  if (status === 200 && knows(request.headers["if-none-match"], etag)) {
    response.writeHead(304, headers).end();
    return 304;
  }
  const packs = COMPRESSED.has(extOf(type)) && takesGzip(request.headers["accept-encoding"]);
  if (packs) file.gzipped ??= compress(body);
  const sent = packs ? await (file.gzipped ?? body) : body;
  response.writeHead(status, {
    ...headers,
    ...(packs ? { "content-encoding": "gzip" } : {}),
    "content-length": sent.length,
  });
  response.end(request.method === "HEAD" ? undefined : sent);
  return status;
}

/** Whether one of the tags in `If-None-Match` is this one; proxies that pack or unpack what they pass on weaken them. */
function knows(header: string | undefined, etag: string): boolean {
  return (header ?? "").split(",").some((tag) => tag.trim().replace(/^(?!W\/)/, "W/") === etag);
}

/** Whether a packed answer is welcome; a weight of 0 says that it is not (RFC 9110, 12.5.3). */
function takesGzip(header: string | string[] | undefined): boolean {
  return String(header ?? "")
    .split(",")
    .some((coding) => /^\s*gzip\s*(;\s*q=(1|0?\.\d*[1-9])[\d.]*\s*)?$/i.test(coding));
}

function extOf(type: string): string {
  return Object.entries(TYPES).find(([, value]) => value === type)?.[0] ?? "";
}

function fileOf(address: string, body: Buffer, status: File["status"] = 200): File {
  return {
    body,
    status,
    gzipped: null,
    type: TYPES[extname(address)] ?? "application/octet-stream",
    // Weak: packed and not, it is the same.
    etag: `W/"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
    isHashed: address.startsWith("/assets/"),
  };
}
