/** Where the cells of a comb are: rows that stand on the gaps of the row above. */

export interface Place {
  readonly left: number;
  readonly top: number;
}

export interface CellSize {
  readonly width: number;
  readonly height: number;
  readonly gap: number;
}

/** All in pixels; at least one cell stands in a row, however narrow it is. */
export function placesOf(
  count: number,
  width: number,
  { width: cell, height, gap }: CellSize,
): { readonly places: readonly Place[]; readonly height: number } {
  const pitch = cell + gap;
  // The lower rows begin half a cell further right; where everything fits into one row, that room is not needed.
  const inOneRow = count * pitch - gap <= width;
  const perRow = inOneRow ? count : Math.max(1, Math.floor((width - cell / 2 + gap) / pitch));
  const rowPitch = height * 0.75 + gap;
  const places = Array.from({ length: count }, (_, at): Place => {
    const row = Math.floor(at / perRow);
    return { left: (at % perRow) * pitch + (row % 2) * (pitch / 2), top: row * rowPitch };
  });
  const rows = Math.max(1, Math.ceil(count / Math.max(1, perRow)));
  return { places, height: (rows - 1) * rowPitch + height };
}
