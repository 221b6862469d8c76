import { Field, Input, Select, TextArea } from "../../ui/field.tsx";
import { Panel } from "../../ui/panel.tsx";
import type { Draft } from "./schedule-draft.ts";
import type { DraftProps } from "./schedule-form.tsx";

const TASKS: readonly Draft["task"][] = ["agent", "script", "build", "test", "lint", "analyze", "changes"];

/** The job each slot makes. Its texts may be templates. */
export function JobFields({ draft, change, problemAt }: DraftProps) {
  return (
    <Panel title="The job of a slot">
      <div className="grid grid-cols-1 gap-4 p-4 sm:grid-cols-[minmax(0,1fr)_12rem]">
        <Field label="Repository" problem={problemAt("job.repo")}>
          {(tie) => (
            <Input
              {...tie}
              required
              inputMode="url"
              placeholder="https://github.com/acme/app"
              value={draft.repo}
              onChange={(event) => change({ repo: event.target.value })}
            />
          )}
        </Field>
        <Field label="Task" problem={problemAt("job.task")}>
          {(tie) => (
            <Select
              {...tie}
              className="w-full!"
              value={draft.task}
              onChange={(event) => change({ task: event.target.value as Draft["task"] })}
            >
              {TASKS.map((task) => (
                <option key={task}>{task}</option>
              ))}
            </Select>
          )}
        </Field>
        {draft.task === "script" && (
          <div className="sm:col-span-2">
            <Field label="Script" problem={problemAt("job.script")}>
              {(tie) => (
                <TextArea
                  {...tie}
                  rows={4}
                  className="font-mono"
                  value={draft.script}
                  onChange={(event) => change({ script: event.target.value })}
                />
              )}
            </Field>
          </div>
        )}
        <div className="sm:col-span-2">
          <Field
            label="Instructions"
            hint="{{ scheduled_for }}, {{ slot }} and {{ schedule }} are filled in, such as {{ scheduled_for | date: '%F' }}."
            problem={problemAt("job.instructions")}
          >
            {(tie) => (
              <TextArea
                {...tie}
                rows={4}
                value={draft.instructions}
                onChange={(event) => change({ instructions: event.target.value })}
              />
            )}
          </Field>
        </div>
        <div className="sm:col-span-2">
          <Field
            label="All else of the job, as JSON"
            hint="Such as role, agent, labels, base, priority, timeoutMs, budget."
            problem={problemAt("more")}
          >
            {(tie) => (
              <TextArea
                {...tie}
                rows={3}
                className="font-mono"
                value={draft.more}
                onChange={(event) => change({ more: event.target.value })}
              />
            )}
          </Field>
        </div>
      </div>
    </Panel>
  );
}
