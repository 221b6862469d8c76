import type { JobDetail } from "@hive/protocol";
import { Download } from "lucide-react";
import { requestOf } from "../../../api/call.ts";
import { useApi } from "../../../api/use-api.ts";
import { bytes } from "../../../ui/facts.tsx";
import { Panel } from "../../../ui/panel.tsx";
import { Trouble } from "../../../ui/states.tsx";
import { Hash } from "./outcome.tsx";

/** The files the attempts left, to be downloaded. */
export function ArtifactList({ job }: { readonly job: JobDetail }) {
  const { jobId } = job;
  const found = useApi("jobArtifacts", { params: { jobId } }, { enabled: job.attempts > 0 || job.history.length > 0 });
  const artifacts = found.data?.artifacts ?? [];
  if (found.error !== null) return <Trouble error={found.error} onRetry={() => void found.refetch()} />;
  if (artifacts.length === 0) return null;
  return (
    <Panel title="Artifacts">
      <ul className="divide-y divide-line">
        {artifacts
          .toSorted((a, b) => b.fence - a.fence || a.name.localeCompare(b.name))
          .map(({ fence, name, bytes: size, sha256 }) => (
            <li key={`${fence} ${name}`} className="flex flex-wrap items-center gap-x-4 gap-y-0.5 px-4 py-1.5 text-sm">
              <a
                href={requestOf("jobArtifact", { params: { jobId, fence, name } })[1]}
                download={name}
                className="outside-text inline-flex min-h-8 items-center gap-1.5"
              >
                <Download aria-hidden size={14} />
                {name}
              </a>
              <span className="tabular text-soft">{bytes(size)}</span>
              <span className="text-soft">fence {fence}</span>
              <span className="ml-auto">
                <Hash value={sha256} label={`Copy the SHA-256 of ${name}, fence ${fence}`} />
              </span>
            </li>
          ))}
      </ul>
    </Panel>
  );
}
