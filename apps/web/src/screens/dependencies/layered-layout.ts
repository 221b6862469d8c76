/**
 * Where jobs stand in the picture: those that come first to the left, each in the first column behind all that it waits
 * for. Jobs that hang together are laid out as one and then put beside each other like words on a page. A parent and its
 * candidates are one block. Everything is linear or nearly so: hundreds of jobs take some milliseconds.
 */
import type { Dependencies } from "@hive/protocol";
import { arrange, type Arranged, type Block, COLUMN_GAP, join, laneKey, type Place, ROW_GAP } from "./layers.ts";

/** A parent with its candidates. */
export interface Group extends Place {
  readonly parent: string;
  readonly width: number;
  readonly height: number;
}

export interface Bend extends Place {
  readonly width: number;
}

export interface Layout {
  readonly places: ReadonlyMap<string, Place>;
  readonly groups: readonly Group[];
  /** Where a line leads past columns between its ends, by `laneKey` of its jobs: level from `x` on for `width`. */
  readonly bends: ReadonlyMap<string, readonly Bend[]>;
  /** Each list hangs together; in reading order. */
  readonly families: readonly (readonly string[])[];
}

export const NODE = { width: 224, height: 62 } as const;
const FAMILY_GAP = 64;
const GROUP = { side: 14, top: 30, bottom: 14 } as const;
/** The width that families are put side by side in, at the least. */
const PAGE_WIDTH = 1_600;

type Asked = Pick<Dependencies, "edges"> & { readonly jobs: readonly { readonly jobId: string }[] };

export function layOut({ jobs, edges }: Asked): Layout {
  const { blocks, blockOf } = blocksOf(jobs, edges);
  const places = new Map<string, Place>();
  const groups: Group[] = [];
  const lanes = new Map<string, Bend[]>();
  const families = familiesOf(blocks).map((family) => arrange(family));
  const area = families.reduce((sum, { width, height }) => sum + (width + FAMILY_GAP) * (height + FAMILY_GAP), 0);
  const pageWidth = Math.max(PAGE_WIDTH, Math.sqrt(area * 1.6), ...families.map(({ width }) => width));
  let left = 0;
  let top = 0;
  let rowHeight = 0;
  for (const { blocks: placed, width, height } of families) {
    if (left > 0 && left + width > pageWidth) {
      left = 0;
      top += rowHeight + FAMILY_GAP;
      rowHeight = 0;
    }
    for (const { block, x, y, columnWidth } of placed) put(block, { x: left + x, y: top + y }, columnWidth);
    left += width + FAMILY_GAP;
    rowHeight = Math.max(rowHeight, height);
  }
  const bends = new Map<string, readonly Bend[]>();
  for (const { from, to } of edges) {
    const way = lanes.get(laneKey(blockOf(from)?.id ?? "", blockOf(to)?.id ?? ""));
    if (way !== undefined) bends.set(laneKey(from, to), way);
  }
  return { places, groups, bends, families: families.map(idsOf) };

  function put(block: Block, at: Place, columnWidth: number): void {
    const { candidates, lane, width, height } = block;
    if (lane !== null) {
      const bend = { x: at.x, y: at.y + height / 2, width: columnWidth };
      lanes.set(lane, [...(lanes.get(lane) ?? []), bend]);
      return;
    }
    if (candidates.length === 0) {
      places.set(block.id, at);
      return;
    }
    groups.push({ parent: block.id, ...at, width, height });
    for (const [row, id] of candidates.entries()) {
      places.set(id, { x: at.x + GROUP.side, y: at.y + GROUP.top + row * (NODE.height + ROW_GAP) });
    }
    const middle = at.y + GROUP.top + (height - GROUP.top - GROUP.bottom - NODE.height) / 2;
    places.set(block.id, { x: at.x + GROUP.side + NODE.width + COLUMN_GAP, y: middle });
  }
}

function idsOf({ blocks }: Arranged): readonly string[] {
  return blocks.flatMap(({ block: { id, candidates, lane } }) => (lane === null ? [...candidates, id] : []));
}

interface Blocks {
  readonly blocks: readonly Block[];
  /** The block that a job is part of. */
  readonly blockOf: (jobId: string) => Block | undefined;
}

function blocksOf(jobs: Asked["jobs"], edges: Asked["edges"]): Blocks {
  const known = new Set(jobs.map(({ jobId }) => jobId));
  const inside = edges.filter(({ from, to }) => known.has(from) && known.has(to) && from !== to);
  const candidates = Map.groupBy(
    inside.filter(({ kind }) => kind === "candidate"),
    ({ to }) => to,
  );
  const parents = new Map([...candidates].flatMap(([to, all]) => all.map(({ from }) => [from, to] as const)));
  const blocks = new Map<string, Block>();
  for (const { jobId } of jobs) {
    if (parents.has(jobId)) continue;
    const mine = (candidates.get(jobId) ?? []).map(({ from }) => from);
    const rows = mine.length * (NODE.height + ROW_GAP) - ROW_GAP;
    const size =
      mine.length === 0
        ? NODE
        : { width: 2 * (NODE.width + GROUP.side) + COLUMN_GAP, height: rows + GROUP.top + GROUP.bottom };
    const alone = { before: new Set<Block>(), behind: new Set<Block>(), layer: 0, rank: 0, lane: null };
    blocks.set(jobId, { ...alone, ...size, id: jobId, candidates: mine });
  }
  const blockOf = (jobId: string): Block | undefined => blocks.get(parents.get(jobId) ?? jobId);
  for (const { from, to } of inside) {
    const first = blockOf(from);
    const second = blockOf(to);
    if (first !== undefined && second !== undefined && first !== second) join(first, second);
  }
  return { blocks: [...blocks.values()], blockOf };
}

/** Blocks that hang together, each family in the order its first one came in. */
function familiesOf(blocks: readonly Block[]): readonly (readonly Block[])[] {
  const seen = new Set<Block>();
  const families: Block[][] = [];
  for (const first of blocks) {
    if (seen.has(first)) continue;
    const family = [first];
    seen.add(first);
    for (let at = 0; at < family.length; at += 1) {
      const here = family[at];
      for (const next of [...(here?.before ?? []), ...(here?.behind ?? [])]) {
        if (seen.has(next)) continue;
        seen.add(next);
        family.push(next);
      }
    }
    families.push(family);
  }
  return families;
}
