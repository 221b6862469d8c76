import type { JobDetail } from "@hive/protocol";
import { type KeyboardEvent, useState } from "react";
import { CommentForm } from "../comments/comment-form.tsx";
import { CommentView } from "../comments/comment-list.tsx";
import { keyOf, type Place, placeOf } from "../comments/place.ts";
import { useComments } from "../comments/use-comments.ts";
import { isForAgent } from "../job-tabs.tsx";
import type { DiffLine } from "./parse-diff.ts";
import { VisibleText } from "./visible-text.tsx";

const LOOKS: Readonly<Record<DiffLine["kind"], string>> = {
  hunk: "bg-info-ground text-info",
  same: "",
  added: "bg-good-ground",
  removed: "bg-bad-ground",
  note: "text-soft italic",
};
const SIGNS: Readonly<Record<DiffLine["kind"], string>> = { hunk: "", same: " ", added: "+", removed: "-", note: "" };
const WORDS: Readonly<Record<DiffLine["kind"], string>> = {
  hunk: "",
  same: "",
  added: "added",
  removed: "removed",
  note: "",
};

export interface DiffLinesProps {
  readonly job: JobDetail;
  readonly path: string;
  readonly lines: readonly DiffLine[];
}

/**
 * Lines of one file. A line's number is a button: it takes a comment on that line. Only one of them is a stop of the
 * Tab key; the arrows go from line to line.
 */
export function DiffLines({ job, path, lines }: DiffLinesProps) {
  const [stop, setStop] = useState(() => lines.findIndex(isOfFile));
  const [asked, setAsked] = useState<number | null>(null);
  const { comments } = useComments(job);
  const canComment = isForAgent(job);
  const said = new Map<string, typeof comments>();
  for (const comment of comments) {
    const { place } = placeOf(comment.text);
    if (place === null || place.path !== path) continue;
    const key = keyOf(place);
    said.set(key, [...(said.get(key) ?? []), comment]);
  }

  const onKeyDown = (event: KeyboardEvent<HTMLOListElement>): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const button = event.target instanceof HTMLElement ? event.target.closest("button[data-line]") : null;
    if (step === 0 || button === null) return;
    event.preventDefault();
    const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>("button[data-line]")];
    const next = buttons[buttons.findIndex((each) => each === button) + step];
    if (next === undefined) return;
    setStop(Number(next.dataset["line"]));
    next.focus();
  };

  return (
    <ol aria-label={`Lines of ${path}`} onKeyDown={onKeyDown} className="overflow-hidden rounded-b-lg py-0.5">
      {lines.map((line, at) => {
        const place = isOfFile(line) ? placeIn(path, line) : null;
        const notes = place === null ? [] : (said.get(keyOf(place)) ?? []);
        return (
          <li key={at}>
            <Line
              line={line}
              number={at}
              isStop={at === stop}
              onComment={canComment && place !== null ? () => setAsked(at) : null}
            />
            {(notes.length > 0 || (asked === at && place !== null)) && (
              <div className="space-y-3 border-y border-line bg-panel px-4 py-3">
                {notes.map((comment) => (
                  <CommentView key={comment.n} comment={comment} withPlace={false} />
                ))}
                {asked === at && place !== null && (
                  <CommentForm job={job} place={place} onDone={() => setAsked(null)} />
                )}
              </div>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function isOfFile({ kind }: DiffLine): boolean {
  return kind === "same" || kind === "added" || kind === "removed";
}

function placeIn(path: string, { kind, old, now, text }: DiffLine): Place {
  const isOld = kind === "removed";
  return { path, line: (isOld ? old : now) ?? 0, side: isOld ? "old" : "new", quote: `${SIGNS[kind]}${text}`.trim() };
}

interface LineProps {
  readonly line: DiffLine;
  readonly number: number;
  readonly isStop: boolean;
  readonly onComment: (() => void) | null;
}

const NUMBER = "tabular w-11 shrink-0 pr-2 text-right text-xs leading-6 select-none text-soft";

function Line({ line, number, isStop, onComment }: LineProps) {
  const { kind, old, now, text } = line;
  const shown = now ?? old;
  return (
    <div className={`flex font-mono text-[13px] leading-6 ${LOOKS[kind]}`}>
      <span aria-hidden className={`${NUMBER} max-sm:hidden`}>
        {old}
      </span>
      {onComment === null ? (
        <span className={NUMBER}>{now}</span>
      ) : (
        <button
          type="button"
          data-line={number}
          tabIndex={isStop ? 0 : -1}
          aria-label={`Comment on line ${shown}${now === null ? " before the change" : ""}`}
          onClick={onComment}
          className={`${NUMBER} min-h-[24px] self-start hover:bg-honey hover:text-honey-ink focus-visible:-outline-offset-2`}
        >
          {now ?? <span className="sm:invisible">{old}</span>}
        </button>
      )}
      {WORDS[kind] !== "" && <span className="sr-only">{WORDS[kind]}: </span>}
      <code className="outside-text min-w-0 flex-1 pr-2 whitespace-pre-wrap">
        <span aria-hidden className="inline-block w-4 select-none">
          {SIGNS[kind]}
        </span>
        <VisibleText text={text} />
      </code>
    </div>
  );
}
