/** Sources through a whole server: what senders are answered, what becomes of it, what people see and decide. */

import { HiveError } from "@hive/core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startServer, type TestServer } from "./server.fixture.ts";

const JOB = { repo: "https://github.com/acme/app", labels: ["nobody-has-this"] };
const TOKEN = "ALERTS_TOKEN";
const ALERTS = { type: "alertmanager", auth: { bearer: { env: TOKEN } } };
const PLAIN = { type: "generic", auth: "none", title: "title", deliveryId: "x-id", fields: { team: "team" } };

let world: TestServer;
beforeAll(async () => {
  world = await startServer({
    sources: {
      alerts: { ...ALERTS, job: JOB },
      limited: { ...ALERTS, limits: { maxOpen: 1, perHour: null }, job: JOB },
      chosen: {
        ...PLAIN,
        limits: { perHour: null },
        when: 'team != "nobody"',
        job: { labels: JOB.labels, repoFrom: { field: "team", allow: { web: "https://github.com/acme/web" } } },
      },
      file: { ...PLAIN, job: { ...JOB, template: "{{ title }} {{ nothing }}" } },
    },
  });
});
afterAll(() => world.close());

function alert(name: string, more: object = {}): object {
  const labels = { alertname: name, severity: "warning" };
  return { status: "firing", labels, startsAt: "2026-11-23T10:00:00Z", fingerprint: name, ...more };
}

function message(...alerts: readonly object[]): object {
  return { version: "4", status: "firing", alerts };
}

async function post(source: string, json: object, headers: Record<string, string> = {}, token: string | null = TOKEN) {
  const response = await world.send("POST", `/hooks/${source}`, { json, token, headers });
  return { status: response.status, reply: (await response.json()) as Record<string, string>, response };
}

async function get<T>(path: string): Promise<T> {
  const response = await world.send("GET", path);
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

interface GroupReply {
  readonly fingerprint: string;
  readonly title: string;
  readonly stage: string;
  readonly count: number;
  readonly hold: { readonly reason: string; readonly message: string } | null;
  readonly job: { readonly id: string } | null;
}

async function group(source: string, title: string): Promise<GroupReply | undefined> {
  const { groups } = await get<{ groups: GroupReply[] }>(`/v1/sources/${source}/groups`);
  return groups.find((one) => one.title.startsWith(title));
}

async function untilStage(source: string, title: string, stage: string): Promise<GroupReply> {
  let found: GroupReply | undefined;
  await vi.waitUntil(async () => (found = await group(source, title))?.stage === stage, 20_000);
  if (found === undefined) throw new Error("it was just there");
  return found;
}

describe("a hook", () => {
  it("takes a delivery, and its alert becomes a job that is told to be from outside", async () => {
    const { status, reply } = await post("alerts", message(alert("DiskFull")));
    expect([status, reply["deliveryId"]]).toEqual([202, expect.stringMatching(/^[0-9a-f]{64}$/)]);
    const { job } = await untilStage("alerts", "DiskFull", "open");
    expect(job?.id).toMatch(/^alerts\.[0-9a-f]{12}\.1$/);
    expect(await get(`/v1/jobs/${job?.id}`)).toMatchObject({
      trust: "untrusted",
      instructions: expect.stringContaining("DiskFull"),
    });
  });

  it("the same delivery again is the same one: nothing is counted twice", async () => {
    const body = message(alert("Twice"));
    const first = await post("alerts", body);
    await untilStage("alerts", "Twice", "open");
    const again = await post("alerts", body);
    expect([again.status, again.reply]).toEqual([202, first.reply]);
    const { deliveries } = await get<{ deliveries: { id: string; times: number; state: string }[] }>(
      "/v1/sources/alerts/deliveries",
    );
    const [delivery] = deliveries.filter(({ id }) => id === first.reply["deliveryId"]);
    expect(delivery).toMatchObject({ times: 2, state: "processed" });
    expect((await group("alerts", "Twice"))?.count).toBe(1);
  });

  it("refuses who is not the sender, with nothing kept", async () => {
    const body = message(alert("Forged"));
    for (const token of [null, "ALERTS_TOKEn", "owner-token-for-tests-0123456789"]) {
      const { status, reply } = await post("alerts", body, {}, token);
      expect([status, reply["code"]]).toEqual([401, "unauthorized"]);
      expect(JSON.stringify(reply)).not.toContain(TOKEN);
    }
    expect(await group("alerts", "Forged")).toBeUndefined();
  });

  it("does not know other sources, and takes no more than a megabyte", async () => {
    expect((await post("nobody", {})).status).toBe(404);
    const large = await world.send("POST", "/hooks/alerts", { body: "x".repeat(1_048_577), token: TOKEN });
    expect(large.status).toBe(413);
  });

  it("a compressed body is refused, whatever else it calls itself is not asked", async () => {
    const gzip = await post("chosen", { title: "a", team: "web" }, { "content-encoding": "gzip", "x-id": "gz" });
    expect(gzip.status).toBe(415);
    const odd = await world.send("POST", "/hooks/chosen", {
      body: '{"title":"typed","team":"web"}',
      headers: { "content-type": "application/x-www-form-urlencoded", "x-id": "typed" },
    });
    expect(odd.status).toBe(202);
  });

  it("what cannot be understood is kept as failed with the reason, and is the source's health", async () => {
    await post("chosen", { other: 1 }, { "x-id": "odd" });
    await vi.waitUntil(async () => {
      const { deliveries } = await get<{ deliveries: { id: string }[] }>("/v1/sources/chosen/deliveries?state=failed");
      return deliveries.some(({ id }) => id === "odd");
    }, 20_000);
    expect(await get("/v1/sources/chosen/deliveries?state=failed")).toMatchObject({
      deliveries: [{ id: "odd", message: "There is no title at title", seen: { filtered: 0, fingerprints: [] } }],
    });
  });
});

it("a source with too much to look at says to come again, and never 429", async () => {
  const full = await startServer({
    sources: { alerts: { ...ALERTS, job: JOB } },
    change: (parts) => ({
      ...parts,
      sources: {
        ...parts.sources,
        receive: () => Promise.reject(new HiveError("source_busy", "1000 deliveries of alerts wait to be looked at")),
      },
    }),
  });
  try {
    const refused = await full.send("POST", "/hooks/alerts", { json: message(), token: TOKEN });
    expect([refused.status, refused.headers.get("retry-after"), await refused.json()]).toMatchObject([
      503,
      expect.stringMatching(/^\d+$/),
      { code: "source_busy" },
    ]);
  } finally {
    await full.close();
  }
});

describe("groups", () => {
  it("what a limit holds is shown with its reason, and a person lets it go on", async () => {
    await post("limited", message(alert("First")));
    await untilStage("limited", "First", "open");
    await post("limited", message(alert("Second")));
    const { fingerprint } = await untilStage("limited", "Second", "held");
    const { groups } = await get<{ groups: GroupReply[] }>("/v1/sources/limited/held");
    expect(groups).toMatchObject([{ fingerprint, hold: { reason: "max_open" } }]);
    expect(await get("/v1/sources/limited")).toMatchObject({
      funnel: { received: 2, grouped: 2, filtered: 0, groups: 2, held: 1, jobs: 1 },
      open: [expect.stringMatching(/^limited\./)],
      hook: "/hooks/limited",
    });
    const released = await world.send("POST", `/v1/groups/limited/${fingerprint}/release`);
    expect(released.status).toBe(200);
    await untilStage("limited", "Second", "open");
    expect((await world.send("POST", `/v1/groups/limited/${fingerprint}/release`)).status).toBe(409);
  });

  it("a place that becomes free goes to the one that was held", async () => {
    await post("limited", message(alert("Third")));
    const { fingerprint } = await untilStage("limited", "Third", "held");
    for (const name of ["First", "Second"]) {
      const { job } = await untilStage("limited", name, "open");
      expect((await world.send("POST", `/v1/jobs/${job?.id}/cancel`)).status).toBe(200);
    }
    const opened = await untilStage("limited", "Third", "open");
    expect(opened.fingerprint).toBe(fingerprint);
  });

  it("a muted group counts and makes no job, until somebody says otherwise", async () => {
    await post("limited", message(alert("Loud")));
    const { fingerprint } = await untilStage("limited", "Loud", "held");
    const mute = await world.send("POST", `/v1/groups/limited/${fingerprint}/mute`, { json: { reason: "known" } });
    expect(await mute.json()).toMatchObject({ stage: "muted", mute: { by: "api", reason: "known", until: null } });
    const unmute = await world.send("POST", `/v1/groups/limited/${fingerprint}/unmute`);
    expect(await unmute.json()).toMatchObject({ stage: "held", mute: null });
    expect((await world.send("POST", `/v1/groups/limited/${fingerprint}/resolve`)).status).toBe(200);
    expect((await world.send("GET", `/v1/groups/limited/${fingerprint}`)).status).toBe(200);
    expect((await world.send("GET", "/v1/groups/limited/0000")).status).toBe(404);
  });

  it("a value from outside chooses among the repositories listed, and any other is held", async () => {
    await post("chosen", { title: "listed", team: "web" }, { "x-id": "1" });
    const { job } = await untilStage("chosen", "listed", "open");
    expect(await get(`/v1/jobs/${job?.id}`)).toMatchObject({ repo: "https://github.com/acme/web" });
    await post("chosen", { title: "strange", team: "constructor" }, { "x-id": "2" });
    const { hold } = await untilStage("chosen", "strange", "held");
    expect(hold).toMatchObject({ reason: "refused", message: expect.stringContaining('team is "constructor"') });
  });

  it("a template that names what is not there holds the group and says so", async () => {
    await post("file", { title: "broken" }, { "x-id": "1" });
    const { hold } = await untilStage("file", "broken", "held");
    expect(hold).toMatchObject({ reason: "refused", message: expect.stringContaining("nothing") });
  });
});

describe("a dry run and a replay", () => {
  it("a dry run says what would be decided and why, and keeps nothing", async () => {
    const before = await get<object>("/v1/sources/chosen");
    const body = JSON.stringify({ title: "dry", team: "web" });
    const tried = await world.send("POST", "/v1/sources/chosen/test", { json: { body } });
    expect(await tried.json()).toMatchObject({
      occurrences: [{ title: "dry", filtered: null, identity: ["dry"], decision: "becomes a job", stage: "due" }],
    });
    const left = await world.send("POST", "/v1/sources/chosen/test", {
      json: { body: JSON.stringify({ title: "dry", team: "nobody" }) },
    });
    expect(await left.json()).toMatchObject({
      occurrences: [{ filtered: 'when: team != "nobody"', fingerprint: null, stage: null }],
    });
    expect(await get("/v1/sources/chosen")).toEqual(before);
    const broken = await world.send("POST", "/v1/sources/chosen/test", { json: { body: "{" } });
    expect([broken.status, await broken.json()]).toMatchObject([422, { code: "invalid_field" }]);
  });

  it("a dry run of what has a job says that it only counts", async () => {
    const open = await untilStage("chosen", "listed", "open");
    const body = JSON.stringify({ title: "listed", team: "web" });
    const tried = await world.send("POST", "/v1/sources/chosen/test", { json: { body } });
    expect(await tried.json()).toMatchObject({
      occurrences: [{ fingerprint: open.fingerprint, decision: `counted: job ${open.job?.id} is about it` }],
    });
  });

  it("a delivery is replayed with the settings of now, and counts once more", async () => {
    const { count } = await untilStage("chosen", "listed", "open");
    const replayed = await world.send("POST", "/v1/deliveries/chosen/1/replay");
    expect(await replayed.json()).toMatchObject({ id: "1", state: "processed", replays: 1 });
    expect((await group("chosen", "listed"))?.count).toBe(count + 1);
    expect((await world.send("POST", "/v1/deliveries/chosen/none/replay")).status).toBe(404);
  });
});
