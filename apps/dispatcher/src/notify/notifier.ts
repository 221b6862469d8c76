/**
 * Tells people where they are what needs them. Only the queen tells. As long as one server stays the queen nothing is
 * missed: it goes on behind the last event it saw, also after commits that failed. How far it came is kept nowhere, so
 * another beginning (a start, a takeover) begins at the present; but decisions that wait then, and still wait a minute
 * later, are told once by this process. A channel that fails holds up nothing else.
 */

import { HiveError, numberId, type Effect, type HiveEvent } from "@hive/core";
import type { ChannelTest, NotifyChannel } from "@hive/protocol";
import type { Clock } from "../clock.ts";
import { asJob } from "../http/job-view.ts";
import type { Queue } from "../queue/contract.ts";
import { type ChannelLine, createLine } from "./channel-line.ts";
import { compose, type Gathered } from "./compose.ts";
import type { Message } from "./message.ts";
import { decision, type Notice, noticesOf } from "./notice.ts";
import type { ChannelSettings } from "./notify-settings.ts";
import type { OpenChannel } from "./open-channels.ts";
import { createTroubleWatch, type TroubleOptions } from "./trouble-watch.ts";

/** A decision that waits at a beginning is told when it is at least this old. */
const SETTLED_MS = 60_000;
/** Held jobs told of at a beginning; a channel shows ten and counts the rest. */
const MOST_HELD = 200;
const LOOK_MS = 30_000;
const PAGE = 500;
/** Events made up for after a failed commit; beyond it begins at the present. */
const MOST_MISSED = 10_000;
const MOST_REMEMBERED = 10_000;

export interface NotifierOptions extends TroubleOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly channels: readonly OpenChannel[];
  readonly publicUrl: string;
  readonly onTrouble: (message: string) => void;
}

export interface Notifier {
  /** How each channel stands. */
  list(): readonly NotifyChannel[];
  /** Sends a test message now. @throws HiveError not_found, too_many_requests */
  test(channel: string): Promise<ChannelTest>;
  start(): void;
  /** Gives up what is under way. Safe to call twice. */
  stop(): Promise<void>;
}

export function createNotifier(options: NotifierOptions): Notifier {
  const { queue, clock, publicUrl, onTrouble } = options;
  const newId = (): string => `hive_notify_${crypto.randomUUID()}`;
  const composing = { queue, clock, publicUrl, newId };
  const lines = options.channels.map(({ settings, sender }) =>
    createLine({ settings, sender, clock, onTrouble, compose: composeAsQueen(settings) }),
  );
  const watch = createTroubleWatch(options);
  const stops: (() => void)[] = [];
  /** Decisions this process told of: `job reason`. */
  const told = new Set<string>();
  let isQueen = false;
  /** The last event that was heard. */
  let seen = 0;
  /** Reads stored events; live ones wait for it. */
  let isCatchingUp = false;
  let timers: (() => void)[] = [];

  function tell(notices: readonly Notice[]): void {
    const [first] = notices;
    if (first === undefined) return;
    if (first.kind === "decision") {
      told.add(`${first.jobId} ${first.reason}`);
      for (const oldest of told) {
        if (told.size <= MOST_REMEMBERED) break;
        told.delete(oldest);
      }
    }
    for (const line of lines) line.add(notices);
  }

  function hear(event: HiveEvent): void {
    if (event.id <= seen) return;
    seen = event.id;
    tell(noticesOf(event));
  }

  function onEffect(effect: Effect): void {
    if (!isQueen) return;
    if (effect.type === "reloaded") return catchUp();
    if (effect.type === "event" && !isCatchingUp) hear(effect.event);
  }

  /** What a failed commit landed in spite of its error is stored, and was told to nobody. */
  function catchUp(): void {
    if (isCatchingUp) return;
    isCatchingUp = true;
    readMissed()
      .catch(() => onTrouble("what happened meanwhile could not be read: some of it is not told"))
      .finally(() => {
        isCatchingUp = false;
      });
  }

  async function readMissed(): Promise<void> {
    for (let read = 0; isQueen && seen < queue.lastEvent(); ) {
      if (read > MOST_MISSED) {
        onTrouble("too much happened meanwhile: some of it is not told");
        seen = queue.lastEvent();
        return;
      }
      const upTo = queue.lastEvent();
      const page = await queue.documents.list({ collection: "events", from: numberId(seen + 1), limit: PAGE });
      for (const { doc } of page.items) {
        const stored: unknown = doc;
        hear(stored as HiveEvent);
      }
      read += page.items.length;
      if (page.next === null) seen = Math.max(seen, upTo);
    }
  }

  /** Begins at the present. */
  function begin(): void {
    isQueen = true;
    seen = queue.lastEvent();
    watch.clear();
    for (const line of lines) line.start();
    after(SETTLED_MS, () => void tellWaiting());
    lookAgain();
  }

  function lookAgain(): void {
    after(LOOK_MS, () => {
      if (queue.readiness().ready) for (const notice of watch.look(clock.wall())) tell([notice]);
      lookAgain();
    });
  }

  function after(ms: number, run: () => void): void {
    const cancel = clock.after(ms, () => {
      timers = timers.filter((each) => each !== cancel);
      run();
    });
    timers.push(cancel);
  }

  /** What waited when this began and still does. */
  async function tellWaiting(): Promise<void> {
    try {
      const page = await queue.documents.list({
        ...{ collection: "jobs", index: "status", equals: { status: "held" }, order: "descending", limit: MOST_HELD },
      });
      const oldest = clock.wall() - SETTLED_MS;
      for (const { doc } of page.items.toReversed()) {
        const { id, reason, createdAt, repo } = asJob(doc);
        if (reason === null || createdAt > oldest || told.has(`${id} ${reason}`)) continue;
        tell([decision(id, reason, clock.wall(), null, repo)]);
      }
    } catch {
      if (isQueen) after(SETTLED_MS, () => void tellWaiting());
    }
  }

  /** Somebody else is the queen: she begins at the present, and tells what waits. */
  function end(): void {
    isQueen = false;
    for (const cancel of timers.splice(0)) cancel();
    let lost = 0;
    for (const line of lines) {
      const { notices, leftOut } = line.clear();
      lost += notices.length + leftOut;
      // Gathered is not told: should this be the queen again, it tells them.
      for (const { jobId, reason } of notices) told.delete(`${jobId} ${reason}`);
    }
    if (lost > 0) onTrouble(`another dispatcher is the queen: ${lost} gathered notices are not told from here`);
  }

  /** Whoever is not the queen right now does not know how things stand. */
  function composeAsQueen(settings: ChannelSettings): (gathered: Gathered) => Promise<Message | null> {
    return async (gathered) => {
      if (!queue.readiness().ready) throw new Error("the store does not answer this server right now");
      return compose(composing, settings, gathered);
    };
  }

  function lineOf(name: string): ChannelLine {
    const line = lines.find(({ settings }) => settings.name === name);
    if (line !== undefined) return line;
    const names = lines.map(({ settings }) => settings.name);
    const known = names.length === 0 ? "there are none: see docs/notifications.md" : `there are ${names.join(", ")}`;
    throw new HiveError("not_found", `hive.yaml has no channel ${name} under notify; ${known}`, { channel: name });
  }

  return {
    list: () => lines.map((line) => line.view()),
    async test(name) {
      const line = lineOf(name);
      if (line.testing)
        throw new HiveError("too_many_requests", `a test of ${name} is under way; wait for its answer`, {
          channel: name,
        });
      const begun = clock.mono();
      const sent = await line.test(testMessage(name));
      return { ok: sent.ok, said: sent.ok ? sent.said : sent.message, ms: Math.round(clock.mono() - begun) };
    },
    start() {
      if (lines.length === 0) return;
      stops.push(
        queue.onEffect(onEffect),
        queue.onReadiness((readiness) => {
          if (!readiness.ready) {
            // Only a moment's recovering goes on where it was.
            if (readiness.role === "standby" && isQueen) end();
          } else if (isQueen) catchUp();
          else begin();
        }),
      );
      if (queue.readiness().ready) begin();
    },
    async stop() {
      isQueen = false;
      for (const stop of stops.splice(0)) stop();
      for (const cancel of timers.splice(0)) cancel();
      await Promise.all(lines.map((line) => line.stop()));
    },
  };

  function testMessage(channel: string): Message {
    return {
      ...{ id: newId(), at: clock.wall(), channel, title: "A test: this channel works", items: [], more: 0 },
      digest: [`Somebody asked Hive to send a test over the channel ${channel}.`],
      url: `${publicUrl}/`,
    };
  }
}
