import type { ComponentProps, ReactNode } from "react";

type Look = "plain" | "main" | "danger" | "quiet";

const LOOKS: Readonly<Record<Look, string>> = {
  plain: "border-line bg-panel text-ink hover:bg-raised",
  main: "border-honey bg-honey text-honey-ink font-medium hover:brightness-95",
  danger: "border-bad bg-panel text-bad hover:bg-bad-ground",
  quiet: "border-transparent bg-transparent text-soft hover:bg-raised hover:text-ink",
};

export interface ButtonProps extends Omit<ComponentProps<"button">, "type"> {
  /** Default: `plain`. */
  readonly look?: Look;
  readonly type?: "button" | "submit";
  /** Something it began is under way: it can be focused and does nothing. Default: false. */
  readonly busy?: boolean;
  readonly icon?: ReactNode;
}

/** At least 32 pixels high on a desk and 40 under a finger. */
export function Button({
  look = "plain",
  type = "button",
  busy = false,
  icon,
  className = "",
  children,
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      type={type}
      aria-busy={busy}
      aria-disabled={busy || rest.disabled === true}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      className={`inline-flex min-h-8 items-center justify-center gap-1.5 rounded-md border px-3 py-1 text-sm whitespace-nowrap transition-colors disabled:opacity-55 disabled:pointer-events-none aria-busy:opacity-60 pointer-coarse:min-h-10 ${LOOKS[look]} ${className}`}
      {...rest}
    >
      {icon}
      {children}
    </button>
  );
}
