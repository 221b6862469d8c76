import type { JobDetail } from "@hive/protocol";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useMemo, useState } from "react";
import { Button } from "../../../ui/button.tsx";
import { number } from "../../../ui/facts.tsx";
import { DiffLines } from "./diff-lines.tsx";
import { fileId } from "./file-id.ts";
import { type DiffFile, linesOf } from "./parse-diff.ts";
import { VisibleText } from "./visible-text.tsx";

/** Lines drawn at once; more with a button. */
const DRAWN = 1_000;

export interface DiffFileViewProps {
  readonly job: JobDetail;
  readonly file: DiffFile;
  readonly isOpen: boolean;
  readonly onFold: (isOpen: boolean) => void;
}

/** One file of the diff. Folded, none of its lines is read. */
export function DiffFileView({ job, file, isOpen, onFold }: DiffFileViewProps) {
  const { at, path, oldPath, change, about, isBinary, insertions, deletions } = file;
  return (
    <section id={fileId(at)} aria-label={path} className="scroll-mt-2 rounded-lg border border-line bg-panel">
      <h2 className="text-sm">
        <button
          type="button"
          aria-expanded={isOpen}
          onClick={() => onFold(!isOpen)}
          className="flex min-h-9 w-full flex-wrap items-center gap-x-2 gap-y-0.5 px-2 py-1 text-left hover:bg-raised"
        >
          {isOpen ? <ChevronDown aria-hidden size={16} /> : <ChevronRight aria-hidden size={16} />}
          <span className="outside-text min-w-0 font-mono text-[13px] font-medium">
            {oldPath !== null && (
              <>
                <VisibleText text={oldPath} /> →{" "}
              </>
            )}
            <VisibleText text={path} />
          </span>
          {change !== "changed" && <span className="text-xs text-soft">{change}</span>}
          {about !== "" && <span className="text-xs text-soft">{about}</span>}
          <span className="tabular ml-auto text-xs">
            {isBinary ? (
              <span className="text-soft">binary</span>
            ) : (
              <>
                <span className="text-good">+{number(insertions)}</span>{" "}
                <span className="text-bad">−{number(deletions)}</span>
              </>
            )}
          </span>
        </button>
      </h2>
      {isOpen && <Body job={job} file={file} />}
    </section>
  );
}

function Body({ job, file }: { readonly job: JobDetail; readonly file: DiffFile }) {
  const [drawn, setDrawn] = useState(DRAWN);
  const lines = useMemo(() => linesOf(file, drawn + 1), [file, drawn]);
  const hasMore = lines.length > drawn;
  if (lines.length === 0) {
    return (
      <p className="border-t border-line px-4 py-3 text-sm text-soft">
        {file.isBinary
          ? "A binary file: it is in the diff that can be downloaded, and on the branch."
          : "No line changed."}
      </p>
    );
  }
  return (
    <div className="border-t border-line">
      <DiffLines job={job} path={file.path} lines={hasMore ? lines.slice(0, drawn) : lines} />
      {hasMore && (
        <div className="border-t border-line p-2 text-center">
          <Button look="quiet" onClick={() => setDrawn((before) => before + DRAWN)}>
            Show {number(DRAWN)} more lines
          </Button>
        </div>
      )}
    </div>
  );
}
