import { describe, expect, it } from "vitest";
import { anyType } from "../configured-type.ts";
import type { HookRequest, Occurrence, PollTools } from "../contract.ts";
import { sourceTypeSuite, SUITE_NOW } from "../source-type.suite.ts";
import { alertmanager } from "./alertmanager.ts";

const SETTINGS = { auth: { bearer: { env: "AM_TOKEN" } } };

/** As Debian's Alertmanager 0.25.0 sends it. */
const FIRING = {
  status: "firing",
  labels: { alertname: "HighErrors", instance: "127.0.0.1:19555", job: "demo", severity: "critical", svc: "api" },
  annotations: { description: "value 9", summary: "errors high on api" },
  startsAt: "2026-11-22T23:24:12.632Z",
  endsAt: "0001-01-01T00:00:00Z",
  generatorURL: "http://vm:19090/graph?g0.expr=demo_errors+%3E+5&g0.tab=1",
  fingerprint: "ca6b2bb6a1d3fc75",
};
const MESSAGE = {
  receiver: "hive",
  status: "firing",
  alerts: [FIRING],
  groupLabels: { alertname: "HighErrors" },
  commonLabels: {},
  commonAnnotations: {},
  externalURL: "http://vm:19093",
  version: "4",
  groupKey: '{}:{alertname="HighErrors"}',
  truncatedAlerts: 0,
};

sourceTypeSuite({
  type: anyType(alertmanager),
  settings: SETTINGS,
  delivery: { headers: { authorization: "Bearer suite-secret" }, body: JSON.stringify(MESSAGE) },
  refused: [
    ["its token is another one", { headers: { authorization: "Bearer suite-secre" }, body: "{}" }],
    ["it has no token", { headers: {}, body: "{}" }],
    ["it comes with a password", { headers: { authorization: "Basic c3VpdGU6c2VjcmV0" }, body: "{}" }],
  ],
});

const tools: PollTools = {
  now: SUITE_NOW,
  fetch: () => Promise.reject(new Error("an Alertmanager is not asked back")),
  secret: () => "",
  signal: new AbortController().signal,
};

async function read(message: object): Promise<readonly Occurrence[]> {
  const configured = anyType(alertmanager).configure(SETTINGS);
  const request: HookRequest = { headers: {}, body: Buffer.from(JSON.stringify(message)), receivedAt: SUITE_NOW };
  return configured.ok ? ((await configured.type.hook?.read(request, tools)) ?? []) : [];
}

describe("alertmanager", () => {
  it("an alert is its fingerprint, and each time it lasts is an episode", async () => {
    expect(await read(MESSAGE)).toMatchObject([
      {
        identity: ["ca6b2bb6a1d3fc75"],
        episode: "2026-11-22T23:24:12.632Z ca6b2bb6",
        state: "firing",
        severity: "critical",
        title: "HighErrors: errors high on api",
        fields: { "labels.svc": "api", "annotations.description": "value 9", receiver: "hive" },
      },
    ]);
  });

  it("each alert says itself whether it fires: the message's own status is not believed", async () => {
    const over = { ...FIRING, status: "resolved", endsAt: "2026-11-22T23:30:00Z", fingerprint: "00" };
    const states = (await read({ ...MESSAGE, alerts: [FIRING, over] })).map(({ state, at }) => [state, at]);
    expect(states).toEqual([
      ["firing", Date.parse(FIRING.startsAt)],
      ["resolved", Date.parse(over.endsAt)],
    ]);
  });

  it("alerts that began at the same look at a rule are told apart: the end of one is not that of all in their group", async () => {
    const other = { ...FIRING, fingerprint: "00f00baa00f00baa" };
    const episodes = (await read({ ...MESSAGE, alerts: [FIRING, other] })).map(({ episode }) => episode);
    expect(new Set(episodes).size).toBe(2);
  });

  it("unknown keys are taken, and alerts that were left out are told", async () => {
    const [alert] = await read({ ...MESSAGE, truncatedAlerts: 5, notification_reason: "new", routeLabels: {} });
    expect(alert?.text).toContain("left out 5 further alerts");
    expect(alert?.fields["truncatedAlerts"]).toBe("5");
  });

  it("an old release that sends no fingerprint is told apart by its labels, in any order", async () => {
    const { fingerprint: _none, ...old } = FIRING;
    const turned = { ...old, labels: Object.fromEntries(Object.entries(old.labels).toReversed()) };
    const [first, second] = await read({ ...MESSAGE, alerts: [old, turned] });
    expect(first?.identity).toEqual(second?.identity);
    expect(first?.episode).toEqual(second?.episode);
  });

  it("alerts of such a release that began at the same look are told apart too", async () => {
    const { fingerprint: _none, ...old } = FIRING;
    const other = { ...old, labels: { ...old.labels, instance: "127.0.0.1:19556" } };
    const episodes = (await read({ ...MESSAGE, alerts: [old, other] })).map(({ episode }) => episode);
    expect(new Set(episodes).size).toBe(2);
  });
});
