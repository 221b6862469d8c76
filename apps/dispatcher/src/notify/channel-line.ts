/**
 * What one channel is to be told, and when. What comes within a moment goes into one message; there is at most one message
 * a minute, none in quiet hours, and after one that was not taken the next try comes later each time. Memory is bounded:
 * beyond so many notices the oldest are only counted, decisions last of all.
 */

import type { NotifyChannel } from "@hive/protocol";
import type { Clock } from "../clock.ts";
import type { Message, Sender, Sent } from "./message.ts";
import type { Notice } from "./notice.ts";
import type { ChannelSettings } from "./notify-settings.ts";
import { nextTime, quietUntil } from "./quiet-hours.ts";

/** What happens together is told together. */
const GATHER_MS = 2_000;
/** Between two messages. */
const PACE_MS = 60_000;
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 3_600_000;
/** The longest wait that the other side may ask for. */
const LONGEST_ASKED_MS = 86_400_000;
/** Notices kept until they are told. */
const MOST_WAITING = 200;
/** The wall may be moved: a wait for a time of the day is looked at this often. */
const LOOK_MS = 600_000;

export interface LineOptions {
  readonly settings: ChannelSettings;
  readonly sender: Sender;
  readonly clock: Clock;
  /**
   * The message of these notices as things stand now; null: nothing of it is worth telling any more. `since`: a digest is
   * due, of what happened from then on.
   */
  readonly compose: (told: {
    readonly notices: readonly Notice[];
    readonly leftOut: number;
    readonly since: number | null;
  }) => Promise<Message | null>;
  readonly onTrouble: (message: string) => void;
}

export interface ChannelLine {
  readonly settings: ChannelSettings;
  /** Takes a notice that the channel listens to; any other is passed over. */
  add(notices: readonly Notice[]): void;
  /** Sends this at once. */
  test(message: Message): Promise<Sent>;
  /** True while a test is under way. */
  readonly testing: boolean;
  /** Begins the digest's clock. */
  start(): void;
  /** Forgets what it was to tell: somebody else tells it. Gives what that was; `leftOut` were only counted. */
  clear(): { readonly notices: readonly Notice[]; readonly leftOut: number };
  view(): NotifyChannel;
  /** Gives up what is under way. */
  stop(): Promise<void>;
}

export function createLine(options: LineOptions): ChannelLine {
  const { settings, sender, clock, compose, onTrouble } = options;
  const { quiet, timezone } = settings;
  const urgent: ReadonlySet<string> = new Set(quiet?.urgent ?? []);
  const giveUp = new AbortController();
  const waiting = new Map<string, Notice>();
  let leftOut = 0;
  let digestAt = Number.POSITIVE_INFINITY;
  /** A digest is due, of what happened from then on. */
  let since: number | null = null;
  let lastDigestAt: number | null = null;
  let gatheredAt = 0;
  let notBefore = Number.NEGATIVE_INFINITY;
  let tries = 0;
  let toldAt: number | null = null;
  let lastError: NotifyChannel["lastError"] = null;
  let busy: Promise<void> | null = null;
  let testing = false;
  /** Counts how often everything was forgotten. */
  let life = 0;
  let cancel: (() => void) | null = null;

  const quietEnd = (): number | null => (quiet === undefined ? null : quietUntil(quiet, timezone, clock.wall()));

  /** What may be told now: all, or in quiet hours what is urgent. */
  function tellable(): readonly Notice[] {
    const all = [...waiting.values()];
    return quietEnd() === null ? all : all.filter(({ kind }) => urgent.has(kind));
  }

  function isDue(): boolean {
    return tellable().length > 0 || (since !== null && quietEnd() === null);
  }

  /** Milliseconds until something is to be done; null: nothing waits. */
  function waitMs(): number | null {
    const mono = clock.mono();
    const wall = clock.wall();
    const ends: number[] = [];
    if (isDue()) ends.push(Math.max(gatheredAt + GATHER_MS, notBefore) - mono);
    else if (waiting.size > 0 || since !== null) ends.push(Math.max((quietEnd() ?? wall) - wall, notBefore - mono));
    if (digestAt !== Number.POSITIVE_INFINITY) ends.push(digestAt - wall);
    return ends.length === 0 ? null : Math.max(0, Math.min(...ends));
  }

  function plan(): void {
    cancel?.();
    cancel = null;
    if (busy !== null || giveUp.signal.aborted) return;
    const ms = waitMs();
    if (ms !== null) cancel = clock.after(Math.min(ms, LOOK_MS), look);
  }

  function look(): void {
    cancel = null;
    const wall = clock.wall();
    if (wall >= digestAt) {
      since ??= lastDigestAt ?? wall - 86_400_000;
      lastDigestAt = wall;
      setDigest();
    }
    const mono = clock.mono();
    if (busy !== null || !isDue() || mono < Math.max(gatheredAt + GATHER_MS, notBefore)) return plan();
    busy = tell().finally(() => {
      busy = null;
      plan();
    });
  }

  function setDigest(): void {
    if (settings.digest !== undefined) digestAt = nextTime(settings.digest, timezone, clock.wall());
  }

  /** Never rejects. */
  async function tell(): Promise<void> {
    const mine = life;
    const notices = tellable();
    const told = { notices, leftOut, since: quietEnd() === null ? since : null };
    let sent: Sent | null;
    try {
      const message = await compose(told);
      if (mine !== life) return;
      sent = message === null ? null : await sender.send(message, giveUp.signal);
    } catch (error) {
      sent = { ok: false, message: error instanceof Error ? error.message : "", retryAfterMs: null, maybe: false };
    }
    if (giveUp.signal.aborted) return;
    const isGone = sent === null || sent.ok;
    if (sent !== null) note(sent);
    if (!isGone || mine !== life) return;
    for (const notice of told.notices) if (waiting.get(notice.key) === notice) waiting.delete(notice.key);
    leftOut -= told.leftOut;
    if (told.since !== null) since = null;
  }

  /** What an answer means for the next message. */
  function note(sent: Sent): void {
    const now = clock.mono();
    if (sent.ok) {
      tries = 0;
      toldAt = clock.wall();
      lastError = null;
      notBefore = now + PACE_MS;
      return;
    }
    const backOff = Math.min(FIRST_RETRY_MS * 2 ** tries, LONGEST_RETRY_MS) * (0.9 + clock.random() * 0.2);
    tries += 1;
    lastError = { at: clock.wall(), message: sent.message };
    // It may have been taken all the same: a message a minute is a promise.
    const least = Math.max(backOff, sent.maybe ? PACE_MS : 0);
    notBefore = Math.max(notBefore, now + Math.max(least, Math.min(sent.retryAfterMs ?? 0, LONGEST_ASKED_MS)));
    if (tries === 1) onTrouble(`notify.${settings.name} could not be told: ${sent.message}`);
  }

  function makeRoom(): void {
    while (waiting.size > MOST_WAITING) {
      const [first] = waiting.values();
      const least = [...waiting.values()].find(({ kind }) => kind !== "decision") ?? first;
      if (least === undefined) return;
      waiting.delete(least.key);
      leftOut += 1;
    }
  }

  return {
    settings,
    get testing() {
      return testing;
    },
    add(notices) {
      const notice = notices.find(({ kind }) => settings.on.includes(kind));
      if (notice === undefined || giveUp.signal.aborted) return;
      if (!isDue()) gatheredAt = clock.mono();
      // To the end: what is told again is new.
      waiting.delete(notice.key);
      waiting.set(notice.key, notice);
      makeRoom();
      plan();
    },
    async test(message) {
      testing = true;
      try {
        const sent = await sender.send(message, giveUp.signal);
        if (!giveUp.signal.aborted) {
          const before = tries;
          note(sent);
          // A person's try is none of ours: what waits is tried again when it would have been.
          if (!sent.ok) tries = before;
          plan();
        }
        return sent;
      } finally {
        testing = false;
      }
    },
    start() {
      setDigest();
      plan();
    },
    clear() {
      const lost = { notices: [...waiting.values()], leftOut };
      life += 1;
      waiting.clear();
      leftOut = 0;
      since = null;
      digestAt = Number.POSITIVE_INFINITY;
      plan();
      return lost;
    },
    view() {
      const ms = waiting.size > 0 || since !== null ? waitMs() : null;
      return {
        name: settings.name,
        type: settings.type,
        on: [...settings.on],
        timezone,
        quiet: quiet === undefined ? null : { from: quiet.from, to: quiet.to, urgent: [...quiet.urgent] },
        digest: settings.digest ?? null,
        waiting: waiting.size + leftOut,
        toldAt,
        lastError: lastError === null ? null : { ...lastError },
        quietUntil: quietEnd(),
        nextAt: ms === null ? null : Math.round(clock.wall() + ms),
      };
    },
    async stop() {
      giveUp.abort();
      cancel?.();
      await busy;
    },
  };
}
