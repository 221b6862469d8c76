/**
 * Where jobs stand in the picture: those that come first to the left, each in the first column behind all that it waits
 * for. Jobs that hang together are laid out as one and then put beside each other like words on a page. A parent and its
 * candidates are one block. Everything is linear or nearly so: hundreds of jobs take some milliseconds.
 */
import type { Dependencies } from "@hive/protocol";

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** A parent with its candidates. */
export interface Group extends Place {
  readonly parent: string;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly places: ReadonlyMap<string, Place>;
  readonly groups: readonly Group[];
  /** Each list hangs together; in reading order. */
  readonly families: readonly (readonly string[])[];
}

export const NODE = { width: 224, height: 62 } as const;
const ROW_GAP = 18;
const COLUMN_GAP = 72;
const FAMILY_GAP = 64;
const GROUP = { side: 14, top: 30, bottom: 14 } as const;
/** Jobs one below the other; more of one layer go into a further column, so that a wide family is no endless strip. */
const COLUMN_MOST = 20;
/** The width that families are put side by side in, at the least. */
const PAGE_WIDTH = 1_600;
const SWEEPS = 6;

/** What is moved as one: a job, or a parent with its candidates. */
interface Block {
  readonly id: string;
  readonly candidates: readonly string[];
  readonly width: number;
  readonly height: number;
  readonly before: Set<Block>;
  readonly behind: Set<Block>;
  layer: number;
  /** Place in its layer while it is being ordered. */
  rank: number;
}

type Asked = Pick<Dependencies, "edges"> & { readonly jobs: readonly { readonly jobId: string }[] };

export function layOut({ jobs, edges }: Asked): Layout {
  const blocks = blocksOf(jobs, edges);
  const places = new Map<string, Place>();
  const groups: Group[] = [];
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
    for (const { block, x, y } of placed) put(block, { x: left + x, y: top + y });
    left += width + FAMILY_GAP;
    rowHeight = Math.max(rowHeight, height);
  }
  const idsOf = ({ blocks }: Arranged): string[] => blocks.flatMap(({ block }) => [...block.candidates, block.id]);
  return { places, groups, families: families.map(idsOf) };

  function put(block: Block, at: Place): void {
    const { candidates, width, height } = block;
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

function blocksOf(jobs: Asked["jobs"], edges: Asked["edges"]): readonly Block[] {
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
    blocks.set(jobId, {
      ...size,
      id: jobId,
      candidates: mine,
      before: new Set(),
      behind: new Set(),
      layer: 0,
      rank: 0,
    });
  }
  for (const { from, to } of inside) {
    const first = blocks.get(parents.get(from) ?? from);
    const second = blocks.get(parents.get(to) ?? to);
    if (first === undefined || second === undefined || first === second) continue;
    first.behind.add(second);
    second.before.add(first);
  }
  return [...blocks.values()];
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

interface Arranged {
  readonly blocks: readonly (Place & { readonly block: Block })[];
  readonly width: number;
  readonly height: number;
}

function arrange(family: readonly Block[]): Arranged {
  const layers = order(layer(family));
  const columns = layers.flatMap((blocks) => columnsOf(blocks));
  const heights = columns.map((column) => column.reduce((sum, { height }) => sum + height + ROW_GAP, -ROW_GAP));
  const height = Math.max(...heights);
  const placed: (Place & { readonly block: Block })[] = [];
  let x = 0;
  for (const [at, column] of columns.entries()) {
    let y = (height - (heights[at] ?? 0)) / 2;
    for (const block of column) {
      placed.push({ block, x, y });
      y += block.height + ROW_GAP;
    }
    x += Math.max(...column.map(({ width }) => width)) + COLUMN_GAP;
  }
  return { blocks: placed, width: x - COLUMN_GAP, height };
}

/** Each behind the last of those before it. What goes in a circle, which the queue accepts from nobody, ends up in front. */
function layer(family: readonly Block[]): readonly (readonly Block[])[] {
  const open = new Map(family.map((block) => [block, block.before.size]));
  const ready = family.filter(({ before }) => before.size === 0);
  for (let at = 0; at < ready.length; at += 1) {
    const block = ready[at];
    for (const next of block?.behind ?? []) {
      next.layer = Math.max(next.layer, (block?.layer ?? 0) + 1);
      const left = (open.get(next) ?? 1) - 1;
      open.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  const layers = Map.groupBy(family, (block) => block.layer);
  return [...layers.keys()].sort((a, b) => a - b).map((key) => layers.get(key) ?? []);
}

/** Puts each near the middle of its neighbours, there and back some times: lines cross less. */
function order(layers: readonly (readonly Block[])[]): readonly (readonly Block[])[] {
  let now = layers;
  const rank = (blocks: readonly Block[]): void => {
    for (const [place, block] of blocks.entries()) block.rank = place / Math.max(1, blocks.length - 1);
  };
  for (const blocks of now) rank(blocks);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    const middle = (block: Block): number => {
      const beside = [...(down ? block.before : block.behind)];
      return beside.length === 0 ? block.rank : beside.reduce((sum, each) => sum + each.rank, 0) / beside.length;
    };
    const next = [...now];
    for (let step = 0; step < next.length; step += 1) {
      const at = down ? step : next.length - 1 - step;
      const sorted = (next[at] ?? []).toSorted((a, b) => middle(a) - middle(b));
      rank(sorted);
      next[at] = sorted;
    }
    now = next;
  }
  return now;
}

function columnsOf(blocks: readonly Block[]): readonly (readonly Block[])[] {
  const count = Math.ceil(blocks.length / COLUMN_MOST);
  const most = Math.ceil(blocks.length / count);
  return Array.from({ length: count }, (_, column) => blocks.slice(column * most, (column + 1) * most));
}
