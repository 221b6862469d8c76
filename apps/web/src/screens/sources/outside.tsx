/** Small things that somebody outside said. */
import { safeLink } from "../job/safe-link.ts";

/** Fields shown at once. */
const SHOWN = 64;

/** An address that is gone to only where it is one, and shown whole: its words are not ours. */
export function OutsideLink({ address }: { readonly address: string }) {
  const href = safeLink(address);
  if (href === null) return <bdi className="outside-text">{address}</bdi>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow" className="min-w-0">
      <bdi className="outside-text">{href}</bdi>
    </a>
  );
}

/** Names and values. */
export function OutsideFields({ fields }: { readonly fields: Readonly<Record<string, string>> }) {
  const all = Object.entries(fields);
  if (all.length === 0) return null;
  return (
    <dl className="mt-2 grid gap-x-4 gap-y-1 text-xs sm:grid-cols-2">
      {all.slice(0, SHOWN).map(([name, value]) => (
        <div key={name} className="flex min-w-0 gap-2">
          <dt className="outside-text max-w-[40%] shrink-0 text-soft">
            <bdi>{name}</bdi>
          </dt>
          <dd className="outside-text min-w-0">
            <bdi>{value}</bdi>
          </dd>
        </div>
      ))}
    </dl>
  );
}
