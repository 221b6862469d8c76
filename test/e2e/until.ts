/** Waiting for a condition, bounded: for what no event tells, such as a process that is gone. */

const LOOK_MS = 25;

/**
 * The first answer of `look` that is neither false, null nor undefined.
 * @throws after `limitMs`, naming what was waited for and `more`.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T> | T,
  { limitMs = 60_000, more = () => "" }: { readonly limitMs?: number; readonly more?: () => string } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const begun = performance.now();
  for (;;) {
    const found = await look();
    if (found !== false && found !== null && found !== undefined) return found as NonNullable<Exclude<T, false>>;
    if (performance.now() - begun > limitMs) throw new Error(`waited ${limitMs} ms for ${what}\n${more()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_MS);
    });
  }
}
