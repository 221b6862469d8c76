import type { ReactNode } from "react";

/** Names with their values, one below the other on a phone. */
export function Facts({ children, className = "" }: { readonly children: ReactNode; readonly className?: string }) {
  return (
    <dl className={`grid grid-cols-1 gap-x-6 gap-y-2 text-sm sm:grid-cols-2 lg:grid-cols-3 ${className}`}>
      {children}
    </dl>
  );
}

export function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="outside-text min-w-0">{children}</dd>
    </div>
  );
}

/** The part of a repository's address that people say: `acme/app`. */
export function repoName(repo: string): string {
  const path = repo.replace(/^[a-z+]+:\/\/[^/]*\//i, "").replace(/\.git$/, "");
  return path.split("/").slice(-2).join("/") || repo;
}

const money = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", maximumFractionDigits: 2 });
const smallMoney = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", maximumFractionDigits: 4 });

/** US dollars; four decimals below ten cents. */
export function usd(amount: number): string {
  return (Math.abs(amount) < 0.1 && amount !== 0 ? smallMoney : money).format(amount);
}

const count = new Intl.NumberFormat();

/** A whole number in the viewer's way of writing. */
export function number(value: number): string {
  return count.format(value);
}

/** Such as "4.2 MiB". */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
  const scaled = value / 1024 ** power;
  return `${power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[power] ?? "B"}`;
}
