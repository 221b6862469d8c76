import { useState } from "react";
import { Input } from "../../../ui/field.tsx";
import { number } from "../../../ui/facts.tsx";
import type { DiffFile } from "./parse-diff.ts";

/** Files in the list at once; the words above it find the others. */
const LISTED = 300;
/** From this many on there is something to search. */
const SEARCHED = 12;

const SIGNS = {
  added: ["A", "text-good"],
  deleted: ["D", "text-bad"],
  changed: ["M", "text-soft"],
  renamed: ["R", "text-info"],
} as const;

export interface FileListProps {
  readonly files: readonly DiffFile[];
  readonly current: number;
  readonly onPick: (at: number) => void;
}

/** The files of the diff beside it, folded on a phone. */
export function FileList({ files, current, onPick }: FileListProps) {
  const [words, setWords] = useState("");
  const found = files.filter(({ path }) => path.toLowerCase().includes(words.toLowerCase()));
  return (
    <details open className="rounded-lg border border-line bg-panel lg:sticky lg:top-3">
      <summary className="px-3 py-2 text-sm font-semibold">Files</summary>
      {files.length >= SEARCHED && (
        <div className="px-2 pb-1">
          <Input
            aria-label="Find a file"
            placeholder="Find a file"
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
        </div>
      )}
      <ul
        aria-label="Files of the diff"
        tabIndex={-1}
        className="max-h-60 overflow-y-auto pb-1 lg:max-h-[calc(100dvh-8rem)]"
      >
        {found.slice(0, LISTED).map(({ at, path, change, insertions, deletions, isBinary }) => {
          const [sign, look] = SIGNS[change];
          return (
            <li key={at}>
              <button
                type="button"
                aria-current={at === current ? "true" : undefined}
                title={path}
                onClick={() => onPick(at)}
                className="flex min-h-8 w-full items-baseline gap-2 px-3 py-1 text-left text-[13px] hover:bg-raised aria-[current=true]:bg-raised"
              >
                <span aria-label={change} role="img" className={`w-3 shrink-0 text-xs font-semibold ${look}`}>
                  {sign}
                </span>
                <span className="outside-text min-w-0 flex-1">{path}</span>
                <span className="tabular shrink-0 text-xs text-soft">
                  {isBinary ? "binary" : `+${number(insertions)} −${number(deletions)}`}
                </span>
              </button>
            </li>
          );
        })}
        {found.length > LISTED && (
          <li className="px-3 py-1 text-xs text-soft">and {number(found.length - LISTED)} more</li>
        )}
        {found.length === 0 && <li className="px-3 py-1 text-xs text-soft">No file has that in its path.</li>}
      </ul>
    </details>
  );
}
