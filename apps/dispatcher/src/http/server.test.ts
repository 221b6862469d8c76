import { once } from "node:events";
import { endpoints } from "@hive/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OWNER, rawConnection, readAll, startServer, type TestServer } from "./server.fixture.ts";

const REPO = "https://github.com/acme/app";
const job = { repo: REPO, task: "script", script: "true" };

let world: TestServer;
beforeAll(async () => {
  world = await startServer();
});
afterAll(() => world.close());

async function problem(
  response: Response,
): Promise<Record<string, unknown> & { fields?: { path: string; message: string }[] }> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = (await response.json()) as Record<string, unknown>;
  expect(body["status"]).toBe(response.status);
  expect(body["type"]).toBe(`urn:hive:error:${String(body["code"])}`);
  return body;
}

async function raw(text: string): Promise<string> {
  const socket = await rawConnection(world.port);
  const all = readAll(socket);
  socket.write(text);
  return all;
}

describe("every reply", () => {
  it("tells a browser to do nothing with it, and names its request", async () => {
    for (const response of [
      await world.send("GET", "/health"),
      await world.send("GET", "/nowhere"),
      await world.send("GET", "/v1/jobs", { token: null }),
    ]) {
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(response.headers.get("content-security-policy")).toMatch(/default-src 'none'/);
      expect(response.headers.get("x-request-id")).toMatch(/^\w+-\w+$/);
    }
  });

  it("is never a stack trace, and the log has what the caller is not told", async () => {
    const broken = await startServer({
      change: (parts) => ({
        ...parts,
        presence: {
          ...parts.presence,
          silentMs: () => {
            throw new Error("secret detail of /srv/hive.ts:12");
          },
        },
      }),
    });
    try {
      await broken.worker();
      const response = await broken.send("GET", "/v1/workers");
      const body = JSON.stringify(await problem(response));
      expect(response.status).toBe(500);
      expect(body).not.toMatch(/secret detail|\.ts|at /);
      expect(broken.logged.join("")).toContain("secret detail");
    } finally {
      await broken.close();
    }
  });
});

describe("a request that is not understood", () => {
  it("to an unknown path is 404, with another method 405 and what is allowed", async () => {
    expect((await problem(await world.send("GET", "/v1/nothing")))["code"]).toBe("not_found");
    const wrong = await world.send("DELETE", "/v1/jobs/demo-1");
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("GET, HEAD");
    expect((await problem(await world.send("PATCH", "/enqueue")))["code"]).toBe("method_not_allowed");
    expect((await problem(await world.send("GET", "/v1/jobs/%zz")))["code"]).toBe("bad_request");
  });

  it("answers HEAD as GET, without the body", async () => {
    const response = await world.send("HEAD", "/health", { token: null });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  it.each(["{", "", "[1,", '{"a":}', "nonsense", '{"a":"\u0001"}'])(
    "with the body %j is 400 or 422 and does not repeat it",
    async (body) => {
      const response = await world.send("POST", "/enqueue", { body, headers: { "content-type": "application/json" } });
      expect([400, 422]).toContain(response.status);
      await problem(response);
    },
  );

  it("does not show a token that stands beside a mistake", async () => {
    const body = '{"githubToken":"ghp_0123456789abcdef0123",}';
    const response = await world.send("POST", "/enqueue", { body, headers: { "content-type": "application/json" } });
    expect(await response.text()).not.toContain("ghp_");
    const wrong = await world.send("POST", "/enqueue", { json: { ...job, githubToken: "ghp_0123456789\nabcdef" } });
    expect(wrong.status).toBe(422);
    expect(await wrong.text()).not.toContain("ghp_");
    expect(world.logged.join("")).not.toContain("ghp_");
  });

  it("lists every wrong field at once", async () => {
    const response = await world.send("POST", "/enqueue", {
      json: { repo: 7, task: "dance", priority: 10, labels: ["ok", ""], nonsense: 1, changes: [{ path: "a" }] },
    });
    expect(response.status).toBe(422);
    const { code, fields = [] } = await problem(response);
    expect(code).toBe("invalid_field");
    expect(fields.map(({ path }) => path).sort()).toEqual([
      "changes[0]",
      "labels[1]",
      "nonsense",
      "priority",
      "repo",
      "task",
    ]);
  });

  it("names the place inside a batch", async () => {
    const response = await world.send("POST", "/v1/jobs", { json: { jobs: [job, { ...job, priority: 11 }] } });
    expect((await problem(response)).fields?.map(({ path }) => path)).toEqual(["jobs[1].priority"]);
    const repo = await world.send("POST", "/v1/jobs", { json: { jobs: [job, { ...job, repo: "ext::sh" }] } });
    expect((await problem(repo)).fields?.map(({ path }) => path)).toEqual(["jobs[1].repo"]);
  });
});

describe("a hostile body", () => {
  it("of a million levels is refused before anything walks it", async () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      const depth = open === "[" ? 500_000 : 170_000;
      const body = `${open.repeat(depth)}1${close.repeat(depth)}`;
      const response = await world.send("POST", "/enqueue", { body, headers: { "content-type": "application/json" } });
      expect([response.status, (await problem(response))["detail"]]).toEqual([
        400,
        expect.stringMatching(/nested deeper/),
      ]);
      const metadata = await world.send("POST", "/v1/jobs", {
        body: `{"repo":"${REPO}","task":"test","metadata":{"a":${"[".repeat(1_000_000)}`,
        headers: { "content-type": "application/json" },
      });
      expect(metadata.status).toBe(400);
    }
  });

  it("that is too large is refused by its length and while it streams", async () => {
    const big = "x".repeat(2 * 1_048_576);
    const declared = await world.send("POST", "/enqueue", {
      body: big,
      headers: { "content-type": "application/json" },
    });
    expect([declared.status, (await problem(declared))["code"]]).toEqual([413, "body_too_large"]);
    const chunked = await raw(
      `POST /enqueue HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${OWNER}\r\nContent-Type: application/json\r\n` +
        `Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${"10000\r\n".padEnd(7)}${"x".repeat(65_536)}\r\n`.repeat(
          1,
        ) +
        `${`10000\r\n${"x".repeat(65_536)}\r\n`.repeat(31)}0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("cannot reach prototypes", async () => {
    const text = `{"repo":"${REPO}","task":"test","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`;
    const response = await world.send("POST", "/enqueue", {
      body: text,
      headers: { "content-type": "application/json" },
    });
    expect(response.status).toBe(422);
    const kept = await world.send("POST", "/enqueue", {
      body: `{"jobId":"proto","repo":"${REPO}","task":"test","metadata":{"__proto__":{"polluted":1},"a":{"__proto__":{"b":1}}}}`,
      headers: { "content-type": "application/json" },
    });
    expect(kept.status).toBe(202);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    const { metadata } = (await (await world.send("GET", "/v1/jobs/proto")).json()) as { metadata: object };
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  });

  it("of another type, encoding or character set is 415, and never a file", async () => {
    const json = JSON.stringify(job);
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/json; charset=latin1",
      "application/jsonp",
    ]) {
      const response = await world.send("POST", "/enqueue", { body: json, headers: { "content-type": type } });
      expect([type, response.status]).toEqual([type, 415]);
      await problem(response);
    }
    const zipped = await world.send("POST", "/enqueue", {
      body: json,
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
    });
    expect(zipped.status).toBe(415);
    const ok = await world.send("POST", "/enqueue", {
      body: json,
      headers: { "content-type": "application/json; charset=utf-8" },
    });
    expect(ok.status).toBe(202);
    const files = await world.send("POST", "/enqueue", { json: { ...job, files: [{ filepath: "/etc/passwd" }] } });
    expect(files.status).toBe(422);
    const broken = await world.send("POST", "/enqueue", {
      body: new Uint8Array([0x22, 0xff, 0x22]),
      headers: { "content-type": "application/json" },
    });
    expect([broken.status, (await problem(broken))["detail"]]).toEqual([400, expect.stringMatching(/UTF-8/)]);
  });

  it("is not read of somebody without a token", async () => {
    const answer = await raw(
      "POST /enqueue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 900000\r\n\r\n{",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe("a hostile connection", () => {
  it("that drips its headers is cut after five seconds", async () => {
    const socket = await rawConnection(world.port);
    const all = readAll(socket);
    const begun = performance.now();
    socket.write("GET /health HTTP/1.1\r\nHost: x\r\n");
    const drip = setInterval(() => socket.write("x-a: b\r\n"), 400);
    const text = await all;
    clearInterval(drip);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    // Cut at 5 s, looked at every second; a busy machine may take longer, but never the minute of Node's default.
    expect(performance.now() - begun).toBeLessThan(20_000);
  }, 40_000);

  it("that does not speak HTTP, or too long, gets one word and is closed", async () => {
    expect(await raw("\u0016\u0003\u0001nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(`GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(
      await raw("POST /enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
    ).toMatch(/^HTTP\/1\.1 400 /);
    expect(
      await raw(
        "POST /enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      ),
    ).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("that closes in the middle of a body harms nobody", async () => {
    const socket = await rawConnection(world.port);
    socket.write(
      `POST /enqueue HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${OWNER}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{`,
    );
    socket.destroy();
    await once(socket, "close");
    expect((await world.send("GET", "/health")).status).toBe(200);
  });
});

describe("a token", () => {
  it("is missing: the message names the command that helps", async () => {
    const response = await world.send("GET", "/v1/jobs", { token: null });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/Bearer/);
    expect((await problem(response))["detail"]).toContain("source hive-data/secrets.env");
    expect(
      (await problem(await world.send("GET", "/v1/jobs", { token: "wrong-token-wrong-token" })))["detail"],
    ).toContain("source hive-data");
  });

  it("is never taken from the address, a cookie or another scheme", async () => {
    for (const path of [
      `/v1/jobs?token=${OWNER}`,
      `/v1/jobs?access_token=${OWNER}`,
      `/v1/jobs?INTERNAL_API_TOKEN=${OWNER}`,
    ]) {
      expect((await world.send("GET", path, { token: null })).status).toBe(401);
    }
    expect((await world.send("GET", "/v1/jobs", { token: null, headers: { cookie: `token=${OWNER}` } })).status).toBe(
      401,
    );
    expect((await world.send("GET", "/v1/jobs", { token: null, headers: { authorization: OWNER } })).status).toBe(401);
    const basic = Buffer.from(`x:${OWNER}`).toString("base64");
    expect(
      (await world.send("GET", "/v1/jobs", { token: null, headers: { authorization: `Basic ${basic}` } })).status,
    ).toBe(401);
  });
});

describe("the role matrix", () => {
  it.each(Object.entries(endpoints))(
    "%s refuses callers without a token, and every other kind of token",
    async (_name, endpoint) => {
      const path = endpoint.path.replace(":jobId", "nope").replace(":fence", "1").replace(/:\w+/g, "1");
      const call = (token: string | null) => world.send(endpoint.method, path, { token });
      if (["open", "registration", "hook"].includes(endpoint.access)) {
        expect((await call(null)).status).not.toBe(401);
        return;
      }
      const worker = await world.worker("matrix-worker");
      const tokens = {
        owner: OWNER,
        worker,
        lease: "eyJhbGciOiJub25lIn0.e30.",
        server: "gateway-token-for-tests-0123456789",
      };
      for (const [kind, token] of [["none", null], ...Object.entries(tokens)] as const) {
        if (kind === endpoint.access) continue;
        expect([endpoint.path, kind, (await call(token)).status]).toEqual([endpoint.path, kind, 401]);
      }
    },
  );
});
