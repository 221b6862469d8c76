import type { JobDetail } from "@hive/protocol";
import { bytes } from "../../../ui/facts.tsx";
import { LongText } from "../../../ui/long-text.tsx";
import { Panel } from "../../../ui/panel.tsx";

/** What the job was asked to do: words for an agent, a script, or files to change. */
export function Asked({ job }: { readonly job: JobDetail }) {
  const { instructions, script, changes, inputs } = job;
  const nothing = instructions === null && script === null && changes === null && inputs.length === 0;
  if (nothing) return null;
  return (
    <Panel title={instructions !== null ? "Instructions" : script !== null ? "Script" : "Given to it"}>
      <div className="space-y-3 p-4">
        {instructions !== null && <LongText name="Instructions" text={instructions} />}
        {script !== null && <LongText name="Script" text={script} mono />}
        {changes !== null && (
          <ul aria-label="Files to change" className="space-y-0.5 font-mono text-[13px]">
            {changes.slice(0, 200).map(({ path, delete: isDeleted, bytes: size }) => (
              <li key={path} className="outside-text">
                {path} <span className="font-sans text-soft">{isDeleted ? "deleted" : bytes(size)}</span>
              </li>
            ))}
            {changes.length > 200 && <li className="text-soft">and {changes.length - 200} more</li>}
          </ul>
        )}
        {inputs.length > 0 && (
          <ul aria-label="Files given to it" className="space-y-0.5 text-sm">
            {inputs.map(({ name, bytes: size }) => (
              <li key={name} className="outside-text">
                <code>{name}</code> <span className="text-soft">{bytes(size)}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Panel>
  );
}
