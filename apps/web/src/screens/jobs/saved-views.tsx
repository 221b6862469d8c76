import { Link } from "@tanstack/react-router";
import { Bookmark, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { Field, Input } from "../../ui/field.tsx";
import { useKept } from "../../ui/kept.ts";
import { tell } from "../../ui/toast.tsx";
import { type JobsSearch, readJobsSearch } from "./jobs-search.ts";

interface View {
  readonly name: string;
  readonly search: JobsSearch;
}

const MOST = 30;
const LONGEST = 60;

/** Filters under names of the person's own, in this browser. */
export function SavedViews({ search }: { readonly search: JobsSearch }) {
  const [views, setViews] = useKept("hive.job-views", readViews);
  const [naming, setNaming] = useState(false);
  const isPlain = isSame(search, {});
  const shown = views.find((view) => isSame(view.search, search));

  function save(name: string): void {
    setViews([...views.filter((view) => view.name !== name), { name, search }].slice(-MOST));
    setNaming(false);
  }

  function remove(view: View): void {
    setViews(views.filter(({ name }) => name !== view.name));
    tell(`The view ${view.name} is removed`, { label: "Undo", onClick: () => setViews(views) });
  }

  if (views.length === 0 && isPlain) return null;
  return (
    <div className="mb-3 flex flex-wrap items-center gap-1.5">
      {views.length > 0 && (
        <ul aria-label="Saved views" className="flex flex-wrap items-center gap-1.5">
          {views.map((view) => (
            <li key={view.name} className="flex items-center rounded-md border border-line bg-panel text-sm">
              <Link
                to="/jobs"
                search={view.search}
                activeOptions={{ exact: true, includeSearch: true }}
                className="flex min-h-8 max-w-60 items-center gap-1.5 rounded-l-md px-2.5 text-ink no-underline hover:bg-raised aria-[current=page]:font-medium pointer-coarse:min-h-10"
              >
                <Bookmark aria-hidden size={14} className={view === shown ? "fill-honey" : ""} />
                <span className="outside-text truncate">{view.name}</span>
              </Link>
              <button
                type="button"
                aria-label={`Remove the view ${view.name}`}
                onClick={() => remove(view)}
                className="grid size-8 place-items-center rounded-r-md text-soft hover:bg-raised hover:text-ink pointer-coarse:size-10"
              >
                <X aria-hidden size={14} />
              </button>
            </li>
          ))}
        </ul>
      )}
      {!isPlain && shown === undefined && (
        <Button look="quiet" icon={<Bookmark aria-hidden size={14} />} onClick={() => setNaming(true)}>
          Save this view
        </Button>
      )}
      {naming && <NameView taken={views.map(({ name }) => name)} onSave={save} onClose={() => setNaming(false)} />}
    </div>
  );
}

function NameView({
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
    <Modal open onClose={onClose} title="Save this view" about="Status, repository and order, in this browser.">
      <form onSubmit={submit} className="space-y-3">
        <Field label="Name" hint={taken.includes(words) ? "This replaces the view of that name." : undefined}>
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

function readViews(stored: unknown): readonly View[] {
  if (!Array.isArray(stored)) return [];
  return (stored as readonly unknown[]).flatMap((each) => {
    const { name, search } = (each ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof name !== "string" || typeof search !== "object" || search === null) return [];
    return [{ name: name.slice(0, LONGEST), search: readJobsSearch(search as Readonly<Record<string, unknown>>) }];
  });
}

function isSame(one: JobsSearch, other: JobsSearch): boolean {
  return one.status === other.status && one.repo === other.repo && one.order === other.order;
}
