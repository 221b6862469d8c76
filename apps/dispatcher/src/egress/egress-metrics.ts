/** What Prometheus is told of the way out. */

import type { EgressRefusal } from "@hive/protocol";
import { Counter, Gauge, type Registry } from "prom-client";

export interface EgressMetrics {
  refused(reason: EgressRefusal): void;
  /** What the way out reports: connections open now, bytes since its last report. */
  passed(report: { readonly connections: number; readonly bytesOut: number; readonly bytesIn: number }): void;
}

export function createEgressMetrics(registry: Registry): EgressMetrics {
  const registers = [registry];
  const connections = new Gauge({
    name: "hive_egress_connections",
    help: "Connections of jobs to the outside that are open",
    registers,
  });
  const bytes = new Counter({
    name: "hive_egress_bytes_total",
    help: "Bytes of jobs to and from the outside",
    labelNames: ["direction"],
    registers,
  });
  const refusals = new Counter({
    name: "hive_egress_refusals_total",
    help: "Connections of jobs to the outside that were refused, by reason",
    labelNames: ["reason"],
    registers,
  });
  return {
    refused: (reason) => refusals.inc({ reason }),
    passed(report) {
      connections.set(report.connections);
      bytes.inc({ direction: "out" }, report.bytesOut);
      bytes.inc({ direction: "in" }, report.bytesIn);
    },
  };
}
