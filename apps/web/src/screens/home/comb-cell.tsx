import type { Worker } from "@hive/protocol";
import type { CellSize, Place } from "./comb-places.ts";
import { lookOf } from "./worker-look.ts";

const CELL: CellSize = { width: 112, height: 128, gap: 6 };
const SMALL_CELL: CellSize = { width: 88, height: 101, gap: 4 };
/** A comb less wide than this, in pixels, is one on a phone. */
const NARROW = 420;

/** How large the cells of a comb of this width are. */
export function cellFor(width: number): CellSize {
  return width < NARROW ? SMALL_CELL : CELL;
}

export interface CombCellProps {
  readonly worker: Worker;
  readonly place: Place;
  readonly size: CellSize;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}

/** One worker. The chosen one is where the tab key stops. */
export function CombCell({ worker, place, size, isChosen, onChoose }: CombCellProps) {
  const { name, jobId, phase } = worker;
  const { word, icon: Icon, cell, text } = lookOf(worker);
  const doing = [word, jobId, phase].filter((part) => part !== null).join(" ");
  return (
    <li className="absolute" style={{ ...place, width: size.width, height: size.height }}>
      <button
        type="button"
        tabIndex={isChosen ? 0 : -1}
        aria-pressed={isChosen}
        title={`${name}: ${doing}`}
        onClick={onChoose}
        onFocus={onChoose}
        className={`group relative size-full [clip-path:polygon(50%_0,100%_25%,100%_75%,50%_100%,0_75%,0_25%)] outline-none ${text}`}
      >
        <svg aria-hidden viewBox="0 0 112 128" className="absolute inset-0 size-full">
          <path
            d="M56 3 109 33.500V94.500L56 125 3 94.500V33.500Z"
            strokeLinejoin="round"
            className={`stroke-2 group-focus-visible:stroke-link group-focus-visible:stroke-[6] group-aria-pressed:stroke-[5] ${cell}`}
          />
        </svg>
        <span className="sr-only">{`${name}: ${doing}`}</span>
        <span
          aria-hidden
          className="absolute inset-x-[9%] inset-y-[20%] flex flex-col items-center justify-center gap-0.5 text-xs/4"
        >
          <Icon
            aria-hidden
            size={16}
            className={word === "at work on" ? "animate-spin [animation-duration:2.5s] motion-reduce:animate-none" : ""}
          />
          <span className="w-full truncate font-medium">{name}</span>
          <span className="line-clamp-2 w-full text-center wrap-anywhere">{jobId ?? word}</span>
        </span>
      </button>
    </li>
  );
}
