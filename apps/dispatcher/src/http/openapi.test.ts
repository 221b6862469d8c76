import { ERRORS } from "@hive/core";
import { endpoints, type Endpoint } from "@hive/protocol";
import { describe, expect, it } from "vitest";
import { docsPage } from "./docs-page.ts";
import { errorCodesOf, openApi } from "./openapi.ts";

const api = openApi("1.2.3") as {
  openapi: string;
  paths: Record<
    string,
    Record<
      string,
      {
        operationId: string;
        responses: Record<string, unknown>;
        parameters?: { name: string; in: string; required: boolean }[];
        security: object[];
      }
    >
  >;
  components: { schemas: Record<string, unknown> };
};
const list = Object.entries(endpoints) as [string, Endpoint][];

describe("the OpenAPI document", () => {
  it("has every endpoint of the list and no other", () => {
    const described = Object.values(api.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(described.sort()).toEqual(list.map(([name]) => name).sort());
    expect(api.openapi).toBe("3.1.0");
  });

  it("names every error an endpoint answers with, under its status", () => {
    for (const [name, endpoint] of list) {
      const operation = Object.values(api.paths)
        .flatMap((path) => Object.values(path))
        .find(({ operationId }) => operationId === name);
      for (const code of errorCodesOf(endpoint))
        expect(JSON.stringify(operation?.responses[String(ERRORS[code].status)])).toContain(`"${code}"`);
      const inPath = operation?.parameters?.filter((one) => one.in === "path").map((one) => one.name) ?? [];
      expect(inPath).toEqual([...endpoint.path.matchAll(/:(\w+)/g)].map(([, param]) => param));
      expect(operation?.security).toEqual(
        ["open", "registration", "hook"].includes(endpoint.access) ? [] : [{ [endpoint.access]: [] }],
      );
    }
  });

  it("refers to nothing that is not in it", () => {
    const text = JSON.stringify(api);
    for (const [, name = ""] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect(Object.keys(api.components.schemas)).toContain(name);
    expect(text).not.toContain("#/$defs");
    expect(Object.keys(api.components.schemas)).toEqual(expect.arrayContaining(["NewJob", "Job", "Problem"]));
  });

  it("is JSON throughout", () => {
    expect(JSON.parse(JSON.stringify(api))).toEqual(api);
  });
});

describe("the page for people", () => {
  const page = docsPage("1.2.3<", 'http://x"><script>');

  it("has every endpoint and every error code, and each can be linked to", () => {
    for (const [name, { path }] of list) {
      expect(page.html).toContain(`id="${name}"`);
      expect(page.html).toContain(path);
    }
    for (const code of Object.keys(ERRORS)) expect(page.html).toContain(`id="error-${code}"`);
    const anchors = [...page.html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    for (const id of anchors) expect(page.html).toContain(`id="${id}"`);
  });

  it("has no script, loads nothing, and cannot be made to", () => {
    expect(page.html).not.toMatch(/<script|<img|<link|<iframe|\son\w+=|javascript:|src=/i);
    expect(page.policy).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='/);
  });
});
