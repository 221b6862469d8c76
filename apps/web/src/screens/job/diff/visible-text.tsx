/**
 * Marks that steer how text is drawn, and other letters that nobody sees: in code that a person is to approve they can
 * make one thing look like another.
 */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A line of code with such letters written out. `most`: characters that are shown. */
export function VisibleText({ text, most = 2_000 }: { readonly text: string; readonly most?: number }) {
  const shown = text.length > most ? text.slice(0, most) : text;
  const parts: { readonly key: number; readonly text: string; readonly isMark: boolean }[] = [];
  let from = 0;
  for (const { index, 0: mark } of shown.matchAll(UNSEEN)) {
    if (index > from) parts.push({ key: from, text: shown.slice(from, index), isMark: false });
    parts.push({
      key: index,
      text: `U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
      isMark: true,
    });
    from = index + 1;
  }
  if (from < shown.length) parts.push({ key: from, text: shown.slice(from), isMark: false });
  return (
    <>
      {parts.map((part) =>
        part.isMark ? (
          <span
            key={part.key}
            title="A letter that is not seen, or that changes how the line is drawn"
            className="mx-px rounded bg-warn-ground px-0.5 text-[11px] text-warn"
          >
            {part.text}
          </span>
        ) : (
          <bdi key={part.key}>{part.text}</bdi>
        ),
      )}
      {text.length > most && <span className="font-sans text-soft"> … {text.length - most} more characters</span>}
    </>
  );
}
