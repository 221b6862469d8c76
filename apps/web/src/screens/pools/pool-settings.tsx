import type { Pool } from "@hive/protocol";
import { Command } from "../../ui/command.tsx";

/** How a pool is changed: in hive.yaml, of which its own lines are shown as the server has them now. */
export function PoolSettings({ pool }: { readonly pool: Pool }) {
  return (
    <details className="border-t border-line">
      <summary className="px-4 py-2 text-sm font-medium">Change it in hive.yaml</summary>
      <div className="space-y-2 px-4 pb-3 text-sm">
        <p className="text-soft">
          A pool is what hive.yaml says. Raise <code>max</code> for more workers, <code>warm</code> for a faster start;{" "}
          <code>paused: true</code> lets it take no jobs, and <code>hours</code> only at some times. Then start the
          server again: jobs wait meanwhile, and workers in containers go on with theirs.
        </p>
        <Command text={yamlOf(pool)} />
      </div>
    </details>
  );
}

/** The entry of `pools:` that gives this pool. What is at its default is left out where the server's view tells so. */
export function yamlOf(pool: Pool): string {
  const { name, provider, roles, labels, min, max, warm, cpus, memoryBytes, diskBytes, pids, hours } = pool;
  const { timeoutMs, paused, egress, image } = pool;
  const lines: (readonly [string, string | null])[] = [
    ["name", name],
    ["provider", provider],
    ["image", provider === "docker" && image !== null ? text(image) : null],
    ["roles", listOf(roles)],
    ["labels", listOf(labels)],
    ["min", String(min)],
    ["max", String(max)],
    ["warm", String(warm)],
    ["cpus", cpus === null ? null : String(cpus)],
    ["memory", sizeOf(memoryBytes)],
    ["disk", sizeOf(diskBytes)],
    ["pids", pids === null ? null : String(pids)],
    ["timeout", timeoutMs === null ? null : `${Math.round(timeoutMs / 1_000)}s`],
    ["hours", listOf(hours)],
    ["egress", egress === null ? null : (listOf(egress) ?? "[]")],
    ["paused", String(paused)],
  ];
  const given = lines.flatMap(([key, value]) => (value === null ? [] : [`${key}: ${value}`]));
  return ["pools:", ...given.map((line, place) => `${place === 0 ? "  - " : "    "}${line}`)].join("\n");
}

function listOf(values: readonly string[]): string | null {
  return values.length === 0 ? null : `[${values.map(text).join(", ")}]`;
}

/** As it is where YAML takes it so, else in quotes. */
function text(value: string): string {
  return /^[A-Za-z][\w./-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
    ? value
    : JSON.stringify(value);
}

/** As hive.yaml writes a size: whole units only, so that nothing is rounded. */
function sizeOf(bytes: number | null): string | null {
  if (bytes === null) return null;
  for (const [unit, size] of [
    ["g", 2 ** 30],
    ["m", 2 ** 20],
    ["k", 2 ** 10],
  ] as const) {
    if (bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}
