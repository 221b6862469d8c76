/** The graph of jobs that wait for each other. */

import { createDependencyGraph } from "../dependency-graph.ts";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

export function dependencyHandlers({ queue, clock }: Pick<Parts, "queue" | "clock">): Pick<Handlers, "dependencies"> {
  const graph = createDependencyGraph(queue);
  return {
    async dependencies({ query: { job, limit } }) {
      return job === undefined ? graph.waiting(limit, clock.wall()) : graph.family(job, limit);
    },
  };
}
