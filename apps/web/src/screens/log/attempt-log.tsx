import type { JobDetail } from "@hive/protocol";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { requestOf } from "../../api/call.ts";
import { Button } from "../../ui/button.tsx";
import { number } from "../../ui/facts.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { tellError } from "../../ui/toast.tsx";
import { ChosenLines } from "./chosen-lines.tsx";
import { foldsOf, phaseOf } from "./folds.ts";
import { hashOf, linesOf } from "./line-hash.ts";
import type { Phase } from "./log-book.ts";
import { LogStatus } from "./log-status.tsx";
import { LogTools } from "./log-tools.tsx";
import { LogView, type LogViewHandle } from "./log-view.tsx";
import { useBook } from "./use-book.ts";
import { useLogKeys } from "./use-log-keys.ts";
import { placeAt, useSearch } from "./use-search.ts";
import { useSwitch } from "./use-switch.ts";
import { useWholeLines } from "./use-whole-lines.ts";

export interface AttemptLogProps {
  readonly job: JobDetail;
  readonly fence: number;
  /** Hears whether the end is shown as it comes. */
  readonly onFollowing: (isFollowing: boolean) => void;
}

/** One attempt's log, with what can be done in it. */
export function AttemptLog({ job, fence, onFollowing }: AttemptLogProps) {
  const { jobId } = job;
  const { book, error } = useBook(jobId, fence);
  const isRunning = job.status === "running" && job.fence === fence && book.state !== "over";
  const { hash } = useLocation();
  const navigate = useNavigate();
  const chosen = linesOf(hash);
  const view = useRef<LogViewHandle>(null);
  const [isFollowing, setFollowing] = useState(isRunning && chosen === null);
  const [leftAt, setLeftAt] = useState(0);
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const [wraps, setWraps] = useSwitch("hive.log.wrap", innerWidth < 640);
  const [localTimes, setLocalTimes] = useSwitch("hive.log.local-times", true);
  const [typed, setTyped] = useState("");
  const [here, setHere] = useState<number | null>(null);
  const search = useRef<HTMLInputElement>(null);
  const words = typed.toLowerCase();
  const found = useSearch(book, words);
  const wholes = useWholeLines(book);
  const { lines, phases } = book;
  const folds = useMemo(() => foldsOf(lines, phases, folded), [lines, phases, folded]);
  const phaseMs = useMemo(() => durations(job, fence, phases), [job, fence, phases]);
  const heads = useMemo(() => new Map(phases.map((phase) => [phase.line, phase])), [phases]);

  useEffect(() => {
    onFollowing(isFollowing && isRunning);
    return () => onFollowing(false);
  }, [onFollowing, isFollowing, isRunning]);

  function leave(): void {
    setFollowing(false);
    setLeftAt(lines);
  }
  function follow(): void {
    setFollowing(true);
    setHere(null);
  }
  function show(line: number, place: "top" | "middle" = "middle"): void {
    leave();
    const phase = phaseOf(phases, line);
    if (phase !== undefined && phase.line !== line && folded.has(phase.line))
      setFolded(new Set([...folded].filter((each) => each !== phase.line)));
    view.current?.reveal(line, place);
  }

  // A linked line is gone to once, as soon as the log has it.
  const linked = useRef(chosen?.from ?? null);
  useEffect(() => {
    if (linked.current === null || (lines <= linked.current && book.state !== "over")) return;
    const line = Math.min(linked.current, lines - 1);
    linked.current = null;
    show(line);
  });

  const place = here === null ? -1 : placeAt(found, here);
  function step(by: 1 | -1): void {
    const count = found.lines.length;
    if (count === 0) return;
    const from = here ?? view.current?.topLine() ?? 0;
    const at = placeAt(found, from);
    const isOn = at !== -1 && found.lines[at] === here;
    const next = by === 1 ? (isOn ? at + 1 : at === -1 ? 0 : at) : at === -1 ? count - 1 : at - 1;
    const line = found.lines[(next + count) % count] ?? 0;
    setHere(line);
    show(line);
  }
  // The first that is found is shown, and no other unless somebody asks.
  const sought = useRef("");
  useEffect(() => {
    if (words === sought.current) return;
    if (words === "") setHere(null);
    else if (found.lines.length === 0) return;
    else step(1);
    sought.current = words;
  });

  function choose(line: number, isRange: boolean): void {
    leave();
    const to = isRange && chosen !== null ? chosen.from : line;
    void navigate({
      to: ".",
      search: true,
      hash: hashOf({ from: Math.min(line, to), to: Math.max(line, to) }),
      replace: true,
      resetScroll: false,
      hashScrollIntoView: false,
    });
  }
  const unchoose = (): void =>
    void navigate({ to: ".", search: true, hash: "", replace: true, resetScroll: false, hashScrollIntoView: false });
  const fold = (line: number): void => {
    if (isFollowing) leave();
    setFolded(folded.has(line) ? new Set([...folded].filter((each) => each !== line)) : new Set([...folded, line]));
  };

  useLogKeys({
    search: () => search.current?.select(),
    next: () => step(1),
    previous: () => step(-1),
    top: () => show(0, "top"),
    end: follow,
    wrap: () => setWraps(!wraps),
    times: () => setLocalTimes(!localTimes),
    link: () => choose(here ?? view.current?.topLine() ?? 0, false),
    linkTo: () => choose(here ?? view.current?.topLine() ?? 0, true),
    move: (pages, rows) => view.current?.scrollBy(pages, rows),
  });

  const news = lines - leftAt;
  return (
    <>
      <LogTools
        searchRef={search}
        typed={typed}
        onType={(next) => {
          setTyped(next);
          setHere(null);
        }}
        found={found}
        place={place}
        onStep={step}
        isFollowing={isFollowing}
        onFollow={() => (isFollowing ? leave() : follow())}
        wraps={wraps}
        onWrap={() => setWraps(!wraps)}
        localTimes={localTimes}
        onLocalTimes={() => setLocalTimes(!localTimes)}
        isFolded={folded.size > 0}
        onFoldAll={
          phases.length === 0
            ? null
            : () => {
                leave();
                setFolded(new Set(folded.size > 0 ? [] : phases.map(({ line }) => line)));
              }
        }
        download={{
          href: requestOf("jobLogs", { params: { jobId }, query: { fence } })[1],
          name: `${jobId}-${fence}.log`,
        }}
      />
      {error !== null && <Trouble error={error} onRetry={() => location.reload()} />}
      <div className="relative flex min-h-0 flex-1 flex-col">
        {lines === 0 && book.state === "reading" && !isRunning && (
          <div className="absolute inset-0">
            <Loading rows={12} />
          </div>
        )}
        <LogView
          ref={view}
          label={`Log of ${jobId}`}
          book={book}
          folds={folds}
          isFollowing={isFollowing}
          onLeave={leave}
          wraps={wraps}
          onChoose={choose}
          onFold={fold}
          onWhole={(line) => void wholes.show(line).catch(tellError)}
          propsOf={(line) => {
            const phase = heads.get(line);
            return {
              whole: wholes.texts.get(line),
              phase,
              phaseMs: phaseMs.get(line) ?? null,
              isFolded: phase !== undefined && folded.has(line),
              isChosen: chosen !== null && line >= chosen.from && line <= chosen.to,
              words,
              isHere: line === here,
              localTimes,
            };
          }}
        />
        {isRunning && !isFollowing && (
          <Button look="main" className="absolute! bottom-3 left-1/2 -translate-x-1/2 shadow-lg" onClick={follow}>
            {news > 0 ? `Follow: ${number(news)} new ${news === 1 ? "line" : "lines"}` : "To the end"}
          </Button>
        )}
      </div>
      {chosen !== null && <ChosenLines book={book} chosen={chosen} onClear={unchoose} />}
      <LogStatus book={book} isRunning={isRunning} />
    </>
  );
}

/** Milliseconds that the phases of a finished attempt took, by the line where each first begins. */
function durations(job: JobDetail, fence: number, phases: readonly Phase[]): ReadonlyMap<number, number> {
  const result = job.history.find((attempt) => attempt.fence === fence)?.result;
  const found = (result?.phases ?? []).flatMap(({ name, ms }) => {
    const first = phases.find((phase) => phase.name === name);
    return first === undefined ? [] : [[first.line, ms] as const];
  });
  return new Map(found);
}
