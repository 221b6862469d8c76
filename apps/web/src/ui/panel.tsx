import { type ReactNode, useId } from "react";

export interface PanelProps {
  readonly title?: ReactNode;
  /** To the right of the title. */
  readonly actions?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
}

/** A part of a screen with its heading. */
export function Panel({ title, actions, className = "", children }: PanelProps) {
  const id = useId();
  return (
    <section
      {...(title === undefined ? {} : { "aria-labelledby": id })}
      className={`rounded-lg border border-line bg-panel ${className}`}
    >
      {title !== undefined && (
        <header className="flex flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-2.5">
          <h2 id={id} className="text-sm font-semibold">
            {title}
          </h2>
          {actions}
        </header>
      )}
      {children}
    </section>
  );
}

/** The top of a screen: its one first heading, and what can be done there. */
export function ScreenHead({
  title,
  about,
  actions,
}: {
  readonly title: ReactNode;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
}) {
  return (
    <header className="mb-4 flex flex-wrap items-start justify-between gap-3">
      <div className="min-w-0">
        <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
        {about !== undefined && <p className="mt-0.5 text-sm text-soft">{about}</p>}
      </div>
      {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </header>
  );
}
