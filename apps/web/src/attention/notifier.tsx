/**
 * Notifications of the browser when a decision waits or a job failed: made by the page itself from its event stream, so no
 * push service hears of anything. One tab speaks for all of a browser, at most once a minute, and never while somebody
 * looks at any of them.
 */
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useEffectEvent, useState } from "react";
import type { HiveEvent } from "../live/event-stream.ts";
import { useEvents } from "../live/use-live.ts";
import { useNotifyState } from "./notify-choice.ts";
import { waitsForPerson } from "./waits-for-person.ts";

const EVERY_MS = 60_000;
/** What happens at once is told at once. */
const GATHER_MS = 1_500;
const LAST_KEY = "hive.notified";
const SPEAKER = "hive.speaker";
const LOOKING = "hive.looking";

interface News {
  readonly jobId: string;
  readonly what: "decision" | "failure";
}

export function Notifier() {
  useLooking();
  return useNotifyState() === "on" ? <Speaker /> : null;
}

function Speaker() {
  const navigate = useNavigate();
  const speaks = useLock(SPEAKER);
  const [news, setNews] = useState<readonly News[]>([]);

  useEvents((event) => {
    const one = newsOf(event);
    if (speaks && one !== null) setNews((all) => [...all.filter(({ jobId }) => jobId !== one.jobId), one]);
  });

  const tell = useEffectEvent(async () => {
    const told = news;
    setNews([]);
    if (await isLookedAt()) return;
    localStorage.setItem(LAST_KEY, String(Date.now()));
    const [only] = told;
    const notification = new Notification(titleOf(told), {
      body: told
        .slice(0, 5)
        .map(({ jobId }) => jobId)
        .join("\n"),
      icon: "/bee.svg",
      tag: "hive",
    });
    notification.addEventListener("click", () => {
      window.focus();
      notification.close();
      if (told.length === 1 && only !== undefined) void navigate({ to: "/jobs/$jobId", params: { jobId: only.jobId } });
      else void navigate({ to: "/" });
    });
  });

  const some = news.length > 0;
  useEffect(() => {
    if (!some) return;
    const last = Number(localStorage.getItem(LAST_KEY) ?? 0);
    // A clock that was put back must not silence it for long.
    const left = Math.min(EVERY_MS, last + EVERY_MS - Date.now());
    const timer = setTimeout(() => void tell(), Math.max(GATHER_MS, left));
    return () => clearTimeout(timer);
  }, [some]);
  return null;
}

function newsOf({ type, jobId, data }: HiveEvent): News | null {
  if (jobId === null) return null;
  if (type === "job.failed") return { jobId, what: "failure" };
  return type === "job.held" && waitsForPerson(data["reason"]) ? { jobId, what: "decision" } : null;
}

function titleOf(news: readonly News[]): string {
  const decisions = news.filter(({ what }) => what === "decision").length;
  const failures = news.length - decisions;
  const parts = [
    ...(decisions > 0
      ? [decisions === 1 ? "A job waits for your decision" : `${decisions} jobs wait for your decision`]
      : []),
    ...(failures > 0 ? [failures === 1 ? "a job failed" : `${failures} jobs failed`] : []),
  ].join(", ");
  return parts.charAt(0).toUpperCase() + parts.slice(1);
}

/** Tells the other tabs of this browser that somebody looks. */
function useLooking(): void {
  const [isLooking, setLooking] = useState(() => !document.hidden);
  useEffect(() => {
    const look = (): void => setLooking(!document.hidden);
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  useEffect(() => (isLooking ? holdLock(LOOKING, "shared", () => undefined) : undefined), [isLooking]);
}

async function isLookedAt(): Promise<boolean> {
  if (!document.hidden) return true;
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === LOOKING);
}

/** True in one tab of the browser; when that one is closed, in another. */
function useLock(name: string): boolean {
  const [isMine, setMine] = useState(false);
  useEffect(() => {
    const release = holdLock(name, "exclusive", () => setMine(true));
    return () => {
      release();
      setMine(false);
    };
  }, [name]);
  return isMine;
}

/** Pages over plain HTTP have no locks, and no notifications either. Gives how to let go. */
function holdLock(name: string, mode: "exclusive" | "shared", onHeld: () => void): () => void {
  if (!("locks" in navigator)) return () => undefined;
  const end = new AbortController();
  const gone = new Promise<void>((resolve) => {
    end.signal.addEventListener("abort", () => resolve());
  });
  const { signal } = end;
  void navigator.locks
    .request(name, { mode, signal }, () => {
      onHeld();
      return gone;
    })
    // Let go before its turn came.
    .catch(() => undefined);
  return () => end.abort();
}
