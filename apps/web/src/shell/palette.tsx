import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useId, useState } from "react";
import { useApi } from "../api/use-api.ts";
import { Modal } from "../ui/dialog.tsx";
import { repoName } from "../ui/facts.tsx";
import { Input } from "../ui/field.tsx";
import { SCREENS } from "./screens.ts";
import { setTheme } from "./theme.ts";

interface Choice {
  readonly id: string;
  readonly label: string;
  readonly about: string;
  readonly run: () => void;
}

const MOST = 12;

/** Everything by its name: screens, actions, the latest jobs, and any job by its id. */
export function Palette({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }) {
  return (
    <Modal open={open} onClose={onClose} title="Go to, or do">
      {open && <Choices onClose={onClose} />}
    </Modal>
  );
}

function Choices({ onClose }: { readonly onClose: () => void }) {
  const navigate = useNavigate();
  const list = useId();
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const jobs = useApi("listJobs", { query: { limit: 200 } }).data?.jobs ?? [];
  const wanted = words.trim();

  const all: readonly Choice[] = [
    ...SCREENS.map(({ path, title, about }) => ({
      id: path,
      label: title,
      about,
      run: () => void navigate({ to: path }),
    })),
    { id: "dark", label: "Dark colours", about: "In this browser", run: () => setTheme("dark") },
    { id: "light", label: "Light colours", about: "In this browser", run: () => setTheme("light") },
    { id: "system", label: "Colours of the system", about: "In this browser", run: () => setTheme("system") },
    ...jobs.map(({ jobId, status, repo }) => ({
      id: `job ${jobId}`,
      label: jobId,
      about: `${status}, ${repoName(repo)}`,
      run: () => void navigate({ to: "/jobs/$jobId", params: { jobId } }),
    })),
  ];
  const found = all.filter(({ label, about }) => fits(`${label} ${about}`, wanted)).slice(0, MOST);
  const isId = /^[A-Za-z0-9][A-Za-z0-9._:-]{2,127}$/.test(wanted) && !found.some(({ label }) => label === wanted);
  const shown = isId
    ? [
        ...found,
        {
          id: "by id",
          label: `Job ${wanted}`,
          about: "Open by its id",
          run: () => void navigate({ to: "/jobs/$jobId", params: { jobId: wanted } }),
        },
      ]
    : found;
  const chosen = Math.min(at, Math.max(0, shown.length - 1));

  function choose(choice: Choice | undefined): void {
    if (choice === undefined) return;
    onClose();
    choice.run();
  }

  function onKeyDown(event: KeyboardEvent): void {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      setAt((chosen + step + shown.length) % Math.max(1, shown.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose(shown[chosen]);
    }
  }

  return (
    <>
      <Input
        autoFocus
        role="combobox"
        aria-expanded
        aria-controls={list}
        aria-activedescendant={shown[chosen] === undefined ? "" : `${list}-${chosen}`}
        aria-label="Screen, action or job"
        placeholder="Screen, action or job id"
        value={words}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          setWords(event.target.value);
          setAt(0);
        }}
      />
      <ul id={list} role="listbox" aria-label="Found" className="mt-2 max-h-[50dvh] overflow-y-auto">
        {shown.map((choice, place) => (
          <li
            key={choice.id}
            id={`${list}-${place}`}
            role="option"
            aria-selected={place === chosen}
            onClick={() => choose(choice)}
            onPointerMove={() => setAt(place)}
            className={`flex cursor-pointer items-baseline justify-between gap-3 rounded px-2.5 py-1.5 text-sm ${place === chosen ? "bg-raised" : ""}`}
          >
            <span className="outside-text">{choice.label}</span>
            <span className="outside-text text-right text-xs text-soft">{choice.about}</span>
          </li>
        ))}
        {shown.length === 0 && <li className="px-2.5 py-2 text-sm text-soft">Nothing is called that.</li>}
      </ul>
    </>
  );
}

/** Every word occurs. */
function fits(text: string, words: string): boolean {
  const low = text.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => low.includes(word));
}
