/** The layout and the jobs as the drawing wants them. */
import type { Dependencies, Dependency, DependencyJob } from "@hive/protocol";
import { MarkerType, Position } from "@xyflow/react";
import type { GroupNode, JobNode } from "./job-node.tsx";
import type { BentEdge } from "./bent-edge.tsx";
import { type Layout, NODE } from "./layered-layout.ts";
import { laneKey } from "./layers.ts";

/** Said beforehand, so that lines can be drawn to jobs that are not in sight and were never measured. */
const HANDLES = [
  { type: "target", position: Position.Left, x: 0, y: NODE.height / 2, width: 1, height: 1 },
  { type: "source", position: Position.Right, x: NODE.width, y: NODE.height / 2, width: 1, height: 1 },
] as const;

export function nodesOf(
  layout: Layout,
  jobs: readonly DependencyJob[],
  chosen: string | null,
): readonly (JobNode | GroupNode)[] {
  const groups = layout.groups.map(({ parent, x, y, width, height }): GroupNode => {
    const count = jobs.find(({ jobId }) => jobId === parent)?.candidates?.count ?? 0;
    return {
      id: `candidates of ${parent}`,
      type: "group-of-candidates",
      position: { x, y },
      ...{ width, height, measured: { width, height }, zIndex: -1, selectable: false },
      data: { label: `${count} candidates for ${parent}` },
    };
  });
  const nodes = jobs.map(
    (job): JobNode => ({
      id: job.jobId,
      type: "job",
      position: layout.places.get(job.jobId) ?? { x: 0, y: 0 },
      ...NODE,
      measured: NODE,
      handles: [...HANDLES],
      data: { job, isChosen: job.jobId === chosen },
    }),
  );
  return [...groups, ...nodes];
}

export function linesOf(layout: Layout, edges: Dependencies["edges"], chosen: string | null): readonly BentEdge[] {
  return edges.map((edge): BentEdge => {
    const { from, to, kind, waits } = edge;
    const color = colorOf(edge, chosen);
    return {
      id: `${kind} ${from} ${to}`,
      type: "bent",
      data: { bends: layout.bends.get(laneKey(from, to)) ?? [] },
      source: from,
      target: to,
      focusable: false,
      selectable: false,
      style: {
        stroke: color,
        strokeWidth: from === chosen || to === chosen ? 2.5 : 1.5,
        ...(kind === "candidate" ? { strokeDasharray: "2 4" } : waits ? {} : { strokeDasharray: "6 4" }),
      },
      markerEnd: { type: MarkerType.ArrowClosed, color, width: 18, height: 18 },
    };
  });
}

function colorOf({ from, to, waits }: Dependency, chosen: string | null): string {
  if (from === chosen || to === chosen) return "var(--link)";
  return waits ? "var(--strong)" : "var(--good)";
}
