/** Signing in and out of browsers, and what a session's cookie may and may not do, over real HTTP. */

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createSessions, SESSION_MS } from "../auth/sessions.ts";
import { HandClock } from "../queue/queue.fixture.ts";
import { OWNER, startServer, type TestServer, type TestServerOptions } from "./server.fixture.ts";
import { standsBy } from "./standby.fixture.ts";

const JOB = { repo: "https://example.com/acme/app", task: "script", script: "true" };
const PAGE = { "x-hive-page": "1" };

let world: TestServer;
beforeAll(async () => {
  world = await startServer();
});
afterAll(() => world.close());

async function start(options: TestServerOptions): Promise<TestServer> {
  const server = await startServer(options);
  onTestFinished(() => server.close());
  return server;
}

function signIn(server: TestServer, token: string): Promise<Response> {
  return server.send("POST", "/v1/session", { token: null, json: { token } });
}

/** The `Cookie` header of a browser that signed in. */
async function cookieOf(server: TestServer, token = OWNER): Promise<string> {
  const [cookie = ""] = (await signIn(server, token)).headers.getSetCookie();
  return cookie.split(";", 1)[0] ?? "";
}

/** What a browser with this cookie is answered: the status, and the problem's code. */
async function ask(
  server: TestServer,
  cookie: string,
  [method, path, json]: readonly [method: string, path: string, json?: unknown],
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly [number, string | undefined]> {
  const reply = await server.send(method, path, { token: null, json, headers: { cookie, ...headers } });
  const body = (await reply.json().catch(() => ({}))) as { readonly code?: string };
  return [reply.status, body.code];
}

const READ = ["GET", "/v1/jobs"] as const;
const WRITE = ["POST", "/enqueue", JOB] as const;

describe("signing in", () => {
  it("sets a cookie that scripts cannot read and other sites cannot send, and says when it ends", async () => {
    const reply = await signIn(world, OWNER);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("cache-control")).toBe("no-store");
    const [cookie = "", ...others] = reply.headers.getSetCookie();
    expect(others).toEqual([]);
    expect(cookie).toMatch(
      /^hive-[0-9a-f]{12}=1\.\d+\.[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=604800$/,
    );
    const { signedIn, until } = (await reply.json()) as { readonly signedIn: boolean; readonly until: number };
    expect(signedIn).toBe(true);
    expect(Math.abs(until - Date.now() - SESSION_MS)).toBeLessThan(60_000);
    const state = await world.send("GET", "/v1/session", { token: null, headers: { cookie } });
    expect(await state.json()).toEqual({ signedIn: true, until });
  });

  it("takes the token with blanks around it, as they come along when it is pasted", async () => {
    expect((await signIn(world, ` ${OWNER}\n`)).status).toBe(200);
  });

  it.each([["a wrong token"], [`${OWNER}x`], [OWNER.slice(1)], [`${OWNER},${OWNER}`]])(
    "refuses %s, sets nothing, and says where the right one is",
    async (token) => {
      const other = await start({});
      const reply = await signIn(other, token);
      expect([reply.status, reply.headers.getSetCookie()]).toEqual([401, []]);
      expect(await reply.text()).toContain("source hive-data/secrets.env");
    },
  );

  it("is not for forms of other pages: those cannot send JSON unasked", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      const body = JSON.stringify({ token: OWNER });
      const reply = await world.send("POST", "/v1/session", { token: null, body, headers: { "content-type": type } });
      expect([type, reply.status, reply.headers.getSetCookie()]).toEqual([type, 415, []]);
    }
  });

  it("is refused after ten wrong tokens, also with the right one, until a minute is over", async () => {
    const clock = new HandClock();
    const server = await start({ change: (parts) => ({ ...parts, clock: { ...parts.clock, mono: clock.mono } }) });
    for (let time = 0; time < 10; time += 1) expect((await signIn(server, "a wrong one")).status).toBe(401);
    const refused = await signIn(server, OWNER);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    // Programs with the token are not its guessers.
    expect((await server.send("GET", "/v1/jobs")).status).toBe(200);
    await clock.pass(60_000);
    expect((await signIn(server, OWNER)).status).toBe(200);
  });

  it("over TLS says that the cookie is for TLS only", async () => {
    const server = await start({
      change: (parts) => ({
        ...parts,
        sessions: createSessions({
          ...{ tokens: [OWNER], secret: new Uint8Array(32), clock: parts.clock },
          isSecure: true,
        }),
      }),
    });
    const [cookie] = (await signIn(server, OWNER)).headers.getSetCookie();
    expect(cookie).toMatch(/^__Host-hive-\w+=\S+; Path=\/; HttpOnly; SameSite=Strict; Secure; Max-Age=604800$/);
  });
});

describe("signing out", () => {
  it("takes the cookie away", async () => {
    const cookie = await cookieOf(world);
    const reply = await world.send("DELETE", "/v1/session", { token: null, headers: { cookie } });
    expect(await reply.json()).toEqual({ signedIn: false, until: null });
    const name = cookie.split("=", 1)[0] ?? "";
    expect(reply.headers.getSetCookie()).toEqual([`${name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`]);
  });

  it("tells a stranger no name of a cookie: it comes from a token", async () => {
    const reply = await world.send("DELETE", "/v1/session", { token: null });
    expect([reply.status, reply.headers.getSetCookie()]).toEqual([200, []]);
  });
});

describe("a session", () => {
  it("stands for the owner", async () => {
    const cookie = await cookieOf(world);
    expect(await ask(world, cookie, READ)).toEqual([200, undefined]);
    expect(await ask(world, cookie, WRITE, PAGE)).toEqual([202, undefined]);
    expect(await ask(world, cookie, READ, { "sec-fetch-site": "same-origin" })).toEqual([200, undefined]);
    // An address that somebody typed.
    expect(await ask(world, cookie, READ, { "sec-fetch-site": "none" })).toEqual([200, undefined]);
  });

  it.each(["cross-site", "same-site", "SAME-ORIGIN", "", "same-origin, none"])(
    "does not count for a request of which the browser says %o: another port of this host is the same site",
    async (site) => {
      const cookie = await cookieOf(world);
      expect(await ask(world, cookie, READ, { "sec-fetch-site": site })).toEqual([401, "unauthorized"]);
      expect(await ask(world, cookie, WRITE, { "sec-fetch-site": site, ...PAGE })).toEqual([401, "unauthorized"]);
    },
  );

  it.each<readonly [method: string, path: string, json: unknown]>([
    ["POST", "/enqueue", JOB],
    ["POST", "/v1/jobs/nobody/cancel", {}],
    ["PUT", "/v1/schedules/mine", { cron: "@daily", job: JOB }],
    ["DELETE", "/v1/schedules/mine", undefined],
  ])("without the header of our pages changes nothing: %s %s", async (method, path, json) => {
    const cookie = await cookieOf(world);
    expect(await ask(world, cookie, [method, path, json])).toEqual([401, "unauthorized"]);
    const asked = { "access-control-request-method": method, "access-control-request-headers": "x-hive-page" };
    const preflight = await world.send("OPTIONS", path, {
      token: null,
      headers: { origin: "http://x.test", ...asked },
    });
    expect(preflight.ok).toBe(false);
    expect([...preflight.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  it("reads without that header, HEAD too", async () => {
    const cookie = await cookieOf(world);
    expect((await ask(world, cookie, ["HEAD", "/v1/jobs"]))[0]).toBe(200);
    expect((await ask(world, cookie, ["HEAD", "/v1/jobs"], { "sec-fetch-site": "cross-site" }))[0]).toBe(401);
  });

  it("does not mend a wrong token, and is nothing to workers, leases and the server's own processes", async () => {
    const cookie = await cookieOf(world);
    const wrong = { authorization: "Bearer not-the-token-of-this-server" };
    expect(await ask(world, cookie, READ, wrong)).toEqual([401, "unauthorized"]);
    expect(await ask(world, cookie, ["POST", "/v1/worker/claim", { claimId: "claim-1-xxxx" }], PAGE)).toEqual([
      401,
      "unauthorized",
    ]);
    expect(await ask(world, cookie, ["POST", "/v1/worker/heartbeat", {}], PAGE)).toEqual([401, "unauthorized"]);
  });

  it("ends when its token is taken away, and only then", async () => {
    const tokens = ["the-first-token-0123456789", "the-second-token-0123456789"] as const;
    const withTokens = (ownerTokens: readonly string[]): TestServerOptions => ({
      change: (parts) => ({
        ...parts,
        ownerTokens,
        sessions: createSessions({
          ...{ tokens: ownerTokens, secret: new Uint8Array(32), isSecure: false, clock: parts.clock },
        }),
      }),
    });
    const before = await start(withTokens(tokens));
    const [first, second] = [await cookieOf(before, tokens[0]), await cookieOf(before, tokens[1])];
    expect((await ask(before, first, READ))[0]).toBe(200);
    expect((await ask(before, second, READ))[0]).toBe(200);
    const after = await start(withTokens([tokens[1]]));
    expect((await ask(after, first, READ))[0]).toBe(401);
    expect((await ask(after, second, READ))[0]).toBe(200);
    expect((await signIn(after, tokens[0])).status).toBe(401);
  });
});

describe("a standby", () => {
  it("signs in and out itself, and the queen takes its cookie: directly, and with what the standby hands on", async () => {
    const { sessions } = world.parts;
    const standby = await start({ change: (parts) => ({ ...standsBy(world.url)(parts), sessions }) });
    const cookie = await cookieOf(standby);
    expect(await (await standby.send("GET", "/v1/session", { token: null, headers: { cookie } })).json()).toMatchObject(
      {
        signedIn: true,
      },
    );
    expect(await ask(world, cookie, READ)).toEqual([200, undefined]);
    expect(await ask(standby, cookie, READ)).toEqual([200, undefined]);
    expect(await ask(standby, cookie, WRITE, { ...PAGE, "sec-fetch-site": "same-origin" })).toEqual([202, undefined]);
    expect(await ask(standby, await cookieOf(world), READ)).toEqual([200, undefined]);
  });

  it("hands on what the browser said of where a request comes from, so that the queen refuses it", async () => {
    const { sessions } = world.parts;
    const standby = await start({ change: (parts) => ({ ...standsBy(world.url)(parts), sessions }) });
    const cookie = await cookieOf(standby);
    expect(await ask(standby, cookie, WRITE)).toEqual([401, "unauthorized"]);
    expect(await ask(standby, cookie, READ, { "sec-fetch-site": "same-site" })).toEqual([401, "unauthorized"]);
  });

  it("answers sessions while there is no queen at all", async () => {
    const nobody = await start({});
    await nobody.server.close();
    const standby = await start({ change: standsBy(nobody.url) });
    const cookie = await cookieOf(standby);
    const state = await standby.send("GET", "/v1/session", { token: null, headers: { cookie } });
    expect(await state.json()).toMatchObject({ signedIn: true });
  });
});
