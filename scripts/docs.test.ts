// Keeps the documents true. What they name must exist: files, links, headings, npm scripts, settings, error codes and
// endpoints; and what exists must be named: every setting, every error code, every endpoint. A document that is not
// written yet is not checked; README.md and docs/ are read from the checkout as they are.
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { options } from "../apps/dispatcher/src/options.ts";
import { WORKER_VARIABLES } from "../apps/worker/src/config.ts";
import { ERRORS } from "../packages/core/src/errors.ts";
import { endpoints } from "../packages/protocol/src/endpoints.ts";
import { workerEndpoints } from "../packages/protocol/src/worker-endpoints.ts";
import { checkout } from "./checkout.ts";
import { allCode, codeSpans, firstColumns, headings, links } from "./markdown.ts";

const docs = existsSync(join(checkout, "docs"))
  ? readdirSync(join(checkout, "docs"), { recursive: true, encoding: "utf8" }).map((name) => `docs/${name}`)
  : [];
const pages = ["README.md", "CONTRIBUTING.md", ...docs].filter((page) => page.endsWith(".md") && exists(page)).sort();
const sources = globSync("{apps,packages}/*/src/**/*.ts", { cwd: checkout }).filter(
  (file) => !/\.(test|fixture|suite)\.ts$/.test(file),
);
/** Refusals between parts of the server: callers hear of them as `body_too_large` and `invalid_field`. */
const INTERNAL_CODES = ["artifact_too_large", "bad_name"];

describe.each(pages)("%s", (page) => {
  const text = read(page);

  it("links only to files and headings that exist", () => {
    const broken = links(text).filter((link) => {
      if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return false;
      const [path = "", heading] = link.split("#");
      const target = path === "" ? page : normalize(join(dirname(page), decodeURIComponent(path)));
      if (target.startsWith("..") || !exists(target)) return true;
      return heading !== undefined && target.endsWith(".md") && !headings(read(target)).includes(heading);
    });
    expect(broken).toEqual([]);
  });

  it("names only files and folders that exist", () => {
    const top = /^(apps|packages|docs|scripts|test|bench|public|examples|docker|\.ci)\/[\w.*{},/-]*$/;
    const named = codeSpans(text).map((span) => span.replace(/:\d+$/, ""));
    expect(named.filter((path) => top.test(path) && !existsAsPattern(path))).toEqual([]);
  });

  it("names only npm scripts that exist, and runs only files that do", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const code = allCode(text).join("\n");
    const run = [...code.matchAll(/\bnpm run ([\w:-]+)/g)].map((match) => match[1] ?? "");
    const short = [...code.matchAll(/\bnpm (start|test)\b/g)].map((match) => match[1] ?? "");
    expect([...run, ...short].filter((name) => scripts[name] === undefined)).toEqual([]);
    const files = [...code.matchAll(/\bnode ((?:[\w.-]+\/)*[\w.-]+\.[cm]?[jt]s)\b/g)].map((match) => match[1] ?? "");
    expect(files.filter((file) => !exists(file) && !exists(join(dirname(page), file)))).toEqual([]);
  });

  it("names only settings that some part of Hive reads", () => {
    const code = [...sources, "vitest.config.ts", "compose.yaml", "compose.redis.yaml"].map(read).join("\n");
    const named = new Set(allCode(text).flatMap((part) => part.match(/\bHIVE_[A-Z0-9_]*[A-Z0-9]\b/g) ?? []));
    expect([...named].filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });

  it("names only endpoints that the list of endpoints has", () => {
    const known = Object.values({ ...endpoints, ...workerEndpoints });
    const calls = allCode(text).flatMap((part) => [...part.matchAll(/\b(GET|POST|PUT|DELETE) (\/[^\s`"'?|]*)/g)]);
    const unknown = calls.filter(([, method, path = ""]) => {
      if (path.startsWith("/llm/")) return false;
      return !known.some((endpoint) => endpoint.method === method && isPathOf(endpoint.path, path));
    });
    expect(unknown.map((call) => call[0])).toEqual([]);
  });
});

describe.runIf(exists("docs/errors.md"))("docs/errors.md", () => {
  const described = exists("docs/errors.md")
    ? firstColumns(read("docs/errors.md")).filter((cell) => /^[a-z_]+$/.test(cell))
    : [];

  it("describes every code of the table of errors", () => {
    expect(Object.keys(ERRORS).filter((code) => !described.includes(code))).toEqual([]);
  });

  it("describes every code the sources give a failure", () => {
    const given = sources.flatMap((file) => [...read(file).matchAll(/\bcode: "([a-z]+(?:_[a-z]+)+)"/g)]);
    const codes = new Set(given.map((match) => match[1] ?? ""));
    const missing = [...codes].filter((code) => !described.includes(code) && !INTERNAL_CODES.includes(code));
    expect(missing.sort()).toEqual([]);
  });

  it("describes no code that nothing gives", () => {
    const code = sources.map(read).join("\n");
    // As it stands, or with the name of a task in front: `${task}_failed`.
    const isGiven = (name: string) => new RegExp(`\\b${name}\\b|\\}${name.slice(name.indexOf("_"))}\``).test(code);
    expect(described.filter((name) => !(name in ERRORS) && !isGiven(name))).toEqual([]);
  });
});

describe.runIf(exists("docs/configuration.md"))("docs/configuration.md", () => {
  const text = exists("docs/configuration.md") ? read("docs/configuration.md") : "";
  const described = firstColumns(text).filter((cell) => /^[A-Z][A-Z0-9_]+$/.test(cell));
  const settings = [...options.map((option) => option.name), ...WORKER_VARIABLES];

  it("describes every setting", () => {
    expect(settings.filter((name) => !described.includes(name))).toEqual([]);
  });

  it("names every key of hive.yaml", () => {
    const keys = options.flatMap((option) => (option.key === null ? [] : [option.key]));
    const spans = codeSpans(text);
    expect(keys.filter((key) => !spans.some((span) => span === key || span.startsWith(`${key}:`)))).toEqual([]);
  });

  it("describes no setting that nothing reads", () => {
    const readers = sources
      .filter((file) => /[/-](config|options)\.ts$/.test(file))
      .map(read)
      .join("\n");
    expect(described.filter((name) => !new RegExp(`\\b${name}\\b`).test(readers))).toEqual([]);
  });
});

describe.runIf(docs.length > 0)("the documents together", () => {
  it("name every endpoint", () => {
    const code = pages.flatMap((page) => allCode(read(page))).join("\n");
    const paths = [...code.matchAll(/(?<![\w.])\/[\w./:{}<>-]*/g)].map((match) => match[0]);
    const missing = Object.values({ ...endpoints, ...workerEndpoints }).filter(
      (endpoint) => !paths.some((path) => isPathOf(endpoint.path, path)),
    );
    expect(missing.map((endpoint) => `${endpoint.method} ${endpoint.path}`)).toEqual([]);
  });
});

function read(path: string): string {
  return readFileSync(join(checkout, path), "utf8");
}

function exists(path: string): boolean {
  return existsSync(join(checkout, path));
}

/** Whether each alternative of `{a,b}` fits at least one file or folder. */
function existsAsPattern(pattern: string): boolean {
  const braces = /^(.*?)\{([^{}]*)\}(.*)$/.exec(pattern);
  if (braces !== null) {
    const [, before = "", inside = "", after = ""] = braces;
    return inside.split(",").every((choice) => existsAsPattern(before + choice + after));
  }
  return pattern.includes("*") ? globSync(pattern, { cwd: checkout }).length > 0 : exists(pattern);
}

/** Whether a path as a document writes it (`/v1/jobs/demo-1`, `/v1/jobs/:id`, `/v1/jobs/{id}`) is one of an endpoint. */
function isPathOf(endpoint: string, path: string): boolean {
  const wanted = endpoint.split("/");
  const given = path.replace(/[.,;:]$/, "").split("/");
  return wanted.length === given.length && wanted.every((part, at) => part.startsWith(":") || part === given[at]);
}
