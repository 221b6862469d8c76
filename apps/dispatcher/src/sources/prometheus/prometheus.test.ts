import { expect, test } from "vitest";
import { anyType } from "../configured-type.ts";
import { createPeer, pollingLife } from "../polling.fixture.ts";
import { sourceTypeSuite } from "../source-type.suite.ts";
import { prometheus } from "./prometheus.ts";

sourceTypeSuite({ type: anyType(prometheus), settings: { url: "http://127.0.0.1:9090", query: "up == 0" } });

type Labels = Readonly<Record<string, string>>;

const NOW_S = Date.parse("2026-11-23T12:00:00Z") / 1000;

/** An answer as Prometheus 2.42 gives it: series by label `svc`, with values. */
function vector(values: Readonly<Record<string, string>>, more: object = {}): { body: string } {
  const result = Object.entries(values).map(([svc, value]) => ({
    metric: { svc, __name__: "demo_errors" },
    value: [NOW_S + 0.123, value],
  }));
  return { body: JSON.stringify({ status: "success", data: { resultType: "vector", result }, ...more }) };
}

function scalar(value: string): { body: string } {
  return { body: JSON.stringify({ status: "success", data: { resultType: "scalar", result: [NOW_S, value] } }) };
}

function open(settings: object = {}) {
  const own = prometheus.schema.parse({ url: "http://127.0.0.1:9090/", query: "demo_errors > 5", ...settings });
  return (stored: Parameters<NonNullable<typeof prometheus.open>>[1]) => {
    if (prometheus.open === undefined) throw new Error("it polls");
    return prometheus.open(own, stored);
  };
}

function life(first: { body: string }, settings: object = {}) {
  const peer = createPeer(first);
  const own = pollingLife(open(settings), peer.fetch);
  const told = async (): Promise<string[]> =>
    (await own.poll()).occurrences.map(({ state, fields }) => `${fields["labels.svc"] ?? "-"} ${state}`);
  return { own, peer, told };
}

test("a series is told when it begins to fire and when it ends, and not in between", async () => {
  const { told, peer } = life(vector({ api: "9" }));
  expect(await told()).toEqual(["api firing"]);
  expect(await told()).toEqual([]);
  peer.answer = vector({ api: "12", web: "7" });
  expect(await told()).toEqual(["web firing"]);
  peer.answer = vector({});
  expect(await told()).toEqual(["api resolved", "web resolved"]);
  expect(await told()).toEqual([]);
});

test("what fires and what ended are the same trouble, with the same labels and the same time of beginning", async () => {
  const { own, peer } = life(vector({ api: "9" }));
  const [firing] = (await own.poll()).occurrences;
  own.now += 60_000;
  peer.answer = vector({});
  const [resolved] = (await own.poll()).occurrences;
  expect(firing).toMatchObject({
    title: 'demo_errors{svc="api"}',
    text: 'demo_errors{svc="api"} = 9\nquery: demo_errors > 5\nsince: 2026-11-23T12:00:00.123Z',
    episode: expect.stringMatching(/^2026-11-23T12:00:00\.123Z [0-9a-f]{8}$/),
    at: NOW_S * 1000 + 123,
    link: "http://127.0.0.1:9090/graph?g0.expr=demo_errors%20%3E%205&g0.tab=1",
    fields: { value: "9", query: "demo_errors > 5", "labels.svc": "api", "labels.__name__": "demo_errors" },
  });
  const { identity, episode, title } = firing ?? {};
  expect(resolved).toMatchObject({ state: "resolved", identity, episode, title, at: own.now });
  expect(resolved?.fields).toEqual({ query: "demo_errors > 5", "labels.svc": "api", "labels.__name__": "demo_errors" });
});

test("a second time is another episode of the same trouble", async () => {
  const { own, peer } = life(vector({ api: "9" }));
  const [first] = (await own.poll()).occurrences;
  peer.answer = vector({});
  await own.poll();
  peer.answer = { body: vector({ api: "9" }).body.replace(String(NOW_S + 0.123), String(NOW_S + 600)) };
  const [second] = (await own.poll()).occurrences;
  expect(second?.identity).toEqual(first?.identity);
  expect(second?.episode).toMatch(/^2026-11-23T12:10:00\.000Z /);
});

test("series that began at the same look are different episodes, so that one may end in a group of several", async () => {
  const { occurrences } = await life(vector({ api: "9", web: "9" })).own.poll();
  expect(new Set(occurrences.map(({ episode }) => episode)).size).toBe(2);
});

test("a restart tells nothing twice, and what was lost before it was committed is told again", async () => {
  const { own, peer, told } = life(vector({ api: "9" }));
  expect((await own.lost()).occurrences).toHaveLength(1);
  expect(await told()).toEqual(["api firing"]);
  own.restart();
  expect(await told()).toEqual([]);
  peer.answer = vector({});
  expect((await own.lost()).occurrences).toHaveLength(1);
  expect(await told()).toEqual(["api resolved"]);
});

test("another query ends what only the old one gave", async () => {
  const { own, peer, told } = life(vector({ api: "9" }));
  await own.poll();
  own.restart(open({ query: "other > 1" }));
  peer.answer = vector({ web: "2" });
  expect(await told()).toEqual(["web firing", "api resolved"]);
});

test("NaN neither begins nor ends anything, and is said", async () => {
  const { own, peer, told } = life(vector({ api: "NaN", web: "9" }));
  const polled = await own.poll();
  expect(polled.occurrences.map(({ fields }) => fields["labels.svc"])).toEqual(["web"]);
  expect(polled.notice).toContain("1 series are NaN");
  peer.answer = vector({ web: "NaN" });
  expect(await told()).toEqual([]);
  peer.answer = vector({ web: "+Inf" });
  expect(await told()).toEqual([]);
  peer.answer = vector({});
  expect(await told()).toEqual(["web resolved"]);
});

test("a value of 0 fires, as in an alerting rule: the query says what is wrong", async () => {
  expect(await life(vector({ api: "0" }), { query: "up == 0" }).told()).toEqual(["api firing"]);
});

test("a scalar fires while it is not 0, and is called by its query or the title of the settings", async () => {
  const { own, peer, told } = life(scalar("1"), { query: "scalar(sum(up)) < bool 3" });
  expect((await own.poll()).occurrences[0]).toMatchObject({ state: "firing", title: "scalar(sum(up)) < bool 3" });
  peer.answer = scalar("NaN");
  expect(await told()).toEqual([]);
  peer.answer = scalar("0");
  expect(await told()).toEqual(["- resolved"]);
  const titled = life(scalar("1"), { title: "Too few are up" });
  expect((await titled.own.poll()).occurrences[0]?.title).toBe("Too few are up");
});

test("an answer with a warning may lack series, so that nothing ended", async () => {
  const { own, peer } = life(vector({ api: "9", web: "9" }));
  await own.poll();
  peer.answer = vector({ api: "9", db: "9" }, { warnings: ["store 2 did not answer"] });
  const polled = await own.poll();
  expect(polled.occurrences.map(({ state }) => state)).toEqual(["firing"]);
  expect(polled.notice).toBe("Prometheus warns: store 2 did not answer");
});

test.each([
  [
    "a bad query",
    { status: 400, body: '{"status":"error","errorType":"bad_data","error":"1:3: parse error: unexpected end"}' },
    "bad_data): 1:3: parse error",
  ],
  [
    "a query that takes too long",
    { status: 503, body: '{"status":"error","errorType":"timeout","error":"x"}' },
    "timeout",
  ],
  ["a page", { body: "<html>Log in</html>" }, "none of Prometheus's query API"],
  ["a server that is starting", { status: 503, body: "Service Unavailable" }, "(503)"],
  [
    "a range",
    { body: '{"status":"success","data":{"resultType":"matrix","result":[]}}' },
    "gives a matrix; write one that gives a vector",
  ],
  ["nobody", new Error("127.0.0.1:9090 could not be reached (ECONNREFUSED)"), "ECONNREFUSED"],
])("%s is told as what it is, and ends nothing", async (_, answer, message) => {
  const { own, peer, told } = life(vector({ api: "9" }));
  await own.poll();
  peer.answer = answer;
  await expect(own.poll()).rejects.toThrow(message);
  peer.answer = vector({ api: "9" });
  expect(await told()).toEqual([]);
});

test("more changes than one commit takes come in several polls at once", async () => {
  const many = Object.fromEntries(Array.from({ length: 450 }, (_, at) => [`s${at}`, "9"]));
  const { own, peer, told } = life(vector(many));
  const polls = [await own.poll(), await own.poll(), await own.poll(), await own.poll()];
  expect(polls.map(({ occurrences, more }) => [occurrences.length, more])).toEqual([
    [200, true],
    [200, true],
    [50, false],
    [0, false],
  ]);
  peer.answer = vector({});
  for (const count of [200, 200, 50, 0]) expect(await told()).toHaveLength(count);
  expect(own.memories.size).toBe(0);
});

test("series beyond the limit are said and not followed, and those that fire already stay", async () => {
  const { own, peer } = life(vector({ zz: "9" }));
  await own.poll();
  peer.answer = vector({ ...Object.fromEntries(Array.from({ length: 1200 }, (_, at) => [`s${at}`, "9"])), zz: "9" });
  let polled = await own.poll();
  while (polled.more) polled = await own.poll();
  expect(own.memories.size).toBe(1000);
  expect(polled.notice).toContain("201 series that fire are not followed");
  peer.answer = vector({ zz: "9" });
  do polled = await own.poll();
  while (polled.more);
  expect([...own.memories.values()]).toMatchObject([{ labels: { svc: "zz" } }]);
});

test("a series with labels of any size cannot fill the memory", async () => {
  const { own } = life(vector({ ["x".repeat(10_000)]: "9", api: "9" }));
  const { occurrences, notice } = await own.poll();
  expect(occurrences.map(({ fields }) => fields["labels.svc"])).toEqual(["api"]);
  expect(notice).toContain("1 series that fire are not followed");
});

test("the query and the password of the settings are sent", async () => {
  const auth = { basic: { user: "hive", password: { file: "/run/secret" } } };
  const { own, peer } = life(vector({}), { query: 'sum(x{a="b&c"}) > 1', auth });
  await own.poll();
  const [asked] = peer.asked;
  expect(new URL(asked?.url ?? "").searchParams.get("query")).toBe('sum(x{a="b&c"}) > 1');
  expect(asked?.headers.get("authorization")).toBe(`Basic ${btoa("hive:the secret of /run/secret")}`);
});

test.each<[string, object]>([
  ["a query without an end", { query: "x".repeat(2_048) }],
  ["an address that is none of the web", { url: "file:///etc/passwd" }],
  ["no query", { query: "" }],
  ["a setting nobody knows", { quiery: "x" }],
])("%s is refused at the start", (_, settings) => {
  const given = { url: "http://127.0.0.1:9090", query: "up == 0", ...settings };
  expect(prometheus.schema.safeParse(given).success).toBe(false);
});

test("labels of any name stay labels, and the one called severity says how bad it is", async () => {
  const labels: Labels = { constructor: "c", severity: "page", __proto__x: "p" };
  const body = JSON.stringify({
    status: "success",
    data: { resultType: "vector", result: [{ metric: labels, value: [NOW_S, "1"] }] },
  });
  const [one] = (await life({ body }).own.poll()).occurrences;
  expect(one?.title).toBe('{__proto__x="p", constructor="c", severity="page"}');
  expect(one?.severity).toBe("critical");
});
