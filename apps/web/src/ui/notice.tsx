import type { ReactNode } from "react";

const TONES = { info: "bg-info-ground text-info", warn: "bg-warn-ground text-warn", bad: "bg-bad-ground text-bad" };

/** Something about all of what is below it. */
export function Notice({
  tone = "info",
  children,
}: {
  readonly tone?: keyof typeof TONES;
  readonly children: ReactNode;
}) {
  return <div className={`outside-text mb-4 rounded-md px-3 py-2.5 text-sm ${TONES[tone]}`}>{children}</div>;
}
