import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRepoCredentials, githubApiFor } from "./repo-credentials.ts";
import { matchesRepo, repoRulesSchema } from "./repo-rules.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const WALL = Date.parse("2026-11-23T12:00:00Z");
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-credentials-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function credentials(rules: unknown, variables: Record<string, string> = {}, githubApiUrl = "https://api.github.com") {
  return createRepoCredentials({
    rules: repoRulesSchema.parse(rules),
    githubApiUrl,
    variable: (name) => variables[name],
    wall: () => WALL,
  });
}

describe("the rules of hive.yaml", () => {
  it("match host, owner and name; a star stays within one part", () => {
    expect(matchesRepo("github.com/acme/*", "github.com/Acme/App")).toBe(true);
    expect(matchesRepo("github.com/acme/*", "github.com/acme/group/app")).toBe(false);
    expect(matchesRepo("gitlab.example/**", "gitlab.example/group/sub/app")).toBe(true);
    expect(matchesRepo("github.com/acme/app", "github.com/acme/app2")).toBe(false);
    expect(matchesRepo("github.com/acme/a.p", "github.com/acme/aXp")).toBe(false);
  });

  it("take a token or an App, not both", () => {
    const both = [{ match: "a/b/c", token: { env: "T" }, app: { id: 1, privateKey: { env: "K" } } }];
    expect(repoRulesSchema.safeParse(both).success).toBe(false);
  });
});

describe("a repository's credential", () => {
  it("is the first rule's that fits, read when it is asked for", async () => {
    const variables: Record<string, string> = { FIRST: "one", SECOND: "two" };
    const found = credentials(
      [
        { match: "github.com/acme/app", token: { env: "FIRST" } },
        { match: "github.com/**", token: { env: "SECOND" }, username: "oauth2" },
      ],
      variables,
    );
    expect(await found.find("github.com/acme/app")).toEqual({ username: "x-access-token", password: "one" });
    expect(await found.find("github.com/acme/lib")).toEqual({ username: "oauth2", password: "two" });
    expect(await found.find("gitlab.com/acme/app")).toBeNull();
    variables["FIRST"] = "rotated";
    expect(await found.find("github.com/acme/app")).toMatchObject({ password: "rotated" });
  });

  it("comes from a file without its last line end, and one that is missing is named", async () => {
    const file = join(folder, "token");
    await writeFile(file, "from-a-file\n");
    const found = credentials([
      { match: "a.example/**", token: { file } },
      { match: "b.example/**", token: { file: join(folder, "nowhere") } },
      { match: "c.example/**", token: { env: "NOT_SET" } },
    ]);
    expect(await found.find("a.example/x")).toMatchObject({ password: "from-a-file" });
    await expect(found.find("b.example/x")).rejects.toThrow("nowhere cannot be read");
    await expect(found.find("c.example/x")).rejects.toThrow("NOT_SET is not set");
  });

  it("belongs to the GitHub the server knows", () => {
    expect(githubApiFor("github.com", "https://api.github.com")).toBe("https://api.github.com");
    expect(githubApiFor("gitlab.com", "https://api.github.com")).toBeNull();
    expect(githubApiFor("ghe.example", "https://ghe.example/api/v3")).toBe("https://ghe.example/api/v3");
    expect(githubApiFor("github.com", "https://ghe.example/api/v3")).toBeNull();
  });
});

describe("a GitHub App", () => {
  const asked: { readonly method: string; readonly path: string; readonly body: string }[] = [];
  let installed = true;
  let rights: Record<string, string> | undefined;
  const server = createServer((request, response) => void answer(request, response));
  let apiUrl = "";

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    asked.push({ method: request.method ?? "", path: request.url ?? "", body });
    const token = (request.headers.authorization ?? "").replace("Bearer ", "");
    const { payload } = await jwtVerify(token, publicKey, { algorithms: ["RS256"], currentDate: new Date(WALL) });
    const found = request.method === "GET" ? { id: 77, permissions: rights } : { token: `ghs_for_app_${payload.iss}` };
    response.writeHead(installed ? (request.method === "GET" ? 200 : 201) : 404, {
      "content-type": "application/json",
    });
    response.end(JSON.stringify(installed ? found : { message: "Not Found" }));
  }

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const rules = [{ match: "github.com/**", app: { id: 4711, privateKey: { env: "KEY" } } }];
  const KEY = privateKey.export({ type: "pkcs1", format: "pem" });

  it("makes a token for one job and this repository alone, with just the rights a pull request needs", async () => {
    expect(await credentials(rules, { KEY }, apiUrl).find("github.com/acme/app")).toEqual({
      username: "x-access-token",
      password: "ghs_for_app_4711",
    });
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /repos/acme/app/installation",
      "POST /app/installations/77/access_tokens",
    ]);
    expect(JSON.parse(asked[1]?.body ?? "")).toEqual({
      repositories: ["app"],
      permissions: { contents: "write", pull_requests: "write" },
    });
  });

  it("may also read checks where the App has that right, and never write them", async () => {
    rights = { checks: "write", contents: "write", pull_requests: "write", administration: "write" };
    await credentials(rules, { KEY }, apiUrl).find("github.com/acme/app");
    expect(JSON.parse(asked.at(-1)?.body ?? "")).toMatchObject({
      permissions: { contents: "write", pull_requests: "write", checks: "read" },
    });
    expect(asked.at(-1)?.body).not.toMatch(/statuses|administration/);
  });

  it("may say something on issues with a token that can do nothing else", async () => {
    await credentials(rules, { KEY }, apiUrl).find("github.com/acme/app", "issues");
    expect(JSON.parse(asked.at(-1)?.body ?? "")).toEqual({ repositories: ["app"], permissions: { issues: "write" } });
  });

  it("that is not installed on the repository is said so", async () => {
    installed = false;
    await expect(credentials(rules, { KEY }, apiUrl).find("github.com/acme/app")).rejects.toThrow(
      "is the App installed",
    );
  });

  it("that GitHub cannot answer for right now is told apart from one that is wrong", async () => {
    const unreachable = credentials(rules, { KEY }, "http://127.0.0.1:1").find("github.com/acme/app");
    await expect(unreachable).rejects.toMatchObject({ name: "CredentialError", passing: true });
    const wrong = credentials(rules, { KEY: "not a key" }, apiUrl).find("github.com/acme/app");
    await expect(wrong).rejects.toMatchObject({ passing: false });
  });

  it("with a broken key is said so, without the key", async () => {
    const asking = credentials(rules, { KEY: "not a key" }, apiUrl).find("github.com/acme/app");
    await expect(asking).rejects.toThrow("private key of GitHub App 4711 is not PEM");
  });
});
