import type { JobDetail } from "@hive/protocol";
import { useState } from "react";
import { requestOf } from "../../../api/call.ts";
import { useKeys } from "../../../shell/keys.ts";
import { number } from "../../../ui/facts.tsx";
import { Panel } from "../../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../../ui/states.tsx";
import { CommentForm } from "../comments/comment-form.tsx";
import { CommentList } from "../comments/comment-list.tsx";
import { isForAgent } from "../job-tabs.tsx";
import { DiffFileView } from "./diff-file.tsx";
import { fileId } from "./file-id.ts";
import { FileList } from "./file-list.tsx";
import type { DiffFile } from "./parse-diff.ts";
import { useDiff } from "./use-diff.ts";

/** Files and lines that are unfolded by themselves; a person unfolds the others. */
const OPEN_FILES = 20;
const OPEN_LINES = 1_500;

/** What the job changed, file by file, and what people say about it. */
export function Diff({ job }: { readonly job: JobDetail }) {
  const asked = useDiff(job);
  const diff = asked.data;
  return (
    <div className="space-y-4">
      {asked.isPending && <Loading rows={10} />}
      {asked.error !== null && <Trouble error={asked.error} onRetry={() => void asked.refetch()} />}
      {diff === null && (
        <Panel>
          <Empty title="There is no diff">
            {job.result?.noChanges === true
              ? "It changed nothing."
              : "No attempt has changed anything yet. This page fills by itself when one has."}
          </Empty>
        </Panel>
      )}
      {diff != null && <Files key={job.history.at(-1)?.fence ?? 0} job={job} files={diff.files} isCut={diff.isCut} />}
      {isForAgent(job) && (
        <div className="grid items-start gap-4 lg:grid-cols-2">
          <Panel title="Comment on the whole">
            <div className="p-4">
              <CommentForm job={job} />
            </div>
          </Panel>
          <CommentList job={job} />
        </div>
      )}
    </div>
  );
}

interface FilesProps {
  readonly job: JobDetail;
  readonly files: readonly DiffFile[];
  readonly isCut: boolean;
}

function Files({ job, files, isCut }: FilesProps) {
  const [opened, setOpened] = useState<ReadonlySet<number>>(() => firstOpen(files));
  const [current, setCurrent] = useState(-1);
  const { jobId } = job;
  const fold = (at: number, isOpen: boolean): void =>
    setOpened((before) => {
      const next = new Set(before);
      if (isOpen) next.add(at);
      else next.delete(at);
      return next;
    });
  const goTo = (at: number): void => {
    if (files[at] === undefined) return;
    setCurrent(at);
    fold(at, true);
    const heading = document.getElementById(fileId(at));
    heading?.scrollIntoView({ block: "start" });
    heading?.querySelector("button")?.focus({ preventScroll: true });
  };
  useKeys([
    { keys: "n", about: "Next file", run: () => goTo(current + 1) },
    { keys: "p", about: "File before", run: () => goTo(current - 1) },
  ]);
  const insertions = files.reduce((sum, file) => sum + file.insertions, 0);
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0);
  return (
    <>
      <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm">
        <span>
          {number(files.length)} {files.length === 1 ? "file" : "files"},{" "}
          <span className="text-good">+{number(insertions)}</span>{" "}
          <span className="text-bad">−{number(deletions)}</span>
        </span>
        {isCut && <span className="text-warn">This is only the first part; the download has all of it.</span>}
        <a href={requestOf("jobDiff", { params: { jobId } })[1]} download={`${jobId}.patch`}>
          Download
        </a>
      </p>
      <div className="grid items-start gap-4 lg:grid-cols-[15rem_minmax(0,1fr)]">
        <FileList files={files} current={current} onPick={goTo} />
        <div className="min-w-0 space-y-3">
          {files.map((file) => (
            <DiffFileView
              key={file.at}
              job={job}
              file={file}
              isOpen={opened.has(file.at)}
              onFold={(isOpen) => fold(file.at, isOpen)}
            />
          ))}
        </div>
      </div>
    </>
  );
}

function firstOpen(files: readonly DiffFile[]): ReadonlySet<number> {
  const open = new Set<number>();
  let lines = 0;
  for (const { at, insertions, deletions } of files.slice(0, OPEN_FILES)) {
    lines += insertions + deletions;
    if (lines > OPEN_LINES && at > 0) break;
    open.add(at);
  }
  return open;
}
