/** What a part of a screen shows while it has nothing to show: not yet, not at all, or not possible. */
import { TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "../api/call.ts";
import { Button } from "./button.tsx";
import { Command } from "./command.tsx";

/** Holds the place of what is coming, without a jump when it comes. `rows`: lines it will about have. */
export function Loading({ rows = 3 }: { readonly rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="space-y-2.5 p-4">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="h-4 animate-pulse rounded bg-raised motion-reduce:animate-none" />
      ))}
    </div>
  );
}

export interface EmptyProps {
  readonly title: string;
  readonly children?: ReactNode;
  /** A line for a terminal that fills this screen. */
  readonly command?: string;
}

/** Nothing is here, and how that changes. */
export function Empty({ title, children, command }: EmptyProps) {
  return (
    <div className="flex flex-col items-center gap-2 px-4 py-10 text-center">
      <img src="/bee.svg" alt="" width={36} height={36} className="opacity-70 grayscale" />
      <p className="font-medium">{title}</p>
      {children !== undefined && <div className="max-w-prose text-sm text-soft">{children}</div>}
      {command !== undefined && <Command text={command} />}
    </div>
  );
}

/** What went wrong, in the server's words, and a way to ask again. */
export function Trouble({ error, onRetry }: { readonly error: Error; readonly onRetry?: () => void }) {
  const fields = error instanceof ApiError ? error.fields : [];
  return (
    <div role="alert" className="m-3 flex items-start gap-2.5 rounded-md bg-bad-ground px-3 py-2.5 text-sm text-bad">
      <TriangleAlert aria-hidden size={17} className="mt-0.5 shrink-0" />
      <div className="min-w-0 flex-1">
        <p className="outside-text">{error.message}</p>
        {fields.length > 0 && (
          <ul className="mt-1 list-disc pl-4">
            {fields.map(({ path, message }) => (
              <li key={`${path} ${message}`} className="outside-text">
                <code>{path}</code> {message}
              </li>
            ))}
          </ul>
        )}
      </div>
      {onRetry !== undefined && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}
