import type { GroupView, SourceView } from "@hive/sdk";
import { expect, it } from "vitest";
import { deliveryTable, dryRunText, groupTable, groupText, sourceTable, sourceText } from "./sources.ts";

const AT = "2026-11-23T10:00:00.000Z";
const source: SourceView = {
  id: "alerts",
  type: "alertmanager",
  trust: "untrusted",
  managedBy: "file",
  everySeconds: null,
  hook: "/hooks/alerts",
  funnel: { received: 12, filtered: 3, grouped: 9, overflow: 0, groups: 4, held: 1, jobs: 2 },
  open: ["alerts.abc.1"],
  waiting: 0,
  health: { goodAt: AT, error: null, notice: null, nextPollAt: null },
};
const group: GroupView = {
  source: "alerts",
  fingerprint: "abc",
  title: "Disk full",
  stage: "held",
  severity: "error",
  firstAt: AT,
  lastAt: AT,
  count: 7,
  firing: null,
  wakeAt: null,
  hold: { reason: "max_open", since: AT, message: "10 jobs of this source may be open at once" },
  mute: null,
  job: null,
  regressed: false,
  samples: [{ at: AT, text: "no space\nleft \u001b[31mred", fields: {}, link: null }],
};

it("sources are listed with their way from received to jobs, and whether they are well", () => {
  const health = { ...source.health, error: { at: AT, message: "refused" } };
  expect(sourceTable([source, { ...source, id: "metrics", health }]).split("\n")).toEqual([
    "SOURCE   TYPE          RECEIVED  FILTERED  GROUPS  HELD  JOBS  HEALTH",
    "alerts   alertmanager  12        3         4       1     2     read 2026-11-23T10:00:00Z",
    "metrics  alertmanager  12        3         4       1     2     trouble: refused",
  ]);
  expect(sourceTable([])).toMatch(/hive\.yaml/);
});

it("one source tells how it is fed and what is not over", () => {
  expect(sourceText(source).split("\n")).toEqual([
    "alerts: alertmanager, untrusted",
    "  told at /hooks/alerts",
    "  received 12, filtered 3, grouped 9 in 4 groups, held 1, jobs 2",
    "  read 2026-11-23T10:00:00Z",
    "  not over: alerts.abc.1",
  ]);
  expect(sourceText({ ...source, hook: null, everySeconds: 30 })).toContain("read every 30 s");
});

it("groups say why they wait, and steer no terminal", () => {
  expect(groupTable([group]).split("\n")[1]).toBe(
    "abc    held   error     7      2026-11-23T10:00:00Z  Disk full  10 jobs of this source may be open at once",
  );
  expect(groupText(group).split("\n")).toEqual([
    "Disk full",
    "  alerts/abc",
    "  held, error, 7 since 2026-11-23T10:00:00Z, last 2026-11-23T10:00:00Z",
    "  10 jobs of this source may be open at once",
    "",
    "  | no space",
    "  | left red",
  ]);
});

it("a dry run says what would be decided, and what makes the same trouble", () => {
  const text = dryRunText([
    {
      ...{ title: "Disk full", state: "firing", severity: "error", fields: {}, filtered: null },
      ...{ identity: ["disk", "db1"], fingerprint: "0123456789abcdef", decision: "becomes a job", stage: "due" },
    },
  ]);
  expect(text.split("\n")).toEqual([
    "Disk full (firing, error)",
    "  becomes a job",
    "  the same trouble: disk | db1 = 0123456789ab",
  ]);
  expect(dryRunText([])).toMatch(/nothing/);
});

it("deliveries say what came of them, or why nothing did", () => {
  const delivery = { receivedAt: AT, bytes: 90, times: 2, replays: 0 } as const;
  const lines = deliveryTable([
    { ...delivery, id: "a", state: "processed", message: null, seen: { filtered: 1, fingerprints: ["x", "y"] } },
    { ...delivery, id: "b", state: "failed", message: "The body is not JSON", seen: null },
  ]).split("\n");
  expect(lines.slice(1)).toEqual([
    "2026-11-23T10:00:00Z  a         processed  90     2      2 groups, 1 filtered",
    "2026-11-23T10:00:00Z  b         failed     90     2      The body is not JSON",
  ]);
});
