import { useEffect, useState } from "react";
import { Panel } from "../../ui/panel.tsx";
import type { Draft, Problems } from "./draft.ts";
import { FIELDS, type Group, GROUPS, type Path, PATHS } from "./fields.ts";
import { JobField } from "./job-field.tsx";

export interface FieldGroupsProps {
  readonly draft: Draft;
  readonly problems: Problems;
  /** Values that were used before, by field. */
  readonly known: Readonly<Partial<Record<Path, readonly string[]>>>;
  readonly onChange: (path: Path, value: string) => void;
}

/** The fields that the chosen task has: those of the work itself, and the rest folded by what they are about. */
export function FieldGroups(props: FieldGroupsProps) {
  const [first, ...others] = GROUPS;
  return (
    <>
      <Panel>
        <div className="p-4">
          <Fields {...props} group={first} />
        </div>
      </Panel>
      <Panel>
        {others.map((group) => (
          <Folded key={group} {...props} group={group} />
        ))}
      </Panel>
    </>
  );
}

interface GroupProps extends FieldGroupsProps {
  readonly group: Group;
}

function Folded(props: GroupProps) {
  const { draft, problems, group } = props;
  const paths = pathsOf(group, draft.task);
  const said = paths.filter((path) => (draft[path] ?? "") !== "").length;
  const isWrong = paths.some((path) => problems[path] !== undefined);
  const [isOpen, setOpen] = useState(said > 0);
  // What was filled in, or is wrong, must be seen.
  useEffect(() => {
    if (said > 0 || isWrong) setOpen(true);
  }, [said, isWrong]);
  if (paths.length === 0) return null;
  return (
    <details
      open={isOpen || isWrong}
      onToggle={(event) => setOpen(event.currentTarget.open)}
      className="border-line not-last:border-b"
    >
      <summary className="px-4 py-2.5 text-sm font-medium hover:bg-raised pointer-coarse:py-3.5">
        {group}
        {said > 0 && <span className="ml-2 text-xs font-normal text-soft">{said} said</span>}
      </summary>
      <div className="px-4 pt-1 pb-4">
        <Fields {...props} />
      </div>
    </details>
  );
}

function Fields({ draft, problems, known, onChange, group }: GroupProps) {
  return (
    <div className="grid gap-x-4 gap-y-3 sm:grid-cols-2">
      {pathsOf(group, draft.task).map((path) => (
        <JobField
          key={path}
          path={path}
          value={draft[path] ?? ""}
          problem={problems[path]}
          known={known[path] ?? []}
          onChange={onChange}
        />
      ))}
    </div>
  );
}

function pathsOf(group: Group, task: string | undefined): readonly Path[] {
  return PATHS.filter(
    (path) =>
      FIELDS[path].group === group &&
      (FIELDS[path].tasks === undefined || FIELDS[path].tasks.some((each) => each === task)),
  );
}
