import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { anyType } from "../configured-type.ts";
import { SUITE_NOW, sourceTypeSuite } from "../source-type.suite.ts";
import { grafanaType } from "./grafana.ts";

const SECRET = "suite-secret";
const body = JSON.stringify({
  receiver: "hive",
  status: "firing",
  orgId: 1,
  version: "1",
  title: "[FIRING:1]",
  state: "alerting",
  groupKey: "{}/{}:{}",
  truncatedAlerts: 0,
  somethingNew: true,
  alerts: [
    {
      status: "firing",
      labels: { alertname: "High latency", severity: "page", svc: "api" },
      annotations: { summary: "p95 is high – über 2 s" },
      startsAt: "2026-11-23T11:50:00Z",
      endsAt: "0001-01-01T00:00:00Z",
      fingerprint: "c6eadffa33fcdf37",
      silenceURL: "https://grafana.example/alerting/silence/new",
      dashboardURL: "",
      panelURL: "https://grafana.example/d/x?viewPanel=2",
      values: { B: 2.5, C: null },
    },
    {
      status: "resolved",
      labels: { alertname: "Disk" },
      annotations: {},
      startsAt: "2026-11-23T10:00:00Z",
      endsAt: "2026-11-23T11:59:00Z",
      fingerprint: "0123456789abcdef",
      values: null,
    },
  ],
});
const hex = (text: string): string => createHmac("sha256", SECRET).update(text).digest("hex");
const plain = { headers: { "x-grafana-alerting-signature": hex(body) }, body };
const seconds = (offset: number): string => String(Math.floor(SUITE_NOW / 1000) + offset);
const stamped = (at: string) => ({
  headers: { "x-signature": hex(`${at}:${body}`), "x-signed-at": at },
  body,
});

describe("without a timestamp", () => {
  sourceTypeSuite({
    type: anyType(grafanaType),
    settings: { secret: { env: "S" } },
    secret: SECRET,
    delivery: plain,
  });
});

describe("with a timestamp", () => {
  const fresh = stamped(seconds(-60));
  sourceTypeSuite({
    type: anyType(grafanaType),
    settings: { secret: { env: "S" }, header: "X-Signature", timestampHeader: "X-Signed-At", tolerance: "5m" },
    secret: SECRET,
    delivery: fresh,
    refused: [
      ["it is stale", stamped(seconds(-301))],
      ["it comes from the future", stamped(seconds(301))],
      ["another time stands on it", { ...fresh, headers: { ...fresh.headers, "x-signed-at": seconds(-59) } }],
      ["only its body is signed", { body, headers: { "x-signature": hex(body), "x-signed-at": seconds(-60) } }],
      ["it has no time", { body, headers: { "x-signature": hex(body) } }],
    ],
  });
});

describe("what Grafana says", () => {
  it("counts alert by alert, whatever the message as a whole says", () => {
    const { hook, schema } = grafanaType;
    const tools = { now: 0, fetch: () => Promise.reject(new Error("no")), secret: () => SECRET };
    const said = hook?.read(
      schema.parse({ secret: { env: "S" } }),
      { headers: {}, body: Buffer.from(body), receivedAt: SUITE_NOW },
      { ...tools, signal: AbortSignal.timeout(1_000) },
    );
    expect(said).toMatchObject([
      {
        identity: ["c6eadffa33fcdf37"],
        title: "p95 is high – über 2 s",
        state: "firing",
        // Alerts that began at the same look are told apart.
        episode: "2026-11-23T11:50:00Z c6eadffa",
        severity: "critical",
        link: "https://grafana.example/d/x?viewPanel=2",
        fields: { "labels.svc": "api", "values.B": "2.5", "values.C": "null", receiver: "hive", org: "1" },
      },
      { identity: ["0123456789abcdef"], state: "resolved", at: Date.parse("2026-11-23T11:59:00Z") },
    ]);
  });

  it("tells alerts apart that began at the same look, also where none has a fingerprint", async () => {
    const { hook, schema } = grafanaType;
    const tools = { now: 0, fetch: () => Promise.reject(new Error("no")), secret: () => SECRET };
    const one = { status: "firing", startsAt: "2026-11-23T11:50:00Z", annotations: {} };
    const alerts = ["api", "web"].map((svc) => ({ ...one, labels: { alertname: "High latency", svc } }));
    const said = await hook?.read(
      schema.parse({ secret: { env: "S" } }),
      { headers: {}, body: Buffer.from(JSON.stringify({ alerts })), receivedAt: SUITE_NOW },
      { ...tools, signal: AbortSignal.timeout(1_000) },
    );
    expect(new Set(said?.map(({ episode }) => episode)).size).toBe(2);
  });
});
