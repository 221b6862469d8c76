import type { Worker } from "@hive/protocol";
import { CircleDashed, CircleHelp, DoorOpen, LoaderCircle, type LucideIcon } from "lucide-react";

/** Nothing was heard of it for so long, in milliseconds: three times what is usual. */
const SILENT_MS = 60_000;

export interface WorkerLook {
  readonly word: string;
  readonly icon: LucideIcon;
  /** Of the cell, and of what stands in it. */
  readonly cell: string;
  readonly text: string;
}

/** What a worker does, by word, sign and colour. */
export function lookOf({ silentMs, draining, jobId }: Worker): WorkerLook {
  if (silentMs > SILENT_MS)
    return { word: "silent", icon: CircleHelp, cell: "fill-bad-ground stroke-bad", text: "text-bad" };
  if (draining)
    return {
      word: jobId === null ? "drained" : "draining, at work on",
      icon: DoorOpen,
      cell: "fill-warn-ground stroke-warn",
      text: "text-warn",
    };
  if (jobId !== null)
    return { word: "at work on", icon: LoaderCircle, cell: "fill-honey stroke-honey", text: "text-honey-ink" };
  return { word: "free", icon: CircleDashed, cell: "fill-raised stroke-strong", text: "text-ink" };
}
