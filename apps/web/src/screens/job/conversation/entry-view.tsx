import {
  Bot,
  Brain,
  Check,
  CircleCheck,
  CircleX,
  FilePen,
  ListTodo,
  LoaderCircle,
  User,
  Wrench,
  X,
} from "lucide-react";
import type { ReactNode } from "react";
import { LongText } from "../../../ui/long-text.tsx";
import { Time } from "../../../ui/time.tsx";
import type { Entry, ToolUse } from "./entries.ts";

const LOOKS = { plain: "text-soft", good: "text-good", bad: "text-bad" } as const;

/** One entry of a conversation. */
export function EntryView({ entry }: { readonly entry: Entry }) {
  switch (entry.kind) {
    case "attempt":
      return (
        <h3 className="mt-2 flex flex-wrap items-center gap-x-3 border-t border-line pt-3 text-xs font-medium text-soft">
          Fence {entry.fence} <span className="outside-text">on {entry.workerId}</span> <Time at={entry.at} />
        </h3>
      );
    case "note":
      return (
        <p className={`outside-text pl-9 text-xs whitespace-pre-wrap ${LOOKS[entry.look]}`}>
          {entry.text.length > 2_000 ? `${entry.text.slice(0, 2_000)}…` : entry.text}
        </p>
      );
    case "person":
      return (
        <Bubble icon={<User aria-hidden size={15} />} who={entry.by} at={entry.at} look="bg-info-ground">
          <LongText name="Comment" text={entry.text} copy={false} />
        </Bubble>
      );
    case "agent":
      return (
        <Bubble icon={<Bot aria-hidden size={15} />} who="Agent" at={entry.at} look="bg-raised">
          <LongText name="Message" text={entry.text} copy={false} />
        </Bubble>
      );
    case "thinking":
      return (
        <Folded icon={<Brain aria-hidden size={15} />} title="Thought">
          <LongText name="Thought" text={entry.text} copy={false} />
        </Folded>
      );
    case "plan":
      return (
        <div className="flex gap-2.5 text-sm">
          <ListTodo aria-hidden size={15} className="mt-1 ml-1.5 shrink-0 text-soft" />
          <ul aria-label="Plan" className="min-w-0 pl-1">
            {entry.items.map(({ text, done }, at) => (
              <li key={`${at} ${text}`} className={`outside-text ${done ? "text-soft line-through" : ""}`}>
                <span className="sr-only">{done ? "done: " : "open: "}</span>
                {text}
              </li>
            ))}
          </ul>
        </div>
      );
    case "tools":
      return <Tools uses={entry.uses} />;
    case "files":
      return (
        <div className="flex gap-2.5 text-sm">
          <FilePen aria-hidden size={15} className="mt-1 ml-1.5 shrink-0 text-soft" />
          <ul aria-label="Files changed" className="min-w-0 pl-1 font-mono text-[13px]">
            {entry.changes.map(({ path, change }, at) => (
              <li key={`${at} ${path}`} className="outside-text">
                {path} <span className="font-sans text-soft">{change}d</span>
              </li>
            ))}
          </ul>
        </div>
      );
    case "result":
      return (
        <Bubble
          icon={entry.ok ? <CircleCheck aria-hidden size={15} /> : <CircleX aria-hidden size={15} />}
          who={entry.ok ? "Agent, at its end" : "Agent, giving up"}
          at={entry.at}
          look={entry.ok ? "bg-good-ground" : "bg-bad-ground"}
        >
          <LongText name="Last words" text={entry.text} copy={false} />
        </Bubble>
      );
  }
}

interface BubbleProps {
  readonly icon: ReactNode;
  readonly who: string;
  readonly at: number;
  readonly look: string;
  readonly children: ReactNode;
}

function Bubble({ icon, who, at, look, children }: BubbleProps) {
  return (
    <article className="flex gap-2.5">
      <span className={`mt-0.5 flex size-7 shrink-0 items-center justify-center rounded-full ${look}`}>{icon}</span>
      <div className={`min-w-0 flex-1 rounded-lg px-3 py-2 ${look}`}>
        <p className="mb-0.5 flex flex-wrap gap-x-3 text-xs text-ink">
          <strong className="outside-text font-medium">{who}</strong>
          <Time at={at} />
        </p>
        {children}
      </div>
    </article>
  );
}

function Folded({
  icon,
  title,
  children,
}: {
  readonly icon: ReactNode;
  readonly title: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <details className="group text-sm">
      <summary className="flex min-h-7 items-center gap-2.5 pl-1.5 text-soft">
        {icon}
        <span className="outside-text min-w-0 pl-1 group-open:text-ink">{title}</span>
      </summary>
      <div className="mt-1 pl-10">{children}</div>
    </details>
  );
}

/** Tools in a row as one line; each of them with what it was asked and answered when it is opened. */
function Tools({ uses }: { readonly uses: readonly ToolUse[] }) {
  const failed = uses.filter(({ result }) => result?.ok === false).length;
  const [first] = uses;
  const title =
    uses.length === 1 && first !== undefined
      ? `${first.tool} ${first.summary}`.slice(0, 160)
      : `${uses.length} tools: ${[...new Set(uses.map(({ tool }) => tool))].join(", ")}`.slice(0, 160);
  return (
    <Folded
      icon={<Wrench aria-hidden size={15} className="shrink-0" />}
      title={
        <>
          {title}
          {failed > 0 && <span className="text-bad"> ({failed} failed)</span>}
        </>
      }
    >
      <ol className="space-y-2">
        {uses.map(({ tool, summary, result }, at) => (
          <li key={`${at} ${tool}`}>
            <p className="flex items-start gap-1.5">
              <Outcome result={result} />
              <span className="outside-text min-w-0">
                <code className="font-medium">{tool}</code> <span className="whitespace-pre-wrap">{summary}</span>
              </span>
            </p>
            {result !== null && result.summary !== "" && (
              <div className="mt-0.5 ml-5 rounded bg-raised px-2 py-1">
                <LongText name={`What ${tool} answered`} text={result.summary} mono shown={1_500} copy={false} />
              </div>
            )}
          </li>
        ))}
      </ol>
    </Folded>
  );
}

function Outcome({ result }: { readonly result: ToolUse["result"] }) {
  if (result === null) return <LoaderCircle aria-label="not back yet" size={14} className="mt-1 shrink-0 text-soft" />;
  if (result.ok) return <Check aria-label="went well" size={14} className="mt-1 shrink-0 text-good" />;
  return <X aria-label="failed" size={14} className="mt-1 shrink-0 text-bad" />;
}
