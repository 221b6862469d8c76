/** The real process, with deliveries that are made to break it. */

import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../clock.ts";
import { keepIntake, type KeptIntake } from "./intake-process.ts";
import type { IntakeSettings } from "./messages.ts";

const NOW = Date.UTC(2026, 10, 23);
const SOURCE = {
  type: "generic",
  auth: "none",
  title: "title",
  job: { repo: "https://example.com/acme/app" },
};
/** Takes longer than the universe for what `EVIL` sends. */
const SLOW = { ...SOURCE, when: 'title.matches("^(a+)+$")' };
const EVIL = { title: `${"a".repeat(64)}!` };

async function start(sources: IntakeSettings["sources"], hungMs = 2_500) {
  const troubles: string[] = [];
  const intake = await keepIntake({
    settings: { sources, secrets: {}, allowPrivate: [] },
    clock: systemClock,
    onLine: () => undefined,
    onTrouble: (message) => troubles.push(message),
    hungMs,
  });
  onTestFinished(() => intake.stop());
  return { intake, troubles };
}

function read(intake: KeptIntake, source: string, body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return intake.ask<"read">({
    kind: "read",
    source,
    headers: {},
    body: Buffer.from(text).toString("base64"),
    receivedAt: NOW,
    now: NOW,
  });
}

describe("the intake process", () => {
  it("reads a delivery, and says for people what it does not understand", async () => {
    const { intake } = await start({ ci: SOURCE });
    expect(await read(intake, "ci", { title: "red" })).toMatchObject({
      signals: [{ title: "red", count: 1, severity: "error" }],
      followUps: [],
      filtered: 0,
    });
    await expect(read(intake, "ci", { other: 1 })).rejects.toMatchObject({
      code: "failed",
      message: "There is no title at title",
    });
    await expect(read(intake, "ci", "{")).rejects.toMatchObject({ code: "failed" });
  });

  it("tells apart the ends that the condition leaves out, which may end what it let in, from all else it leaves out", async () => {
    const lasting = { state: { path: "state" }, episode: "since", identity: ["title"], fields: { level: "level" } };
    const { intake } = await start({ ci: { ...SOURCE, ...lasting, items: "all", when: 'level == "high"' } });
    const all = [
      { title: "a", state: "firing", since: "1", level: "high" },
      { title: "b", state: "firing", since: "1", level: "low" },
      { title: "a", state: "resolved", since: "1", level: "low" },
      { title: "c", state: "resolved", level: "low" },
    ];
    expect(await read(intake, "ci", { all })).toMatchObject({
      signals: [{ title: "a", state: "firing" }],
      endings: [{ title: "a", state: "resolved", episode: "1", count: 1 }],
      filtered: 2,
    });
  });

  it("what ends lines elsewhere is only a character within a text, on every way in and out", async () => {
    const ends = "a\u2028b\u2029c";
    const { intake, troubles } = await start({
      ci: { ...SOURCE, job: { ...SOURCE.job, template: `${ends} {{ title }}` } },
    });
    const body = Buffer.from(JSON.stringify({ title: ends })).toString("base64");
    const at = { headers: { sent: ends }, receivedAt: NOW, now: NOW };
    const { occurrences } = await intake.ask<"explain">({ kind: "explain", source: "ci", body, ...at });
    expect(occurrences[0]?.identity).toEqual([ends]);
    const subject = { title: "t", severity: "error", count: 1, regressed: false, episode: 1 } as const;
    const told = { ...subject, firstAt: NOW, lastAt: NOW, samples: [] };
    const { instructions } = await intake.ask<"render">({ kind: "render", source: "ci", subject: told });
    expect(instructions).toContain(`${ends} t`);
    expect(troubles).toEqual([]);
  });

  it("one delivery that hangs it is refused in the end; what was beside it is read as if nothing had been", async () => {
    const { intake, troubles } = await start({ ci: SOURCE, slow: SLOW });
    const before = intake.pid();
    const evil = read(intake, "slow", EVIL);
    const beside = Promise.all([read(intake, "ci", { title: "one" }), read(intake, "ci", { title: "two" })]);
    await expect(evil).rejects.toMatchObject({ code: "broken" });
    expect((await beside).map(({ signals }) => signals[0]?.title)).toEqual(["one", "two"]);
    expect(intake.pid()).not.toBe(before);
    expect(troubles.join("\n")).toContain("does not answer (read)");
    expect(await read(intake, "slow", { title: "aaa" })).toMatchObject({ signals: [{ title: "aaa" }] });
  });

  it("a process that somebody kills while it reads loses nothing", async () => {
    const { intake } = await start({ ci: SOURCE });
    const reads = Array.from({ length: 20 }, (_, i) => read(intake, "ci", { title: `t${i}` }));
    process.kill(intake.pid(), "SIGKILL");
    expect((await Promise.all(reads)).map(({ signals }) => signals[0]?.title)).toEqual(
      Array.from({ length: 20 }, (_, i) => `t${i}`),
    );
  });

  it("after its stop every question ends, and no new one is taken", async () => {
    const { intake } = await start({ slow: SLOW }, 60_000);
    const ended = read(intake, "slow", EVIL).catch((error: unknown) => error);
    process.kill(intake.pid(), "SIGKILL");
    await intake.stop();
    expect(await ended).toMatchObject({ code: "stopped" });
    await expect(read(intake, "slow", EVIL)).rejects.toMatchObject({ code: "stopped" });
  });
});
