/** Families in layers: what comes first to the left, and an order in which lines cross little. */

export interface Place {
  readonly x: number;
  readonly y: number;
}

export const ROW_GAP = 18;
export const COLUMN_GAP = 72;
const LANE_HEIGHT = 8;
/** Lines that get a way of their own; beyond, there are too many to tell them apart anyhow. */
const MOST_LANES = 600;
/** Jobs one below the other; more of one layer go into a further column, so that a wide family is no endless strip. */
const COLUMN_MOST = 20;
const SWEEPS = 6;

/** What is moved as one: a job, or a parent with its candidates. */
export interface Block {
  readonly id: string;
  /** For a parent: its candidates. */
  readonly candidates: readonly string[];
  /** No job but the way of a line past the jobs of a layer: the ids of the blocks that it leads from and to. */
  readonly lane: string | null;
  readonly width: number;
  readonly height: number;
  readonly before: Set<Block>;
  readonly behind: Set<Block>;
  layer: number;
  /** Place in its layer while it is being ordered. */
  rank: number;
}

export interface Placed extends Place {
  readonly block: Block;
  /** Of the column it stands in. */
  readonly columnWidth: number;
}

export interface Arranged {
  readonly blocks: readonly Placed[];
  readonly width: number;
  readonly height: number;
}

/** Puts a family into columns, each block behind all that comes before it. */
export function arrange(family: readonly Block[]): Arranged {
  const layers = order(withLanes(layer(family)));
  const columns = layers.flatMap((blocks) => columnsOf(blocks));
  const heights = columns.map((column) => column.reduce((sum, { height }) => sum + height + ROW_GAP, -ROW_GAP));
  const height = Math.max(...heights);
  const placed: Placed[] = [];
  let x = 0;
  for (const [at, column] of columns.entries()) {
    let y = (height - (heights[at] ?? 0)) / 2;
    const columnWidth = Math.max(...column.map(({ width }) => width));
    for (const block of column) {
      placed.push({ block, x, y, columnWidth });
      y += block.height + ROW_GAP;
    }
    x += columnWidth + COLUMN_GAP;
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

/** A line past some layers gets a place of its own in each of them, so that it leads around their jobs. */
function withLanes(layers: readonly (readonly Block[])[]): readonly (readonly Block[])[] {
  const wide = layers.map((blocks) => [...blocks]);
  let count = 0;
  for (const first of layers.flat()) {
    for (const last of [...first.behind]) {
      const past = last.layer - first.layer - 1;
      if (past < 1 || count + past > MOST_LANES) continue;
      count += past;
      first.behind.delete(last);
      last.before.delete(first);
      let before = first;
      for (let at = first.layer + 1; at < last.layer; at += 1) {
        const lane = laneBetween(first, last, at);
        join(before, lane);
        wide[at]?.push(lane);
        before = lane;
      }
      join(before, last);
    }
  }
  return wide;
}

function laneBetween(first: Block, last: Block, layer: number): Block {
  const lane = laneKey(first.id, last.id);
  const none = { candidates: [], before: new Set<Block>(), behind: new Set<Block>() };
  return { ...none, id: `${layer} ${lane}`, lane, width: 0, height: LANE_HEIGHT, layer, rank: 1 };
}

/** The name of a line between blocks. */
export function laneKey(from: string, to: string): string {
  return `${from} ${to}`;
}

/** The second waits for the first. */
export function join(first: Block, second: Block): void {
  first.behind.add(second);
  second.before.add(first);
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
