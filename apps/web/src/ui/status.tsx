import type { JobSummary } from "@hive/protocol";
import {
  Ban,
  CircleCheck,
  CircleDashed,
  CircleX,
  Clock,
  Hand,
  Link2,
  LoaderCircle,
  type LucideIcon,
} from "lucide-react";

type Status = JobSummary["status"];

const LOOKS: Readonly<Record<Status, readonly [string, LucideIcon]>> = {
  held: ["bg-warn-ground text-warn", Hand],
  blocked: ["bg-raised text-soft", Link2],
  scheduled: ["bg-info-ground text-info", Clock],
  queued: ["bg-info-ground text-info", CircleDashed],
  running: ["bg-honey text-honey-ink", LoaderCircle],
  succeeded: ["bg-good-ground text-good", CircleCheck],
  failed: ["bg-bad-ground text-bad", CircleX],
  canceled: ["bg-raised text-soft", Ban],
};

/** A job's status, by word, colour and sign. `reason` follows in brackets where there is one. */
export function StatusBadge({ status, reason = null }: { readonly status: Status; readonly reason?: string | null }) {
  const [look, Icon] = LOOKS[status];
  return (
    <span
      className={`inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${look}`}
    >
      <Icon
        aria-hidden
        size={13}
        className={status === "running" ? "animate-spin [animation-duration:2.5s] motion-reduce:animate-none" : ""}
      />
      {status}
      {reason !== null && `: ${reason.replaceAll("_", " ")}`}
    </span>
  );
}
