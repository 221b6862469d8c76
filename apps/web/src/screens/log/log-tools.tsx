import { ArrowDown, ArrowDownToLine, ArrowUp, ChevronsDownUp, Clock, Download, WrapText } from "lucide-react";
import type { KeyboardEvent, ReactNode, RefObject } from "react";
import { Button } from "../../ui/button.tsx";
import { number } from "../../ui/facts.tsx";
import { Input } from "../../ui/field.tsx";
import type { Found } from "./log-search.ts";

export interface LogToolsProps {
  readonly searchRef: RefObject<HTMLInputElement | null>;
  readonly typed: string;
  readonly onType: (words: string) => void;
  readonly found: Found;
  /** Which of the found lines is shown, from 0; -1: none. */
  readonly place: number;
  readonly onStep: (by: 1 | -1) => void;
  readonly isFollowing: boolean;
  readonly onFollow: () => void;
  readonly wraps: boolean;
  readonly onWrap: () => void;
  readonly localTimes: boolean;
  readonly onLocalTimes: () => void;
  readonly isFolded: boolean;
  /** Null: the log has no phases. */
  readonly onFoldAll: (() => void) | null;
  readonly download: { readonly href: string; readonly name: string };
}

/** Search, and how the log is shown. */
export function LogTools(props: LogToolsProps) {
  const { found, place, typed, onStep } = props;
  const isNone = found.lines.length === 0;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter") onStep(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      if (typed === "") props.searchRef.current?.blur();
      else props.onType("");
    } else return;
    event.preventDefault();
  };
  return (
    <div className="flex flex-wrap items-center gap-1 border-b border-line px-3 py-1.5">
      <div role="search" className="flex min-w-0 flex-1 basis-72 items-center gap-1 max-sm:basis-full">
        <Input
          ref={props.searchRef}
          type="text"
          aria-label="Search in the log"
          placeholder="Search in the log"
          value={typed}
          onChange={(event) => props.onType(event.target.value)}
          onKeyDown={onKeyDown}
          className="max-w-80 min-w-0"
        />
        <Tool
          label="Previous found line"
          isOff={isNone}
          onClick={() => onStep(-1)}
          icon={<ArrowUp aria-hidden size={15} />}
        />
        <Tool
          label="Next found line"
          isOff={isNone}
          onClick={() => onStep(1)}
          icon={<ArrowDown aria-hidden size={15} />}
        />
        <span role="status" className="tabular min-w-0 truncate text-xs text-soft">
          {typed === "" ? "" : foundWords(found, place)}
        </span>
      </div>
      <Tool
        label="Follow"
        isOn={props.isFollowing}
        onClick={props.onFollow}
        icon={<ArrowDownToLine aria-hidden size={15} />}
      />
      <Tool label="Wrap" isOn={props.wraps} onClick={props.onWrap} icon={<WrapText aria-hidden size={15} />} />
      <Tool
        label="Local times"
        isOn={props.localTimes}
        onClick={props.onLocalTimes}
        icon={<Clock aria-hidden size={15} />}
      />
      {props.onFoldAll !== null && (
        <Tool
          label="Fold"
          isOn={props.isFolded}
          onClick={props.onFoldAll}
          icon={<ChevronsDownUp aria-hidden size={15} />}
        />
      )}
      <a
        href={props.download.href}
        download={props.download.name}
        title="Download the log"
        className="inline-flex min-h-8 items-center gap-1.5 rounded-md px-2 text-sm text-soft no-underline hover:bg-raised hover:text-ink pointer-coarse:min-h-10"
      >
        <Download aria-hidden size={15} />
        <span className="max-sm:sr-only">Download</span>
      </a>
    </div>
  );
}

interface ToolProps {
  readonly label: string;
  readonly icon: ReactNode;
  readonly onClick: () => void;
  /** Absent: it is no switch, and its name is not written beside it. */
  readonly isOn?: boolean;
  readonly isOff?: boolean;
}

function Tool({ label, icon, onClick, isOn, isOff = false }: ToolProps) {
  return (
    <Button
      look="quiet"
      title={label}
      aria-label={label}
      onClick={onClick}
      disabled={isOff}
      {...(isOn === undefined ? {} : { "aria-pressed": isOn })}
      className={`px-2! pointer-coarse:min-w-10 ${isOn === true ? "bg-raised! text-ink!" : ""}`}
      icon={icon}
    >
      {isOn !== undefined && <span className="max-sm:hidden">{label}</span>}
    </Button>
  );
}

function foundWords({ lines, done }: Found, place: number): string {
  const count = lines.length;
  const all = count === 1 ? "1 line" : `${number(count)} lines`;
  const far = done < 1 ? ` (${Math.floor(done * 100)} %)` : "";
  if (count === 0) return done < 1 ? `Searching${far}` : "Not found";
  return (place === -1 ? all : `${number(place + 1)} of ${all}`) + far;
}
