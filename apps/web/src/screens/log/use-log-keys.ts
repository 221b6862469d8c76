import { useKeys } from "../../shell/keys.ts";

export interface LogKeys {
  readonly search: () => void;
  readonly next: () => void;
  readonly previous: () => void;
  readonly top: () => void;
  readonly end: () => void;
  readonly wrap: () => void;
  readonly times: () => void;
  readonly link: () => void;
  readonly linkTo: () => void;
  readonly move: (pages: number, rows: number) => void;
}

/** The keys of the log, those of the programs that people read logs with. */
export function useLogKeys(on: LogKeys): void {
  useKeys([
    { keys: "/", about: "Search in the log", run: on.search },
    { keys: "n", about: "Next found line", run: on.next },
    { keys: "N", about: "Previous found line", run: on.previous },
    { keys: "g", about: "First line", run: on.top },
    { keys: "Home", about: "First line", run: on.top },
    { keys: "G", about: "Last line, and follow", run: on.end },
    { keys: "End", about: "Last line, and follow", run: on.end },
    { keys: "f", about: "Follow", run: on.end },
    { keys: "w", about: "Wrap long lines, or not", run: on.wrap },
    { keys: "t", about: "Times in your zone, or as written", run: on.times },
    { keys: "l", about: "Link to this line", run: on.link },
    { keys: "L", about: "Link from there to this line", run: on.linkTo },
    { keys: "PageDown", about: "A page down", run: () => on.move(1, 0) },
    { keys: "PageUp", about: "A page up", run: () => on.move(-1, 0) },
    { keys: "ArrowDown", about: "A line down", run: () => on.move(0, 1) },
    { keys: "ArrowUp", about: "A line up", run: () => on.move(0, -1) },
  ]);
}
