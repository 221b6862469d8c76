/** The drawing. It comes when it is first gone to: what it is made with is larger than the rest of the screen. */
import type { Dependencies } from "@hive/protocol";
import { MiniMap, ReactFlow, ReactFlowProvider, useReactFlow } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { Focus, Maximize, ZoomIn, ZoomOut } from "lucide-react";
import { useEffect, useEffectEvent, useMemo, useState } from "react";
import { useKeys } from "../../shell/keys.ts";
import { Button } from "../../ui/button.tsx";
import { BentEdgeView } from "./bent-edge.tsx";
import { linesOf, nodesOf } from "./flow-elements.ts";
import { colorOf, GroupNodeView, type JobNode, JobNodeView } from "./job-node.tsx";
import { type Layout, NODE } from "./layered-layout.ts";

const NODE_TYPES = { job: JobNodeView, "group-of-candidates": GroupNodeView };
const EDGE_TYPES = { bent: BentEdgeView };
const MOVE_MS = 350;
/** Fewer jobs can be seen at a glance without a map. */
const MAP_FROM = 25;

export interface GraphProps {
  readonly jobs: Dependencies["jobs"];
  readonly edges: Dependencies["edges"];
  readonly layout: Layout;
  readonly chosen: string | null;
  /** Moves the picture to the chosen job whenever it rises. */
  readonly looks: number;
  readonly onChoose: (jobId: string) => void;
  readonly onOpen: (jobId: string) => void;
}

export function Graph(props: GraphProps) {
  return (
    <ReactFlowProvider>
      <Drawing {...props} />
    </ReactFlowProvider>
  );
}

function Drawing({ jobs, edges, layout, chosen, looks, onChoose, onOpen }: GraphProps) {
  const flow = useReactFlow();
  const [follows, setFollows] = useState(false);
  const nodes = useMemo(() => [...nodesOf(layout, jobs, chosen)], [layout, jobs, chosen]);
  const lines = useMemo(() => [...linesOf(layout, edges, chosen)], [layout, edges, chosen]);
  const running = jobs.filter(({ status }) => status === "running").map(({ jobId }) => jobId);
  const duration = globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : MOVE_MS;

  const fit = (): void => void flow.fitView({ duration, padding: 0.08, maxZoom: 1.1 });
  const goTo = (ids: readonly string[]): void => {
    if (ids.length > 0) void flow.fitView({ nodes: ids.map((id) => ({ id })), duration, padding: 0.6, maxZoom: 1 });
  };

  const lookAtChosen = useEffectEvent(() => {
    const place = chosen === null ? undefined : layout.places.get(chosen);
    if (place === undefined) return;
    const zoom = Math.max(flow.getZoom(), 0.7);
    void flow.setCenter(place.x + NODE.width / 2, place.y + NODE.height / 2, { duration, zoom });
  });
  useEffect(() => {
    if (looks > 0) lookAtChosen();
  }, [looks]);

  const atWork = running.join(" ");
  const followThem = useEffectEvent(() => goTo(running));
  useEffect(() => {
    if (follows && atWork !== "") followThem();
  }, [follows, atWork]);

  useKeys([
    { keys: "f", about: "The whole graph", run: fit },
    { keys: "+", about: "Larger", run: () => void flow.zoomIn({ duration }) },
    { keys: "-", about: "Smaller", run: () => void flow.zoomOut({ duration }) },
    { keys: "l", about: "Follow what runs, or stop it", run: () => setFollows((now) => !now) },
  ]);

  return (
    <div className="flex h-[45dvh] min-h-72 flex-col lg:h-[calc(100dvh-9rem)]">
      <div className="flex flex-wrap items-center gap-1 border-b border-line px-2 py-1.5">
        <Button look="quiet" icon={<Maximize aria-hidden size={15} />} onClick={fit}>
          Fit
        </Button>
        <Button
          look="quiet"
          aria-label="Larger"
          icon={<ZoomIn aria-hidden size={15} />}
          onClick={() => void flow.zoomIn({ duration })}
        />
        <Button
          look="quiet"
          aria-label="Smaller"
          icon={<ZoomOut aria-hidden size={15} />}
          onClick={() => void flow.zoomOut({ duration })}
        />
        <Button
          look={follows ? "main" : "quiet"}
          aria-pressed={follows}
          icon={<Focus aria-hidden size={15} />}
          onClick={() => setFollows(!follows)}
        >
          Follow what runs
        </Button>
        <p className="ml-auto px-2 text-xs text-soft max-xl:hidden">solid: waits; dashed: done; dotted: candidate</p>
      </div>
      <div className="min-h-0 flex-1">
        <ReactFlow
          aria-label="Graph of the jobs; the list has the same in words"
          nodes={nodes}
          edges={lines}
          nodeTypes={NODE_TYPES}
          edgeTypes={EDGE_TYPES}
          fitView
          fitViewOptions={{ padding: 0.08, maxZoom: 1.1 }}
          minZoom={0.03}
          maxZoom={2}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          onlyRenderVisibleElements
          disableKeyboardA11y
          deleteKeyCode={null}
          selectionKeyCode={null}
          multiSelectionKeyCode={null}
          panActivationKeyCode={null}
          zoomOnDoubleClick={false}
          // Who moves the picture by hand does not want it taken away.
          onMoveStart={(event) => {
            if (event !== null) setFollows(false);
          }}
          onNodeClick={(_, node) => {
            if (node.type === "job") onChoose(node.id);
          }}
          onNodeDoubleClick={(_, node) => {
            if (node.type === "job") onOpen(node.id);
          }}
          className="[&_.react-flow\_\_attribution]:bg-panel! [&_.react-flow\_\_attribution_a]:text-soft! [&_.react-flow\_\_node]:cursor-pointer"
        >
          {jobs.length >= MAP_FROM && (
            <MiniMap
              pannable
              ariaLabel="Map of the graph"
              className="max-md:hidden"
              bgColor="var(--panel)"
              maskColor="color-mix(in srgb, var(--strong) 25%, transparent)"
              nodeColor={(node) => (node.type === "job" ? colorOf((node as JobNode).data.job.status) : "transparent")}
            />
          )}
        </ReactFlow>
      </div>
    </div>
  );
}
