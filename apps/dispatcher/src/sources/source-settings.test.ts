import { describe, expect, it } from "vitest";
import { sourcesSchema } from "./source-settings.ts";

const JOB = { repo: "https://github.com/acme/app" };
const ALERTS = { type: "alertmanager", auth: { bearer: { env: "AM_TOKEN" } }, job: JOB };

function problems(settings: object): string[] {
  const parsed = sourcesSchema.safeParse(settings);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

describe("sources in hive.yaml", () => {
  it("what is left out is the policy that lets little through", () => {
    const [source] = sourcesSchema.parse({ alerts: ALERTS });
    expect(source).toMatchObject({ id: "alerts", trust: "untrusted", severity: "error", everyMs: null });
    expect(source?.policy).toEqual({
      count: 1,
      withinMs: 600_000,
      forMs: 0,
      maxOpen: 10,
      perHour: 2,
      cooldownMs: 14_400_000,
      reopenWithinMs: 604_800_000,
      bypass: null,
      flap: { changes: 6, withinMs: 3_600_000, muteMs: 3_600_000 },
      resolve: { waiting: "cancel", running: "note" },
      maxGroups: 10_000,
    });
  });

  it("spans of time are written as people do, and become milliseconds", () => {
    const [source] = sourcesSchema.parse({
      alerts: { ...ALERTS, open: { count: 3, within: "90s", for: "2m" }, cooldown: "1d", limits: { maxOpen: null } },
    });
    expect(source?.policy).toMatchObject({ count: 3, withinMs: 90_000, forMs: 120_000, cooldownMs: 86_400_000 });
    expect(source?.policy.maxOpen).toBeNull();
  });

  it("everything that is wrong is listed, with the path of the value", () => {
    const bad = {
      ...ALERTS,
      when: 'lables.severity == "page"',
      cooldown: "4 hours",
      limits: { perHour: 0 },
      every: "30s",
      job: {},
      colour: "red",
    };
    expect(problems({ alerts: bad })).toEqual([
      expect.stringMatching(/^alerts: .*colour/),
      expect.stringMatching(/^alerts\.limits\.perHour: /),
      'alerts.cooldown: "4 hours" is no span of time; write it like 30s, 10m, 4h or 7d',
      "alerts.job: needs one of repo and repoFrom",
    ]);
    expect(problems({ alerts: { ...ALERTS, when: 'lables.severity == "page"', every: "30s" } })).toEqual([
      expect.stringMatching(/^alerts\.when: .*lables/),
      "alerts.every: a source of type alertmanager is told what happens; it does not poll",
    ]);
  });

  it("a field that no occurrence of the type has is refused where groups are made by it, or a repository chosen", () => {
    const allow = { web: "https://github.com/acme/web" };
    const bad = { ...ALERTS, group: { by: ["title", "svc", "labels.svc", "fingerprint"] } };
    expect(problems({ alerts: bad })).toEqual([
      "alerts.group.by.1: svc is no field of a source of type alertmanager; there are fingerprint, receiver, groupKey, startsAt, truncatedAlerts, labels.*, annotations.*, groupLabels.*",
    ]);
    const choosing = { ...ALERTS, job: { repoFrom: { field: "lables.svc", allow } } };
    expect(problems({ alerts: choosing })).toEqual([
      expect.stringMatching(/^alerts\.job\.repoFrom\.field: lables\.svc is no field /),
    ]);
    expect(problems({ alerts: { ...ALERTS, job: { repoFrom: { field: "labels.svc", allow } } } })).toEqual([]);
    const feed = { type: "feed", url: "https://example.com/feed", group: { by: ["link", "feed.title"] }, job: JOB };
    expect(problems({ feed })).toEqual([]);
  });

  it("a template that cannot be read is refused at the start", () => {
    const job = { ...JOB, template: "See to it:\n{% include 'secrets' %}" };
    expect(problems({ alerts: { ...ALERTS, job } })).toEqual([
      'alerts.job.template: line 2, column 1: tag "include" not found',
    ]);
  });

  it("a type that is none, and an id that fits no path, are refused", () => {
    expect(problems({ alerts: { type: "alertmanger", job: JOB } })[0]).toMatch(
      /^alerts\.type: "alertmanger" is no type of source; there are alertmanager, /,
    );
    expect(problems({ "Prod/Alerts": ALERTS })[0]).toMatch(/1 to 48 of a-z 0-9 -/);
  });
});
