import { ChevronDown, ChevronRight } from "lucide-react";
import { type CSSProperties, memo, type ReactNode } from "react";
import { bytes as sized } from "../../ui/facts.tsx";
import { duration, exactTime } from "../../ui/time.tsx";
import { type Look, type Piece, piecesOf, plainText } from "./ansi.ts";
import { type LineText, type Phase, SHOWN_BYTES } from "./log-book.ts";
import { leadingTime } from "./line-time.ts";
import "./log.css";

export interface LogLineProps {
  /** From 0. */
  readonly line: number;
  /** Null: its bytes are on their way. */
  readonly text: LineText | null;
  /** The whole of a long line, once it was asked for. */
  readonly whole: string | undefined;
  readonly phase: Phase | undefined;
  readonly phaseMs: number | null;
  readonly isFolded: boolean;
  readonly isChosen: boolean;
  /** Lower case; empty: nothing is searched. */
  readonly words: string;
  /** It is the one that the search is at. */
  readonly isHere: boolean;
  readonly localTimes: boolean;
}

/**
 * One line: its number, which is a link to it, and its text as a terminal would colour it. Made of text and never of markup.
 * What is clicked in it the view hears, by `data-act`: a line that is given nothing new is not drawn again.
 */
export const LogLine = memo(function LogLine(props: LogLineProps) {
  const { line, text, whole, phase, isChosen, isHere, words, localTimes } = props;
  return (
    <div
      data-line={line}
      className={`log-row ${isChosen ? "log-chosen" : ""} ${isHere ? "log-here" : ""} ${phase === undefined ? "" : "log-head"}`}
      {...(isHere ? { "aria-current": "true" as const } : {})}
    >
      <a data-act="choose" className="log-number tabular" href={`#L${line + 1}`} tabIndex={-1} draggable={false}>
        {line + 1}
      </a>
      <span className={`log-text ${whole === undefined ? "" : "log-text-whole"}`}>
        {text === null ? (
          <span className="text-soft">…</span>
        ) : phase === undefined ? (
          <LineBody text={whole ?? text.text} words={words} localTimes={localTimes} />
        ) : (
          <PhaseHead {...props} phase={phase} />
        )}
      </span>
      {text?.isCut === true && whole === undefined && (
        <button
          type="button"
          data-act="whole"
          className="sticky right-2 h-[20px] shrink-0 self-start rounded border border-strong bg-raised px-1.5 font-sans text-xs leading-4 text-ink select-none hover:bg-panel"
        >
          {`Show all: ${sized(text.bytes)}, not ${sized(SHOWN_BYTES)}`}
        </button>
      )}
    </div>
  );
});

function PhaseHead({ phase, phaseMs, isFolded }: LogLineProps & { readonly phase: Phase }) {
  const Chevron = isFolded ? ChevronRight : ChevronDown;
  return (
    <button
      type="button"
      aria-expanded={!isFolded}
      data-act="fold"
      className="flex h-[24px] items-center gap-1 rounded font-sans text-[13px] font-semibold text-ink hover:bg-raised"
    >
      <Chevron aria-hidden size={15} className="shrink-0" />
      {phase.name}
      {phaseMs !== null && <span className="ml-1 font-normal text-soft">{duration(phaseMs)}</span>}
    </button>
  );
}

function LineBody({
  text,
  words,
  localTimes,
}: {
  readonly text: string;
  readonly words: string;
  readonly localTimes: boolean;
}) {
  const time = localTimes ? leadingTime(text) : null;
  const rest = time === null ? text : text.slice(time.length);
  const pieces = piecesOf(rest);
  const hits = words === "" ? [] : hitsIn(plainText(rest), words);
  return (
    <>
      {time !== null && (
        <time dateTime={time.iso} title={`${exactTime(time.at)} (${time.said})`} className="text-soft">
          {time.shown}
        </time>
      )}
      {hits.length > 0 && pieces.every(({ isSign }) => isSign !== true)
        ? marked(pieces, hits)
        : pieces.map((piece, at) => <PieceText key={at} {...piece} />)}
    </>
  );
}

function PieceText({ text, look, isSign }: Piece) {
  if (isSign === true) return <span className="rounded bg-raised px-px text-soft">{text}</span>;
  const style = styleOf(look);
  return style === null ? text : <span style={style}>{text}</span>;
}

/** Null: there is nothing special about it. */
function styleOf(look: Look): CSSProperties | null {
  const { hue, ground, bold, dim, italic, underline, struck, inverse } = look;
  const behind = inverse ? (hue ?? "white") : ground;
  const front = inverse || ground !== null ? null : hue;
  const style: CSSProperties = {
    ...(front === null ? (dim && behind === null ? { color: "var(--soft)" } : {}) : { color: `var(--ansi-${front})` }),
    // Ink on a tint of the colour: legible, whatever pair a program asks for.
    ...(behind === null
      ? {}
      : { color: "var(--ink)", background: `color-mix(in oklab, var(--ansi-${behind}) 22%, var(--panel))` }),
    ...(bold ? { fontWeight: 700 } : {}),
    ...(italic ? { fontStyle: "italic" } : {}),
    ...(underline || struck
      ? { textDecoration: [underline ? "underline" : "", struck ? "line-through" : ""].join(" ").trim() }
      : {}),
  };
  return Object.keys(style).length === 0 ? null : style;
}

type Hit = readonly [from: number, to: number];
const MOST_HITS = 200;

function hitsIn(text: string, words: string): readonly Hit[] {
  const low = text.toLowerCase();
  // Letters whose lower case is longer would put every mark behind them in the wrong place.
  if (low.length !== text.length) return [];
  const hits: Hit[] = [];
  for (let at = low.indexOf(words); at !== -1 && hits.length < MOST_HITS; at = low.indexOf(words, at + words.length))
    hits.push([at, at + words.length]);
  return hits;
}

/** The pieces with what was found marked; a mark may go over several of them. */
function marked(pieces: readonly Piece[], hits: readonly Hit[]): ReactNode[] {
  const shown: ReactNode[] = [];
  let begin = 0;
  for (const { text, look } of pieces) {
    const end = begin + text.length;
    let at = begin;
    const add = (to: number, isHit: boolean): void => {
      if (to <= at) return;
      const part = text.slice(at - begin, to - begin);
      shown.push(
        isHit ? (
          <mark key={shown.length} className="log-hit">
            {part}
          </mark>
        ) : (
          <PieceText key={shown.length} text={part} look={look} />
        ),
      );
      at = to;
    };
    for (const [from, to] of hits) {
      if (to <= begin || from >= end) continue;
      add(Math.max(from, begin), false);
      add(Math.min(to, end), true);
    }
    add(end, false);
    begin = end;
  }
  return shown;
}
