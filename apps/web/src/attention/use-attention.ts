import { useEffect } from "react";
import type { Digest } from "@hive/protocol";
import { useApi } from "../api/use-api.ts";
import { useStreamState } from "../live/use-live.ts";
import { noteSpent, useLastLook } from "./last-look.ts";

/** Asked again although no event came, in milliseconds: money has no events. */
const EVERY_MS = 60_000;

/** What asks for a person. */
export interface Attention {
  /** Held jobs that wait for a person. */
  readonly decisions: number;
  /** Jobs that failed since this browser was last looked at; 0 where nobody looked before. */
  readonly failures: number;
  /** Nothing is heard from the server. */
  readonly lost: boolean;
}

/** What happened since the last look; the same answer for all who ask. */
export function useDigest(): ReturnType<typeof useApi<"digest">> {
  const { since } = useLastLook();
  return useApi("digest", { query: { since } }, { everyMs: EVERY_MS, keep: true });
}

export function useAttention(): Attention {
  const { isFirst } = useLastLook();
  const { data } = useDigest();
  const lost = useStreamState() === "lost";
  useEffect(() => noteSpent(data === undefined ? null : spentOf(data)), [data]);
  return { decisions: data?.decisions ?? 0, failures: isFirst ? 0 : (data?.ended.failed ?? 0), lost };
}

/** What the last day of a digest has cost; a day of which nothing is on record has cost nothing yet. */
function spentOf({ days }: Digest): { readonly day: string; readonly usd: number } | null {
  const today = days.at(-1);
  return today === undefined ? null : { day: today.day, usd: today.usd ?? 0 };
}
