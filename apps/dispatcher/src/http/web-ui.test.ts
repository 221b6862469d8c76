/** The pages of the web UI over real HTTP: what is served, how browsers keep it, and what is no page. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { rawConnection, readAll, startServer, type TestServer } from "./server.fixture.ts";
import { standsBy } from "./standby.fixture.ts";
import { openWebUi, type WebUi } from "./web-ui.ts";

const PAGE = `<!doctype html><title>Hive</title>${"<p>honey</p>".repeat(100)}`;
const SCRIPT = "export const bees = 40000;\n".repeat(100);

let folder: string;
let webUi: WebUi;
let world: TestServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-web-ui-"));
  const dist = join(folder, "dist");
  await mkdir(join(dist, "assets"), { recursive: true });
  await mkdir(join(dist, ".vite"));
  await writeFile(join(folder, "secret.txt"), "beside the pages");
  await writeFile(join(dist, "index.html"), PAGE);
  await writeFile(join(dist, "bee.svg"), "<svg/>");
  await writeFile(join(dist, "assets/index-Ab12.js"), SCRIPT);
  await writeFile(join(dist, "assets/letters-Cd34.woff2"), "letters");
  await writeFile(join(dist, ".built-from"), "a digest");
  await writeFile(join(dist, ".vite/manifest.json"), "{}");
  webUi = await openWebUi(dist);
  world = await startServer({ change: (parts) => ({ ...parts, webUi }) });
});
afterAll(async () => {
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** As it is written, which `fetch` would not leave it: no address is put right, nothing is unpacked. */
function get(path: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Got> {
  return new Promise((resolve, reject) => {
    const call = httpRequest({ host: "127.0.0.1", port: world.port, path, method, headers }, (answer) => {
      buffer(answer).then((body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }), reject);
    });
    call.once("error", reject).end();
  });
}

const BROWSER = { accept: "text/html,application/xhtml+xml,*/*;q=0.8", "accept-encoding": "gzip, deflate, br" };

describe("the pages", () => {
  it.each(["/", "/jobs", "/jobs/a-b.c:1/log", "/nowhere?x=/v1/jobs", "/index.html"])(
    "%s shows the UI",
    async (path) => {
      const { status, headers, body } = await get(path, { accept: BROWSER.accept });
      expect([status, headers["content-type"], body.toString()]).toEqual([200, "text/html; charset=utf-8", PAGE]);
    },
  );

  it("let nothing in and nothing out: the policy, word by word", async () => {
    const { headers } = await get("/", BROWSER);
    expect(headers["content-security-policy"]).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
        "require-trusted-types-for 'script'; trusted-types 'none'",
    );
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
    });
    expect(headers["set-cookie"]).toBeUndefined();
  });

  it("are asked for each time, and what has its content in its name is kept for good", async () => {
    expect((await get("/")).headers["cache-control"]).toBe("no-cache");
    expect((await get("/bee.svg")).headers["cache-control"]).toBe("no-cache");
    const script = await get("/assets/index-Ab12.js");
    expect(script.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect(script.headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(script.body.toString()).toBe(SCRIPT);
    expect((await get("/assets/letters-Cd34.woff2")).headers["content-type"]).toBe("font/woff2");
  });

  it("are not sent again to who has them", async () => {
    const { etag = "" } = (await get("/")).headers;
    expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
    for (const known of [etag, etag.slice(2), `"other", ${etag}`, `"other",${etag.slice(2)}`]) {
      const again = await get("/", { "if-none-match": known });
      expect([known, again.status, again.body.length]).toEqual([known, 304, 0]);
      expect(again.headers).toMatchObject({ etag, vary: "accept-encoding", "cache-control": "no-cache" });
    }
    for (const unknown of ['"other"', "", etag.slice(0, -2), etag.toLowerCase()])
      expect([unknown, (await get("/", { "if-none-match": unknown })).status]).toEqual([unknown, 200]);
  });

  it.each([
    ["gzip", true],
    ["br, GZIP ;q=0.5", true],
    ["deflate,gzip;q=1.0", true],
    ["gzip;q=0", false],
    ["gzip;q=0.00, br", false],
    ["x-gzipped", false],
    ["identity", false],
  ])("are packed for who accepts %s: %s", async (accepted, isPacked) => {
    const { headers, body } = await get("/assets/index-Ab12.js", { "accept-encoding": accepted });
    expect([headers["content-encoding"], headers.vary]).toEqual([isPacked ? "gzip" : undefined, "accept-encoding"]);
    expect(Number(headers["content-length"])).toBe(body.length);
    expect((isPacked ? gunzipSync(body) : body).toString()).toBe(SCRIPT);
    if (isPacked) expect(body.length).toBeLessThan(SCRIPT.length / 2);
  });

  it("leave packed what is packed already", async () => {
    const { headers } = await get("/assets/letters-Cd34.woff2", BROWSER);
    expect(headers["content-encoding"]).toBeUndefined();
  });

  it("answer HEAD with the headers alone", async () => {
    for (const path of ["/", "/assets/index-Ab12.js"]) {
      const [whole, head] = [await get(path, BROWSER), await get(path, BROWSER, "HEAD")];
      expect([head.status, head.body.length]).toEqual([200, 0]);
      const { date: _, ...headers } = whole.headers;
      expect(head.headers).toMatchObject(headers);
    }
  });

  it("are served by a standby too, whether there is a queen or not", async () => {
    const standby = await startServer({
      change: (parts) => ({ ...standsBy("http://127.0.0.1:9")(parts), webUi }),
    });
    onTestFinished(() => standby.close());
    const page = await standby.send("GET", "/jobs", { token: null, headers: { accept: "text/html" } });
    expect([page.status, await page.text()]).toEqual([200, PAGE]);
    expect((await standby.send("GET", "/assets/index-Ab12.js", { token: null })).status).toBe(200);
  });
});

describe("no page", () => {
  it.each([
    "/v1",
    "/v1/nothing",
    "/v1/jobs/x/nothing",
    "/hooks",
    "/llm",
    "/assets",
    "/assets/",
    "/assets/index-Zz99.js",
    "/assets/../index.html",
    "http://127.0.0.1/v1/nothing",
  ])("is %s, also for a browser: it stays a problem", async (path) => {
    const { status, headers, body } = await get(path, BROWSER);
    expect([status, headers["content-type"]]).toEqual([404, "application/problem+json"]);
    expect(headers["cache-control"]).toBe("no-store");
    expect(JSON.parse(body.toString())).toMatchObject({ code: "not_found" });
  });

  it("is where an endpoint takes another method: that is said", async () => {
    const { status, headers } = await get("/enqueue", BROWSER);
    expect([status, headers["allow"]]).toEqual([405, "POST"]);
  });

  it("is for programs, which say that they read no HTML, or nothing", async () => {
    expect((await get("/jobs", { accept: "application/json" })).status).toBe(404);
    expect((await get("/jobs")).status).toBe(404);
    expect((await get("/", { accept: "application/json" })).status).toBe(200);
  });

  it("is for what changes something", async () => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"])
      expect([method, (await get("/", BROWSER, method)).status]).toEqual([method, 404]);
  });

  it.each([
    "/../secret.txt",
    "/assets/../../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/assets/%2e%2e/%2e%2e/secret.txt",
    "/..\\secret.txt",
    "//secret.txt",
    "/./../secret.txt",
    "/secret.txt%00.html",
    "/.built-from",
    "/.vite/manifest.json",
    "/assets//index-Ab12.js",
  ])("is a way out of the folder or to its notes: %s", async (path) => {
    const plain = await get(path);
    expect([plain.status, plain.body.toString()]).toEqual([plain.status === 400 ? 400 : 404, plain.body.toString()]);
    const browsed = await get(path, BROWSER);
    for (const { body } of [plain, browsed]) {
      expect(body.toString()).not.toContain("beside the pages");
      expect(body.toString()).not.toContain("a digest");
    }
  });

  it("is made of bytes that are no HTTP", async () => {
    const socket = await rawConnection(world.port);
    const said = readAll(socket);
    socket.end("GET /\x00/../index.html HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await said).toMatch(/^HTTP\/1\.1 400 /);
  });
});

it("where nobody built the pages, they say in words how to get them", async () => {
  const bare = await startServer();
  onTestFinished(() => bare.close());
  for (const path of ["/", "/jobs"]) {
    const reply = await bare.send("GET", path, { token: null, headers: { accept: "text/html" } });
    expect([reply.status, reply.headers.get("content-type")]).toEqual([404, "text/plain; charset=utf-8"]);
    const text = await reply.text();
    expect(text).toContain("npm run build");
    expect(text).toContain("/docs");
  }
  const asset = await bare.send("GET", "/assets/index-Ab12.js", { token: null });
  expect(asset.headers.get("content-type")).toContain("problem+json");
});
