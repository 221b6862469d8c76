import { BaseEdge, type Edge, type EdgeProps } from "@xyflow/react";
import type { Bend } from "./layered-layout.ts";

export type BentEdge = Edge<{ readonly bends: readonly Bend[] }, "bent">;

/** A line that leads level past the columns between its ends, and in a curve from one to the next. */
export function BentEdgeView({ id, sourceX, sourceY, targetX, targetY, data, style, markerEnd }: EdgeProps<BentEdge>) {
  let path = `M ${sourceX},${sourceY}`;
  let x = sourceX;
  let y = sourceY;
  const curveTo = (toX: number, toY: number): void => {
    const middle = (x + toX) / 2;
    path += ` C ${middle},${y} ${middle},${toY} ${toX},${toY}`;
    x = toX;
    y = toY;
  };
  for (const bend of data?.bends ?? []) {
    curveTo(bend.x, bend.y);
    x += bend.width;
    path += ` L ${x},${y}`;
  }
  curveTo(targetX, targetY);
  return (
    <BaseEdge
      id={id}
      path={path}
      {...(style === undefined ? {} : { style })}
      {...(markerEnd === undefined ? {} : { markerEnd })}
    />
  );
}
