import { expect, test } from "vitest";
import { IntakeError, type KeptIntake } from "../intake/intake-process.ts";
import { DELIVERIES_MAX } from "../retention/old-from-sources.ts";
import { createDeliveries } from "./deliveries.ts";
import { createFoundKeeper } from "./keep-found.ts";
import { createHealthBook } from "./source-health.ts";
import { compileSource } from "./source-settings.ts";
import { signal, sourceStore } from "./source-store.fixture.ts";
import { SOURCE_TYPES } from "./source-types.ts";

const PLAIN = { type: "generic", auth: "none", title: "title" };

async function world(own: object = PLAIN) {
  const { clock, queue, tally } = await sourceStore();
  const settings = { ...own, job: { repo: "https://example.com/acme/app" } };
  const compiled = compileSource("s", settings, SOURCE_TYPES);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const { source } = compiled;
  const deliveries = createDeliveries({
    ...{ queue, clock, health: createHealthBook() },
    keep: createFoundKeeper({ queue, onFollowUp: () => {} }),
    seal: (_place, text) => text,
    open: (_place, sealed) => String(sealed),
  });
  /** What the intake says to each question; null: one signal. */
  let refusal: IntakeError | null = null;
  const intake: KeptIntake = {
    ask: () => {
      if (refusal !== null) return Promise.reject(refusal);
      return Promise.resolve({ signals: [signal("a")], followUps: [], filtered: 0 } as never);
    },
    pid: () => 1,
    stop: () => Promise.resolve(),
  };
  const requestOf = (title: string, headers: Record<string, string> = { "webhook-id": title }) => ({
    headers,
    body: Buffer.from(JSON.stringify({ title })),
    receivedAt: clock.wall(),
  });
  return {
    tally,
    receive: (title: string, headers?: Record<string, string>) => deliveries.receive(source, requestOf(title, headers)),
    read: () => deliveries.readWaiting(source, intake),
    replay: (id: string) => deliveries.replay(source, id, intake),
    explain: (title: string) => deliveries.explain(source, requestOf(title), intake),
    refuse: (error: IntakeError | null) => {
      refusal = error;
    },
  };
}

test("a replay that cannot be done just now is to be tried again, and the delivery is as it was", async () => {
  const { receive, read, replay, explain, refuse, tally } = await world();
  await receive("one");
  await read();
  for (const code of ["later", "stopped"] as const) {
    refuse(new IntakeError(code, "GitHub's rate limit is used up for 60 s"));
    await expect(replay("one")).rejects.toMatchObject({
      code: "not_ready",
      message: expect.stringContaining("rate limit"),
    });
  }
  await expect(explain("one")).rejects.toMatchObject({ code: "not_ready" });
  refuse(null);
  expect(await replay("one")).toMatchObject({ state: "processed", replays: 1 });
  expect(await tally()).toMatchObject({ grouped: 2 });
});

test("deliveries whose id was left empty are told apart by what they say", async () => {
  const { receive } = await world({ type: "sentry", clientSecret: { env: "SECRET" } });
  const ids = [];
  for (const title of ["one", "two", "one"]) ids.push((await receive(title, { "request-id": "" })).deliveryId);
  expect(ids[1]).not.toBe(ids[0]);
  expect(ids[2]).toBe(ids[0]);
});

test("between two sweeps no more deliveries pile up than a source may keep, and a few", async () => {
  const { receive, read, tally } = await world();
  for (let sent = 0; sent < DELIVERIES_MAX + 400; sent += 1) {
    await receive(`d${sent}`);
    if (sent % 50 === 0) await read();
  }
  await read();
  const { deliveries, waiting, grouped } = await tally();
  expect({ waiting, grouped }).toEqual({ waiting: 0, grouped: DELIVERIES_MAX + 400 });
  expect(deliveries).toBeLessThanOrEqual(1.2 * DELIVERIES_MAX);
  expect(deliveries).toBeGreaterThanOrEqual(DELIVERIES_MAX);
});
