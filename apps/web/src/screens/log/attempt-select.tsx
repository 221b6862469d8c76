import type { JobDetail } from "@hive/protocol";
import { Select } from "../../ui/field.tsx";

export interface AttemptSelectProps {
  readonly job: JobDetail;
  readonly fence: number;
  readonly onChoose: (fence: number) => void;
}

/** Which attempt's log is shown; with one attempt there is nothing to choose. */
export function AttemptSelect({ job, fence, onChoose }: AttemptSelectProps) {
  const ended = new Map(job.history.map((attempt) => [attempt.fence, attempt]));
  const fences = [...new Set([...ended.keys(), job.fence, fence])]
    .filter((each) => each > 0)
    .sort((one, two) => two - one);
  if (fences.length < 2) return null;
  return (
    <Select aria-label="Attempt" value={fence} onChange={(event) => onChoose(Number(event.target.value))}>
      {fences.map((each) => {
        const how = ended.get(each)?.end ?? (each === job.fence && job.status === "running" ? "running" : "not known");
        return <option key={each} value={each}>{`Attempt ${each}: ${how.replaceAll("_", " ")}`}</option>;
      })}
    </Select>
  );
}
