import { describe, expect, it } from "vitest";
import { HandClock, settle } from "../queue/queue.fixture.ts";
import { createLine } from "./channel-line.ts";
import { failedJob, heldJob, messageOf } from "./message.fixture.ts";
import type { Message, Sent } from "./message.ts";
import type { Notice } from "./notice.ts";
import { notifySchema } from "./notify-settings.ts";

const OK: Sent = { ok: true, said: "200 ok" };
const BROKEN: Sent = { ok: false, message: "500 out of order", retryAfterMs: null, maybe: false };
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Told {
  readonly at: number;
  readonly ids: readonly (string | null)[];
  readonly leftOut: number;
  readonly since: number | null;
}

/** A line of these settings over a channel that answers so; `at`: the wall's time at its beginning. */
function start(
  given: object = {},
  answer: (tries: number) => Sent | Promise<Sent> = () => OK,
  at = "2026-11-24T12:00:00Z",
) {
  const [settings] = notifySchema.parse({ team: { type: "slack", url: { env: "X" }, ...given } });
  if (settings === undefined) throw new Error("there is no channel");
  const clock = new HandClock();
  clock.time = Date.parse(at) - 1_700_000_000_000;
  const begun = clock.time;
  const told: Told[] = [];
  const sent: Message[] = [];
  const trouble: string[] = [];
  let tries = 0;
  const line = createLine({
    settings,
    clock,
    onTrouble: (message) => trouble.push(message),
    sender: {
      type: settings.type,
      send: async (message) => {
        sent.push(message);
        tries += 1;
        return answer(tries);
      },
    },
    compose: async ({ notices, leftOut, since }) => {
      told.push({ at: clock.time - begun, ids: notices.map(({ jobId }) => jobId), leftOut, since });
      return messageOf(notices);
    },
  });
  line.start();
  return { clock, line, told, sent, trouble, add: (notice: Notice) => line.add([notice]) };
}

describe("a channel", () => {
  it("is told once of what comes together, then once a minute of what comes meanwhile", async () => {
    const { clock, told, add } = start();
    add(heldJob("a"));
    await clock.pass(500);
    add(failedJob("b"));
    await clock.pass(5_000);
    for (const id of ["c", "d", "e"]) {
      add(failedJob(id));
      await clock.pass(10_000);
    }
    await clock.pass(2 * MINUTE);
    expect(told.map(({ at, ids }) => [at, ids])).toEqual([
      [2_000, ["a", "b"]],
      [62_000, ["c", "d", "e"]],
    ]);
  });

  it("is told of what it asked for alone, and of a job once", async () => {
    const { clock, line, told, add } = start({ on: ["failed"] });
    add(heldJob("a"));
    add(failedJob("b"));
    add(failedJob("b", "again", 9));
    line.add([{ ...failedJob("c"), kind: "pull_request" }, failedJob("c")]);
    await clock.pass(10_000);
    expect(told.map(({ ids }) => ids)).toEqual([["b", "c"]]);
  });

  it("that fails is tried again later each time, and one message has all when it is back", async () => {
    const { clock, line, told, trouble, add } = start({}, (tries) => (tries <= 4 ? BROKEN : OK));
    add(failedJob("a"));
    await clock.pass(3_000);
    expect(line.view()).toMatchObject({ waiting: 1, toldAt: null, lastError: { message: "500 out of order" } });
    add(failedJob("b"));
    await clock.pass(3 * MINUTE);
    expect(told.map(({ at }) => Math.round(at / 1_000))).toEqual([2, 7, 17, 37, 77]);
    expect(told.at(-1)?.ids).toEqual(["a", "b"]);
    expect(line.view()).toMatchObject({ waiting: 0, lastError: null, nextAt: null });
    // Once in the log, not at every try.
    expect(trouble).toEqual(["notify.team could not be told: 500 out of order"]);
  });

  it("waits at most an hour between tries, and as long as the other side asks", async () => {
    const asked: Sent = { ...BROKEN, retryAfterMs: 2 * HOUR };
    const { clock, told, add } = start({}, (tries) => (tries === 1 ? asked : BROKEN));
    add(failedJob("a"));
    await clock.pass(HOUR);
    expect(told).toHaveLength(1);
    await clock.pass(48 * HOUR);
    const gaps = told.slice(1).map(({ at }, place) => at - (told[place]?.at ?? 0));
    expect(gaps[0]).toBe(2 * HOUR);
    expect(Math.max(...gaps.slice(1))).toBe(HOUR);
  });

  it("that may have taken a message gets no other one within the minute", async () => {
    const { clock, told, add } = start({}, (tries) => (tries === 1 ? { ...BROKEN, maybe: true } : OK));
    add(failedJob("a"));
    await clock.pass(2 * MINUTE);
    expect(told.map(({ at }) => at)).toEqual([2_000, 62_000]);
  });

  it("keeps 200 notices and counts the rest, decisions last of all", async () => {
    const { clock, line, told, add } = start({ quiet: { from: "11:00", to: "13:00" } });
    for (let n = 0; n < 150; n += 1) add(heldJob(`held-${n}`));
    for (let n = 0; n < 1_000; n += 1) add(failedJob(`failed-${n}`));
    expect(line.view()).toMatchObject({ waiting: 1_150 });
    await clock.pass(HOUR + 3_000);
    const [only] = told;
    expect(told).toHaveLength(1);
    expect(only?.leftOut).toBe(950);
    expect(only?.ids.slice(0, 2)).toEqual(["held-0", "held-1"]);
    expect(only?.ids.at(-1)).toBe("failed-999");
    expect(line.view()).toMatchObject({ waiting: 0 });
  });

  it("keeps what came while it was being told for the next message", async () => {
    const answers = Promise.withResolvers<Sent>();
    const { clock, told, add } = start({}, (tries) => (tries === 1 ? answers.promise : OK));
    add(failedJob("a", "first"));
    await clock.pass(3_000);
    add(failedJob("a", "and again", 99));
    answers.resolve(OK);
    await settle();
    await clock.pass(2 * MINUTE);
    expect(told.map(({ ids }) => ids)).toEqual([["a"], ["a"]]);
  });

  it("sends a test at once, and the next message a minute after it", async () => {
    const { clock, line, told, sent, add } = start();
    expect(await line.test(messageOf([]))).toEqual(OK);
    expect(sent).toHaveLength(1);
    add(failedJob("a"));
    await clock.pass(59_000);
    expect(told).toHaveLength(0);
    await clock.pass(2_000);
    expect(told).toHaveLength(1);
  });

  it("forgets what it was to tell when somebody else tells it, also in the middle of it", async () => {
    const { clock, line, told, sent, add } = start();
    add(failedJob("a"));
    expect(line.clear()).toMatchObject({ notices: [{ jobId: "a" }], leftOut: 0 });
    await clock.pass(MINUTE);
    expect([told, sent]).toEqual([[], []]);
  });

  it("that is stopped gives up what is under way", async () => {
    const { clock, line, sent, add } = start({}, () => OK);
    add(failedJob("a"));
    await line.stop();
    add(failedJob("b"));
    await clock.pass(HOUR);
    expect(sent).toEqual([]);
  });
});

describe("quiet hours", () => {
  const quiet = { from: "22:00", to: "07:00", urgent: ["decision"] };

  it("gather, and tell after them", async () => {
    const { clock, line, told, add } = start({ quiet }, () => OK, "2026-11-24T23:00:00Z");
    add(failedJob("a"));
    await clock.pass(4 * HOUR);
    add(failedJob("b"));
    expect(line.view()).toMatchObject({ waiting: 2, quietUntil: Date.parse("2026-11-25T07:00:00Z") });
    await clock.pass(3.9 * HOUR);
    expect(told).toEqual([]);
    await clock.pass(HOUR);
    expect(told.map(({ at, ids }) => [at, ids])).toEqual([[8 * HOUR, ["a", "b"]]]);
  });

  it("let through what is urgent, and that alone", async () => {
    const { clock, told, add } = start({ quiet }, () => OK, "2026-11-24T23:00:00Z");
    add(failedJob("a"));
    add(heldJob("b"));
    await clock.pass(HOUR);
    expect(told.map(({ ids }) => ids)).toEqual([["b"]]);
    await clock.pass(8 * HOUR);
    expect(told.map(({ ids }) => ids)).toEqual([["b"], ["a"]]);
  });

  it("gather decisions too where nobody said that they are urgent", async () => {
    const { clock, told, add } = start({ quiet: { from: "22:00", to: "07:00" } }, () => OK, "2026-11-24T23:00:00Z");
    add(heldJob("b"));
    await clock.pass(7 * HOUR);
    expect(told).toEqual([]);
    await clock.pass(2 * HOUR);
    expect(told).toHaveLength(1);
  });

  it("end an hour earlier by the clock that counts in the night that summer time begins", async () => {
    const given = { quiet, timezone: "Europe/Berlin" };
    const { clock, told, add } = start(given, () => OK, "2026-03-28T22:00:00Z");
    add(failedJob("a"));
    await clock.pass(12 * HOUR);
    expect(told.map(({ at }) => at)).toEqual([7 * HOUR]);
  });
});

describe("the digest", () => {
  it("comes at its time every day, of the time since the last one", async () => {
    const { clock, told } = start({ digest: "08:30", timezone: "Europe/Berlin" }, () => OK, "2026-10-23T12:00:00Z");
    await clock.pass(3 * 24 * HOUR);
    const at = (text: string): number => Date.parse(text);
    const begun = at("2026-10-23T12:00:00Z");
    expect(told.map((one) => [new Date(begun + one.at).toISOString(), one.since])).toEqual([
      ["2026-10-24T06:30:00.000Z", at("2026-10-23T06:30:00Z")],
      ["2026-10-25T07:30:00.000Z", at("2026-10-24T06:30:00Z")],
      ["2026-10-26T07:30:00.000Z", at("2026-10-25T07:30:00Z")],
    ]);
  });

  it("waits for the end of quiet hours", async () => {
    const given = { digest: "06:00", quiet: { from: "22:00", to: "07:00" } };
    const { clock, told } = start(given, () => OK, "2026-11-24T23:00:00Z");
    await clock.pass(12 * HOUR);
    expect(told.map(({ at }) => at)).toEqual([8 * HOUR]);
  });
});
