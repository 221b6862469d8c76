import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { anyType } from "../configured-type.ts";
import type { Occurrence } from "../contract.ts";
import { SUITE_NOW, sourceTypeSuite } from "../source-type.suite.ts";
import { sentryType } from "./sentry.ts";

const SECRET = "suite-secret";

const issue = {
  id: "1170820242",
  shortId: "WEB-7",
  title: "TypeError: Übergröße is not a function",
  culprit: "checkout(app/cart.js)",
  level: "fatal",
  platform: "javascript",
  status: "unresolved",
  substatus: "regressed",
  count: "1",
  firstSeen: "2026-11-20T10:00:00Z",
  lastSeen: "2026-11-23T11:59:00Z",
  metadata: { type: "TypeError", value: "Übergröße is not a function", filename: "app/cart.js" },
  project: { id: "1", slug: "web" },
  web_url: "https://sentry.example/organizations/acme/issues/1170820242/",
};

function delivery(
  resource: string,
  body: unknown,
): { readonly headers: Record<string, string>; readonly body: string } {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const signature = createHmac("sha256", SECRET).update(text).digest("hex");
  const headers = { "sentry-hook-resource": resource, "sentry-hook-signature": signature, "request-id": "7f1b" };
  return { headers, body: text };
}

function read(resource: string, body: unknown): readonly Occurrence[] {
  const { headers, body: text } = delivery(resource, body);
  const { hook } = sentryType;
  const own = { clientSecret: { env: "S" } };
  const tools = { now: 0, fetch: () => Promise.reject(new Error("no")), secret: () => SECRET };
  const request = { headers, body: Buffer.from(text), receivedAt: SUITE_NOW };
  const occurrences = hook?.read(own, request, { ...tools, signal: AbortSignal.timeout(1_000) });
  return Array.isArray(occurrences) ? occurrences : [];
}

sourceTypeSuite({
  type: anyType(sentryType),
  settings: { clientSecret: { env: "S" } },
  secret: SECRET,
  delivery: delivery("issue", { action: "created", data: { issue } }),
});

describe("what Sentry says", () => {
  it("is signed over its bytes: the same members in another order are another body", () => {
    const sent = delivery("issue", { action: "created", data: { issue } });
    const reordered = JSON.stringify({ data: { issue }, action: "created" });
    const verify = (body: string): void =>
      sentryType.hook?.verify(
        { clientSecret: { env: "S" } },
        { headers: sent.headers, body: Buffer.from(body), receivedAt: SUITE_NOW },
        () => SECRET,
      );
    expect(sent.body).toContain("Ü");
    expect(() => verify(sent.body)).not.toThrow();
    expect(() => verify(reordered)).toThrow("does not fit");
    expect(() => verify(sent.body.replace("Ü", "\\u00dc"))).toThrow("does not fit");
  });

  it("of an issue fires when it is new or comes back, and resolves when it is resolved or archived", () => {
    const states = ["created", "unresolved", "resolved", "archived", "assigned"].map((action) =>
      read("issue", { action, data: { issue } }).map(({ state }) => state),
    );
    expect(states).toEqual([["firing"], ["firing"], ["resolved"], ["resolved"], []]);
  });

  it("in an alert is about the same trouble as its issue, with the trace innermost first", () => {
    const event = {
      issue_id: 1170820242,
      title: issue.title,
      level: "error",
      datetime: "2026-11-23T11:59:30Z",
      exception: {
        values: [
          {
            type: "TypeError",
            value: "boom",
            stacktrace: { frames: [{ function: "outer", filename: "a.js", lineno: 1 }, { function: "inner" }] },
          },
        ],
      },
    };
    const [alert] = read("event_alert", { action: "triggered", data: { event, triggered_rule: "Any error" } });
    const [created] = read("issue", { action: "created", data: { issue } });
    expect(alert?.identity).toEqual(created?.identity);
    expect(alert?.episode).toBe(created?.episode);
    expect(alert).toMatchObject({ state: "firing", severity: "error", fields: { rule: "Any error" } });
    expect(alert?.text).toMatch(/TypeError: boom\n {2}at inner \(\?\)\n {2}at outer \(a\.js:1\)/);
  });

  it("of a metric has the severity of its action, and one trouble for each rule", () => {
    const data = {
      metric_alert: { id: "9", alert_rule: { id: "4", name: "p95" } },
      description_title: "Critical: p95",
    };
    const said = ["critical", "warning", "resolved"].flatMap((action) => read("metric_alert", { action, data }));
    expect(said.map(({ state, severity }) => [state, severity])).toEqual([
      ["firing", "critical"],
      ["firing", "warning"],
      ["resolved", null],
    ]);
    expect(new Set(said.map(({ identity }) => identity.join())).size).toBe(1);
  });

  it("of anything else is no trouble", () => {
    expect(read("installation", { action: "created", data: {} })).toEqual([]);
  });
});
