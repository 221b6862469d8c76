import { Link, useNavigate } from "@tanstack/react-router";
import { ArrowDownWideNarrow, ArrowUpNarrowWide, X } from "lucide-react";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { useKnownRepos } from "../../api/known-repos.ts";
import { useApi } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { number } from "../../ui/facts.tsx";
import { Input } from "../../ui/field.tsx";
import { type JobsSearch, type Status, STATUSES } from "./jobs-search.ts";

/** What is shown of all jobs. It applies as it is chosen, and stands in the address. */
export function JobFilters({ search, children }: { readonly search: JobsSearch; readonly children?: ReactNode }) {
  const navigate = useNavigate();
  const { order, ...rest } = search;
  const set = (next: JobsSearch): void => void navigate({ to: "/jobs", search: next });
  return (
    <div className="mb-3 space-y-2">
      <StatusChips search={search} />
      <div className="flex flex-wrap items-center gap-2">
        <RepoFilter
          key={search.repo ?? ""}
          repo={search.repo ?? ""}
          onRepo={(repo) => {
            const { repo: _, ...others } = search;
            set(repo === "" ? others : { ...others, repo });
          }}
        />
        <Button
          icon={
            order === "oldest" ? (
              <ArrowUpNarrowWide aria-hidden size={15} />
            ) : (
              <ArrowDownWideNarrow aria-hidden size={15} />
            )
          }
          title="Turn the order around"
          onClick={() => set(order === "oldest" ? rest : { ...rest, order: "oldest" })}
        >
          {order === "oldest" ? "Oldest first" : "Newest first"}
        </Button>
        {children}
      </div>
    </div>
  );
}

function StatusChips({ search }: { readonly search: JobsSearch }) {
  const counts: Partial<Record<Status, number>> | undefined = useApi("stats", {}).data?.queue;
  const { status: _, ...others } = search;
  return (
    <nav
      aria-label="Status"
      className="flex max-w-full gap-1 overflow-x-auto py-0.5 max-md:-mx-4 max-md:max-w-none max-md:px-4"
    >
      <Chip name="all" search={others} />
      {STATUSES.map((status) => (
        <Chip key={status} name={status} search={{ ...others, status }} count={counts?.[status]} />
      ))}
    </nav>
  );
}

function Chip({
  name,
  search,
  count,
}: {
  readonly name: string;
  readonly search: JobsSearch;
  readonly count?: number | undefined;
}) {
  return (
    <Link
      to="/jobs"
      search={search}
      activeOptions={{ exact: true, includeSearch: true }}
      className="inline-flex min-h-8 shrink-0 items-center gap-1.5 rounded-full border border-line bg-panel px-3 text-sm text-ink no-underline hover:bg-raised aria-[current=page]:border-honey aria-[current=page]:bg-honey aria-[current=page]:font-medium aria-[current=page]:text-honey-ink pointer-coarse:min-h-10"
    >
      {name}
      {count !== undefined && count > 0 && <span className="tabular text-xs">{number(count)}</span>}
    </Link>
  );
}

function RepoFilter({ repo, onRepo }: { readonly repo: string; readonly onRepo: (repo: string) => void }) {
  const known = useKnownRepos();
  const [text, setText] = useState(repo);
  const list = useId();

  function submit(event: FormEvent): void {
    event.preventDefault();
    onRepo(text.trim());
  }

  return (
    <form role="search" onSubmit={submit} className="relative w-full min-w-0 sm:w-88">
      <Input
        aria-label="Repository"
        placeholder="Repository"
        name="repo"
        list={list}
        maxLength={2_048}
        value={text}
        className="pr-9"
        onChange={(event) => {
          const next = event.target.value;
          setText(next);
          // Chosen from the list, not typed to the end.
          if (known.includes(next)) onRepo(next);
        }}
      />
      {text !== "" && (
        <button
          type="button"
          aria-label="All repositories"
          onClick={() => {
            setText("");
            onRepo("");
          }}
          className="absolute inset-y-0 right-0 grid w-9 place-items-center text-soft hover:text-ink"
        >
          <X aria-hidden size={15} />
        </button>
      )}
      <datalist id={list}>
        {known.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </form>
  );
}
