/**
 * A real metric going up and down, a real Prometheus with alerting rules, a real Alertmanager, and what Hive makes of what
 * it is told. Each scenario has a source of its own; they share the peers.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "@hive/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AlertmanagerServer, startAlertmanager } from "../peers/alertmanager.ts";
import { type Metrics, type PrometheusServer, startMetrics, startPrometheus } from "../peers/prometheus.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { cancelOf, groupsOf, IDLE_JOB, jobsOf, untilGroups, untilJobs } from "./sources-hive.ts";
import { until } from "./until.ts";

const TOKEN = "alertmanager-token-of-the-tests";
const RULES = `
groups:
  - name: demo
    rules:
      - alert: HighErrors
        expr: demo_errors > 5
        annotations: { summary: "errors high on {{ $labels.svc }}", description: "value {{ $value }}" }
`;
/** A source for each scenario: what differs from the others. */
const SOURCES: Readonly<Record<string, string>> = {
  usual: "",
  ends: "",
  runs: "",
  again: "cooldown: 3s",
  flaps: "resolve: { flap: { changes: 4, within: 10m, mute: 1h } }, limits: { perHour: null }",
  down: "",
  flood: "limits: { maxOpen: 10, perHour: 2, bypass: critical }",
  byhand: "",
  strange: "",
  places: "limits: { maxOpen: 2, perHour: null }, resolve: { flap: null }",
};

let metrics: Metrics;
let git: GitHost;
let server: HiveProcess;
let alertmanager: AlertmanagerServer;
let prometheus: PrometheusServer;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hive-alerts-"));
  // The agent's own user looks for its gate in it.
  chmodSync(folder, 0o711);
  metrics = await startMetrics();
  git = await startGitHost();
  git.makeRepo("app.git");
  const lines = Object.entries(SOURCES).map(([id, more]) => {
    const job = id === "runs" ? `{ repo: "${git.server.url}/app.git" }` : IDLE_JOB;
    const common = `type: alertmanager, auth: { bearer: { env: AM_TOKEN } }, job: ${job}`;
    return `  ${id}: { ${common}${more === "" ? "" : `, ${more}`} }`;
  });
  server = await startHive({
    yaml: `sources:\n${lines.join("\n")}\n`,
    env: {
      AM_TOKEN: TOKEN,
      HIVE_WORKERS: "1",
      HIVE_AGENT: "command",
      HIVE_AGENT_COMMAND: `cat > /dev/null; while [ ! -e ${join(folder, "gate")} ]; do sleep 0.05; done`,
      HIVE_ALLOW_UNISOLATED: "1",
    },
  });
  const webhooks = Object.fromEntries(Object.keys(SOURCES).map((id) => [id, `${server.url}/hooks/${id}`]));
  alertmanager = await startAlertmanager({ webhooks, bearer: TOKEN });
  prometheus = await startPrometheus({ target: metrics.target, rules: RULES, alertmanager: alertmanager.target });
  // Prometheus looks for its targets every five seconds.
  await until("Prometheus to see the metrics", async () => (await prometheus.count("up == 1")) === 1);
});
afterAll(async () => {
  await prometheus?.dispose();
  await alertmanager?.dispose();
  await server?.dispose();
  await git?.stop();
  await metrics?.close();
  rmSync(folder, { recursive: true, force: true });
});

function errors(to: string, svc: string, value: number | null, severity = "warning"): void {
  metrics.set(`demo_errors{to="${to}",svc="${svc}",severity="${severity}"}`, value);
}

/** How often Alertmanager told this source. */
async function deliveriesOf(sourceId: string): Promise<number> {
  const { deliveries } = await server.hive.api.call(endpoints.listDeliveries, {
    params: { sourceId },
    query: { limit: 100 },
  });
  return deliveries.reduce((sum, { times }) => sum + times, 0);
}

function post(source: string, body: string, token = TOKEN): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return fetch(`${server.url}/hooks/${source}`, { method: "POST", headers, body });
}

test("two series that fire are two groups with a job each, however often they are told", async () => {
  errors("usual", "api", 9);
  errors("usual", "web", 9);
  const jobs = await untilJobs(server, "usual", 2);
  expect(jobs.map(({ status }) => status)).toEqual(["queued", "queued"]);
  const told = await deliveriesOf("usual");
  await until("five repetitions", async () => (await deliveriesOf("usual")) >= told + 5, { limitMs: 30_000 });
  expect(await jobsOf(server, "usual")).toHaveLength(2);
  const groups = await groupsOf(server, "usual");
  expect(new Map(groups.map(({ title, stage }) => [title, stage]))).toEqual(
    new Map([
      ["HighErrors: errors high on api", "open"],
      ["HighErrors: errors high on web", "open"],
    ]),
  );
  expect(groups.map(({ severity }) => severity)).toEqual(["warning", "warning"]);
});

test("a waiting job whose alert ended is canceled as resolved", async () => {
  errors("ends", "api", 9);
  const [job] = await untilJobs(server, "ends", 1);
  errors("ends", "api", 0);
  const [group] = await untilGroups(server, "ends", ([one]) => one?.stage === "resolved");
  expect(group?.job?.id).toBe(job?.jobId);
  expect(await cancelOf(server, job?.jobId ?? "")).toMatchObject({ message: "resolved", by: "source:ends" });
});

test("a running job whose alert ended goes on and gets a note", async () => {
  errors("runs", "api", 9);
  const [job] = await untilJobs(server, "runs", 1);
  const jobId = job?.jobId ?? "";
  await until("the job to run", async () => (await server.hive.get(jobId)).phase === "run");
  errors("runs", "api", 0);
  const note = await until("the note", async () => {
    const { events } = await server.hive.api.call(endpoints.jobEvents, { params: { jobId }, query: {} });
    return events.find(({ type }) => type === "job.signal");
  });
  expect(note.data).toMatchObject({ kind: "resolved", source: "runs" });
  expect((await server.hive.get(jobId)).phase).toBe("run");
  writeFileSync(join(folder, "gate"), "");
  await server.over(jobId);
});

test("what fires again soon is the same trouble come back: another job, after the cooldown and not before", async () => {
  errors("again", "api", 9);
  const [first] = await untilJobs(server, "again", 1);
  errors("again", "api", 0);
  await untilGroups(server, "again", ([one]) => one?.stage === "resolved");
  errors("again", "api", 9);
  const [, second] = await untilJobs(server, "again", 2);
  const [group] = await groupsOf(server, "again");
  expect(group).toMatchObject({ regressed: true, job: { id: second?.jobId } });
  const { endedAt } = await server.hive.get(first?.jobId ?? "");
  expect(Date.parse(group?.job?.openedAt ?? "") - (endedAt ?? Number.NaN)).toBeGreaterThanOrEqual(3_000);
});

test("an alert that flaps makes one job and is muted", async () => {
  for (let turn = 0; turn < 8; turn += 1) {
    const fires = turn % 2 === 0;
    errors("flaps", "api", fires ? 9 : 0);
    const state = fires ? "firing" : "resolved";
    const [now] = await untilGroups(server, "flaps", ([one]) => one?.stage === "muted" || one?.firing?.state === state);
    if (now?.stage === "muted") break;
  }
  const [group] = await untilGroups(server, "flaps", ([one]) => one?.stage === "muted");
  expect(group?.mute?.reason).toBe("flapping");
  expect(await jobsOf(server, "flaps")).toHaveLength(1);
});

test("an alert that began while the server was down arrives once it is back", async () => {
  await server.crash();
  errors("down", "api", 9);
  await until("Alertmanager to have failed", () => alertmanager.printed().includes("connection refused"));
  await server.start();
  expect(await untilJobs(server, "down", 1)).toHaveLength(1);
});

test("a hundred series at once: the limits hold, the rest is held and shown, the worst passes, a person may release", async () => {
  for (let at = 0; at < 100; at += 1) errors("flood", `s${at}`, 9);
  await untilGroups(server, "flood", (groups) => groups.filter(({ stage }) => stage === "held").length === 98);
  expect(await untilJobs(server, "flood", 2)).toHaveLength(2);
  const params = { sourceId: "flood" };
  const held = await server.hive.api.call(endpoints.listHeld, { params, query: { limit: 100 } });
  expect(held.groups).toHaveLength(98);
  expect(new Set(held.groups.map(({ hold }) => hold?.reason))).toEqual(new Set(["per_hour"]));

  errors("flood", "worst", 9, "critical");
  const [worst] = await untilGroups(server, "flood", (groups) => groups.some(({ title }) => title.includes("worst")));
  expect(worst).toBeDefined();
  await untilJobs(server, "flood", 3);

  const [one] = (await groupsOf(server, "flood")).filter(({ stage }) => stage === "held");
  await server.hive.api.call(endpoints.releaseGroup, { params: { ...params, fingerprint: one?.fingerprint ?? "" } });
  await untilJobs(server, "flood", 4);
});

test("held groups get their jobs when places are free, and none is lost", async () => {
  const names = ["a", "b", "c", "d", "e"];
  for (const name of names) errors("places", name, 9);
  await untilGroups(server, "places", (groups) => groups.filter(({ stage }) => stage === "held").length === 3);
  const canceled = new Set<string>();
  while (canceled.size < names.length) {
    const open = await until("a waiting job", async () =>
      (await jobsOf(server, "places")).find(({ status, jobId }) => status === "queued" && !canceled.has(jobId)),
    );
    expect((await jobsOf(server, "places")).filter(({ status }) => status === "queued").length).toBeLessThanOrEqual(2);
    await server.hive.cancel(open.jobId);
    canceled.add(open.jobId);
  }
  const groups = await groupsOf(server, "places");
  expect(new Set([...canceled].map((id) => id.split(".")[1])).size).toBe(5);
  expect(groups).toHaveLength(5);
});

/** As Alertmanager 0.25 writes it, with what newer ones add. */
function message(status: "firing" | "resolved", more: object = {}): string {
  const alert = {
    status,
    labels: { alertname: "ByHand", svc: "api", severity: "page" },
    annotations: { summary: "by hand" },
    startsAt: "2026-11-22T23:24:12.632Z",
    endsAt: status === "firing" ? "0001-01-01T00:00:00Z" : "2026-11-22T23:30:00Z",
    generatorURL: "http://vm:19090/graph",
    fingerprint: "ca6b2bb6a1d3fc75",
  };
  return JSON.stringify({
    version: "4",
    groupKey: '{}:{alertname="ByHand"}',
    status,
    receiver: "hive",
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    externalURL: "http://vm:19093",
    truncatedAlerts: 0,
    alerts: [alert],
    ...more,
  });
}

test("the same body twice, as of two Alertmanagers, is one occurrence", async () => {
  const replies = await Promise.all([post("byhand", message("firing")), post("byhand", message("firing"))]);
  expect(replies.map(({ status }) => status)).toEqual([202, 202]);
  const ids = await Promise.all(
    replies.map(async (reply) => ((await reply.json()) as { deliveryId: string }).deliveryId),
  );
  expect(new Set(ids).size).toBe(1);
  const [group] = await untilGroups(server, "byhand", ([one]) => one?.stage === "open");
  expect(group?.count).toBe(1);
});

test("a wrong token is refused, and what newer versions add is taken and shown", async () => {
  expect((await post("strange", message("firing"), "wrong")).status).toBe(401);
  const strange = message("firing", { truncatedAlerts: 5, notification_reason: "new", routeLabels: { a: "b" } });
  expect((await post("strange", strange)).status).toBe(202);
  const [group] = await untilGroups(server, "strange", ([one]) => one?.stage === "open");
  expect(group?.samples[0]?.text).toContain("left out 5 further alerts");
  expect(group?.samples[0]?.fields["truncatedAlerts"]).toBe("5");
});
