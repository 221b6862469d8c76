import { Save, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { Field, Input } from "../../ui/field.tsx";
import { useKept } from "../../ui/kept.ts";
import { tell } from "../../ui/toast.tsx";
import type { Draft } from "./draft.ts";
import { PATHS } from "./fields.ts";

interface Template {
  readonly name: string;
  readonly draft: Draft;
}

/** Starting points for who does not know the fields yet. */
const OURS: readonly Template[] = [
  { name: "An agent writes code", draft: { task: "agent", instructions: "Add …\n\nDone when: " } },
  {
    name: "Best of three",
    draft: { task: "agent", instructions: "Add …\n\nDone when: ", candidates: "3", choose: "person" },
  },
  { name: "Find the cause", draft: { task: "analyze", instructions: "Since … the … fails with:\n\n" } },
  { name: "Run the tests", draft: { task: "test" } },
  { name: "Run a script", draft: { task: "script", script: "npm ci\nnpm test" } },
  {
    name: "Write a file",
    draft: { task: "changes", changes: '[\n  { "path": "docs/hello.md", "content": "# Hello\\n" }\n]' },
  },
];
const MOST = 30;
const LONGEST = 60;
/** A token is a secret, and an id is used once. */
const NOT_KEPT: ReadonlySet<string> = new Set(["githubToken", "jobId"]);

export interface TemplatesProps {
  readonly draft: Draft;
  readonly onUse: (draft: Draft, name: string) => void;
}

/** Forms to begin with: a handful of ours, and those that the person keeps in this browser. */
export function Templates({ draft, onUse }: TemplatesProps) {
  const [own, setOwn] = useKept("hive.job-templates", readTemplates);
  const [naming, setNaming] = useState(false);

  function save(name: string): void {
    setOwn([...own.filter((each) => each.name !== name), { name, draft: keptOf(draft) }].slice(-MOST));
    setNaming(false);
    tell(`The template ${name} is saved`);
  }

  function remove(name: string): void {
    setOwn(own.filter((each) => each.name !== name));
    tell(`The template ${name} is removed`, { label: "Undo", onClick: () => setOwn(own) });
  }

  return (
    <div className="mb-4 flex items-center gap-1.5 max-sm:-mx-4 max-sm:overflow-x-auto max-sm:px-4 max-sm:py-1 sm:flex-wrap">
      <ul aria-label="Templates" className="flex items-center gap-1.5 sm:flex-wrap">
        {OURS.map(({ name, draft: ours }) => (
          <li key={name}>
            <Button onClick={() => onUse(ours, name)}>{name}</Button>
          </li>
        ))}
        {own.map(({ name, draft: kept }) => (
          <li key={name} className="flex items-center">
            <Button className="max-w-60 rounded-r-none!" onClick={() => onUse(kept, name)}>
              <span className="outside-text truncate">{name}</span>
            </Button>
            <Button
              className="rounded-l-none! border-l-0! px-2!"
              aria-label={`Remove the template ${name}`}
              icon={<X aria-hidden size={14} />}
              onClick={() => remove(name)}
            />
          </li>
        ))}
      </ul>
      <Button look="quiet" icon={<Save aria-hidden size={14} />} onClick={() => setNaming(true)}>
        Save as a template
      </Button>
      {naming && <NameTemplate taken={own.map(({ name }) => name)} onSave={save} onClose={() => setNaming(false)} />}
    </div>
  );
}

function NameTemplate({
  taken,
  onSave,
  onClose,
}: {
  readonly taken: readonly string[];
  readonly onSave: (name: string) => void;
  readonly onClose: () => void;
}) {
  const [name, setName] = useState("");
  const words = name.trim();
  function submit(event: FormEvent): void {
    event.preventDefault();
    if (words !== "") onSave(words);
  }
  return (
    <Modal
      open
      onClose={onClose}
      title="Save as a template"
      about="All that stands in the form but the token and the job's id, in this browser."
    >
      <form onSubmit={submit} className="space-y-3">
        <Field label="Name" hint={taken.includes(words) ? "This replaces the template of that name." : undefined}>
          {(tie) => (
            <Input
              {...tie}
              autoFocus
              required
              maxLength={LONGEST}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" look="main">
          Save
        </Button>
      </form>
    </Modal>
  );
}

function keptOf(draft: Draft): Draft {
  return Object.fromEntries(Object.entries(draft).filter(([path, text]) => text !== "" && !NOT_KEPT.has(path)));
}

function readTemplates(stored: unknown): readonly Template[] {
  if (!Array.isArray(stored)) return [];
  return (stored as readonly unknown[]).flatMap((each) => {
    const { name, draft } = (each ?? {}) as { readonly name?: unknown; readonly draft?: unknown };
    if (typeof name !== "string" || typeof draft !== "object" || draft === null) return [];
    const texts = PATHS.flatMap((path) => {
      const text = (draft as Readonly<Record<string, unknown>>)[path];
      return typeof text === "string" ? [[path, text] as const] : [];
    });
    return [{ name: name.slice(0, LONGEST), draft: Object.fromEntries(texts) }];
  });
}
