import { useState } from "react";
import { Button } from "./button.tsx";
import { CopyButton } from "./command.tsx";
import { number } from "./facts.tsx";

/** Characters shown before somebody asks for all: a page with a megabyte of text in it is slow to scroll. */
const SHOWN = 4_000;

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
  return (
    <div className="relative">
      <div
        role="group"
        aria-label={name}
        tabIndex={0}
        className={`outside-text max-h-[32rem] overflow-y-auto whitespace-pre-wrap ${copy ? "pr-10" : ""} ${mono ? "font-mono text-[13px]" : "text-sm"}`}
      >
        {all || !cut ? text : `${text.slice(0, shown)}…`}
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
