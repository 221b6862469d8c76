import { useMemo, useState } from "react";
import { Button } from "./button.tsx";
import { CopyButton } from "./command.tsx";
import { number } from "./facts.tsx";

/** Characters shown before somebody asks for all: a page with a megabyte of text in it is slow to scroll. */
const SHOWN = 4_000;
/** Characters that are laid out together: a browser needs minutes for one line of a quarter of a million letters. */
const PIECE = 2_000;

export interface LongTextProps {
  readonly text: string;
  /** For who hears the page: what it is. */
  readonly name: string;
  /** Default: `SHOWN`. */
  readonly shown?: number;
  /** In letters of one width. Default: false. */
  readonly mono?: boolean;
  /** Has a button that copies it. Default: true. */
  readonly copy?: boolean;
}

/** Text from outside as it is, cut where it is huge until all of it is wanted; copied whole. */
export function LongText({ text, name, shown = SHOWN, mono = false, copy = true }: LongTextProps) {
  const [all, setAll] = useState(false);
  const cut = text.length > shown;
  const pieces = useMemo(() => piecesOf(all || !cut ? text : `${text.slice(0, shown)}…`), [all, cut, shown, text]);
  return (
    <div className="relative">
      <div
        role="group"
        aria-label={name}
        tabIndex={0}
        className={`outside-text max-h-[32rem] overflow-y-auto whitespace-pre-wrap ${copy ? "pr-10" : ""} ${mono ? "font-mono text-[13px]" : "text-sm"}`}
      >
        {pieces.map((piece, at) => (
          <div
            key={at}
            className={pieces.length > 3 ? "[content-visibility:auto] [contain-intrinsic-size:auto_30rem]" : ""}
          >
            {piece === "" ? "\n" : piece}
          </div>
        ))}
      </div>
      {copy && (
        <div className="absolute -top-1.5 right-0">
          <CopyButton text={text} label={`Copy ${name.toLowerCase()}`} />
        </div>
      )}
      {cut && (
        <Button look="quiet" className="mt-1" onClick={() => setAll(!all)}>
          {all ? "Show less" : `Show all ${number(text.length)} characters`}
        </Button>
      )}
    </div>
  );
}

/** The text in parts of a few thousand characters, cut between lines where there are any. */
function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length; ) {
    const most = from + PIECE;
    const line = most >= text.length ? -1 : text.lastIndexOf("\n", most);
    // A letter of two halves stays whole.
    const hard = /[\ud800-\udbff]/.test(text.charAt(most - 1)) ? most - 1 : most;
    const end = most >= text.length ? text.length : line > from ? line : hard;
    pieces.push(text.slice(from, end));
    from = line > from && end === line ? end + 1 : end;
  }
  return pieces;
}
