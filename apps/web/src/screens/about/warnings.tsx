import type { ReplyTo } from "../../api/call.ts";
import { TriangleAlert } from "lucide-react";

/** What may be lost although it was acknowledged, and a store that is away: in the server's words, or nothing at all. */
export function Warnings({ health: { ok, store, warnings } }: { readonly health: ReplyTo<"health"> }) {
  const all = ok ? warnings : [`The store (${store}) does not answer: no work is taken until it does.`, ...warnings];
  if (all.length === 0) return null;
  return (
    <section aria-label="Warnings" className="mb-4 rounded-lg bg-warn-ground px-4 py-3 text-sm text-warn">
      <ul className="space-y-1.5">
        {all.map((warning) => (
          <li key={warning} className="flex items-start gap-2.5">
            <TriangleAlert aria-hidden size={17} className="mt-0.5 shrink-0" />
            <span className="outside-text">{warning}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
