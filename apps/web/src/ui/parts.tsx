import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

export interface Part {
  readonly id: string;
  readonly label: ReactNode;
}

/** The parts of one screen, each with an address: `?part=…` of the address that is shown. */
export function Parts({
  label,
  parts,
  shown,
  name = "part",
}: {
  readonly label: string;
  readonly parts: readonly Part[];
  readonly shown: string;
  /** The name in the address. Default: `part`. */
  readonly name?: string;
}) {
  return (
    <nav aria-label={label} className="mb-3 flex flex-wrap gap-1">
      {parts.map((part) => (
        <Link
          key={part.id}
          to="."
          search={(before: Readonly<Record<string, unknown>>) => ({ ...before, [name]: part.id })}
          aria-current={part.id === shown ? "true" : undefined}
          className="flex min-h-8 items-center rounded-md px-3 py-1 text-sm text-soft no-underline hover:bg-raised hover:text-ink aria-[current]:bg-raised aria-[current]:font-medium aria-[current]:text-ink pointer-coarse:min-h-10"
        >
          {part.label}
        </Link>
      ))}
    </nav>
  );
}
