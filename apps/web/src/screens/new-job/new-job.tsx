import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ClipboardPaste, Eraser, Send } from "lucide-react";
import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { ApiError } from "../../api/call.ts";
import { useKnownRepos } from "../../api/known-repos.ts";
import { useApi } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { tell } from "../../ui/toast.tsx";
import { type Draft, jobOf, type Problems } from "./draft.ts";
import { FieldGroups } from "./field-groups.tsx";
import { fieldAt, type Path, PATHS } from "./fields.ts";
import { draftFromJob } from "./from-job.ts";
import { useKnownBranches } from "./known-branches.ts";
import { PasteDialog } from "./paste-dialog.tsx";
import { Preview } from "./preview.tsx";
import { Templates } from "./templates.tsx";
import { useSendJob } from "./use-send-job.ts";

const route = getRouteApi("/new");
const PLAIN: Draft = { task: "agent" };
/** What somebody wrote stays while they look at other screens. */
let unsent: Draft = PLAIN;

/** Puts one job in; `?from=` begins with one that there was. */
export function NewJobScreen() {
  const { from } = route.useSearch();
  const model = useApi("getJob", { params: { jobId: from ?? "" } }, { enabled: from !== undefined });
  if (from === undefined) return <JobForm key="" begin={unsent} />;
  if (model.data !== undefined) {
    const { draft, missing } = draftFromJob(model.data);
    return <JobForm key={from} begin={draft} from={from} missing={missing} />;
  }
  return (
    <>
      <ScreenHead title="New job" />
      <Panel>
        {model.error === null ? (
          <Loading rows={8} />
        ) : (
          <Trouble error={model.error} onRetry={() => void model.refetch()} />
        )}
      </Panel>
    </>
  );
}

interface JobFormProps {
  readonly begin: Draft;
  readonly from?: string;
  readonly missing?: readonly string[];
}

function JobForm({ begin, from, missing = [] }: JobFormProps) {
  const navigate = useNavigate();
  const [draft, setDraft] = useState(begin);
  const [problems, setProblems] = useState<Problems>({});
  const [attempts, setAttempts] = useState(0);
  const [isPasting, setPasting] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const repos = useKnownRepos();
  const { bases, branches } = useKnownBranches(repos.includes(draft.repo ?? "") ? (draft.repo ?? "") : "");
  const { job } = useMemo(() => jobOf(draft), [draft]);
  useEffect(() => {
    if (from === undefined) unsent = draft;
  }, [from, draft]);

  const send = useSendJob(({ jobId, status, reason }) => {
    if (from === undefined) unsent = PLAIN;
    tell(`${jobId} is ${status}${reason === null ? "" : `: ${reason.replaceAll("_", " ")}`}`);
    void navigate({ to: "/jobs/$jobId", params: { jobId } });
  });
  const { atFields, others } = useMemo(() => sorted(send.error), [send.error]);
  const shown: Problems = { ...atFields, ...problems };

  // To the first field that is wrong, wherever it is folded away.
  const wrong = PATHS.find((path) => shown[path] !== undefined);
  useEffect(() => {
    if (wrong !== undefined) form.current?.querySelector<HTMLElement>(`[name="${wrong}"]`)?.focus();
    // Only after it was sent: who mends the first of two fields stays there.
  }, [send.error, attempts]);

  function change(path: Path, value: string): void {
    setDraft((now) => ({ ...now, [path]: value }));
    if (problems[path] !== undefined) setProblems(({ [path]: _, ...rest }) => rest);
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    const ready = jobOf(draft);
    setProblems(ready.problems);
    setAttempts((count) => count + 1);
    send.reset();
    if (Object.keys(ready.problems).length === 0) send.mutate(ready.job);
  }

  /** Puts another form in the place of this one, and this one back where that was not wanted. */
  function fill(next: Draft, name: string): void {
    const before = draft;
    setDraft(next);
    setProblems({});
    send.reset();
    tell(name, { label: "Undo", onClick: () => setDraft(before) });
  }

  return (
    <>
      <ScreenHead
        title="New job"
        {...(from === undefined
          ? {}
          : {
              about: (
                <>
                  Like{" "}
                  <Link to="/jobs/$jobId" params={{ jobId: from }} className="outside-text underline">
                    {from}
                  </Link>
                  . The server does not tell {missing.join(", ")}.
                </>
              ),
            })}
        actions={
          <>
            <Button icon={<ClipboardPaste aria-hidden size={15} />} onClick={() => setPasting(true)}>
              Paste curl or JSON
            </Button>
            <Button
              look="quiet"
              icon={<Eraser aria-hidden size={15} />}
              onClick={() => fill(PLAIN, "The form is empty")}
            >
              Empty it
            </Button>
          </>
        }
      />
      <Templates
        draft={draft}
        onUse={(template, name) =>
          fill({ repo: draft.repo ?? "", base: draft.base ?? "", ...template }, `The form is “${name}”`)
        }
      />
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <form
          ref={form}
          noValidate
          onSubmit={submit}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.current?.requestSubmit();
          }}
          aria-label="New job"
          className="min-w-0 space-y-4"
        >
          {others !== null && <Trouble error={others} />}
          <FieldGroups
            draft={draft}
            problems={shown}
            known={{ repo: repos, base: bases, branch: branches }}
            onChange={change}
          />
          <div className="flex items-center gap-3">
            <Button type="submit" look="main" busy={send.isPending} icon={<Send aria-hidden size={15} />}>
              Put it in
            </Button>
            <kbd className="font-mono text-xs text-soft pointer-coarse:hidden">Ctrl Enter</kbd>
            {wrong !== undefined && (
              <p role="alert" className="text-sm text-bad">
                Something is to be mended above.
              </p>
            )}
          </div>
        </form>
        <Preview job={job} />
      </div>
      {isPasting && (
        <PasteDialog
          onClose={() => setPasting(false)}
          onFill={(next, unknown) => {
            setPasting(false);
            fill(
              { ...PLAIN, ...next },
              unknown.length === 0 ? "The form is filled" : `The form is filled; no job has ${unknown.join(", ")}`,
            );
          }}
        />
      )}
    </>
  );
}

/** Which of an error's words belong to which field, and the error itself where some belong to none. */
function sorted(error: Error | null): { readonly atFields: Problems; readonly others: Error | null } {
  if (!(error instanceof ApiError)) return { atFields: {}, others: error };
  const fields = [
    ...error.fields,
    ...(error.code === "id_conflict" ? [{ path: "jobId", message: error.message }] : []),
    ...(error.code === "unknown_dependency" || error.code === "dependency_cycle"
      ? [{ path: "dependsOn", message: error.message }]
      : []),
  ];
  const atFields: Partial<Record<Path, string>> = {};
  let isAll = fields.length > 0;
  for (const { path, message } of fields) {
    const field = fieldAt(path);
    if (field === undefined) isAll = false;
    // Where in the field it is, is part of the words.
    else
      atFields[field] = [atFields[field], path === field ? message : `${path}: ${message}`].filter(Boolean).join("; ");
  }
  return { atFields, others: isAll ? null : error };
}
