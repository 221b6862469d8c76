import type { DryRun as Decision, SourceView } from "@hive/protocol";
import { type FormEvent, useState } from "react";
import { useAction } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Field, TextArea } from "../../ui/field.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Trouble } from "../../ui/states.tsx";
import { Tag } from "../../ui/tag.tsx";
import { OutsideFields } from "./outside.tsx";

/** What a source would make of a sample: nothing of it is kept. */
export function DryRun({ source: { id: sourceId, type } }: { readonly source: SourceView }) {
  const [body, setBody] = useState("");
  const [lines, setLines] = useState("");
  const headers = headersOf(lines);
  const run = useAction("testSource");
  const go = (event: FormEvent): void => {
    event.preventDefault();
    if (headers !== null) run.mutate({ params: { sourceId }, body: { body, headers } });
  };
  const found = run.data?.occurrences;
  return (
    <Panel title="Dry run">
      <form onSubmit={go} className="space-y-3 p-4">
        <Field
          label="Sample"
          hint={`A body as the sender of ${type} would send it. Nothing of it is kept, and no job is made.`}
        >
          {(tie) => (
            <TextArea
              {...tie}
              required
              rows={8}
              maxLength={1_048_576}
              className="font-mono"
              value={body}
              onChange={(event) => setBody(event.target.value)}
            />
          )}
        </Field>
        <details>
          <summary className="text-sm text-soft">Headers</summary>
          <div className="pt-2">
            <Field
              label="Headers, a line each"
              hint="Where the type reads any, such as x-github-event: issues"
              problem={headers === null ? "must be lines such as x-github-event: issues" : undefined}
            >
              {(tie) => (
                <TextArea
                  {...tie}
                  rows={3}
                  className="font-mono"
                  value={lines}
                  onChange={(event) => setLines(event.target.value)}
                />
              )}
            </Field>
          </div>
        </details>
        <Button look="main" type="submit" busy={run.isPending} disabled={headers === null}>
          What would it be?
        </Button>
      </form>
      {run.error !== null && <Trouble error={run.error} />}
      {found !== undefined && (
        <section aria-label="What it would be" className="border-t border-line">
          <p role="status" className="px-4 pt-3 text-sm text-soft">
            {found.length === 1 ? "It holds 1 occurrence." : `It holds ${found.length} occurrences.`}
          </p>
          <ol className="divide-y divide-line">
            {found.map((one, place) => (
              <Occurrence key={place} one={one} />
            ))}
          </ol>
        </section>
      )}
    </Panel>
  );
}

function Occurrence({
  one: { title, state, severity, fields, filtered, identity, fingerprint, decision },
}: {
  readonly one: Decision;
}) {
  return (
    <li className="space-y-1 px-4 py-3 text-sm">
      <p className="font-medium">
        <bdi className="outside-text">{title}</bdi>
      </p>
      <p className="flex flex-wrap items-center gap-2">
        <Tag tone={filtered === null ? "info" : "plain"}>{state}</Tag>
        <Tag>{severity}</Tag>
        <bdi className="outside-text">{decision}</bdi>
      </p>
      {fingerprint !== null && (
        <p className="text-xs text-soft">
          Group <code>{fingerprint}</code>, known by <bdi className="outside-text">{identity.join(", ")}</bdi>
        </p>
      )}
      <OutsideFields fields={fields} />
    </li>
  );
}

/** Null: a line is no header. */
function headersOf(text: string): Record<string, string> | null {
  const headers: Record<string, string> = {};
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const [, name, value] = /^\s*([A-Za-z0-9-]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    headers[name.toLowerCase()] = value;
  }
  return headers;
}
