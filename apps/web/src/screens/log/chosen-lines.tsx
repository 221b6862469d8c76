import { Link2, X } from "lucide-react";
import { Button } from "../../ui/button.tsx";
import { copyText } from "../../ui/command.tsx";
import { number } from "../../ui/facts.tsx";
import { tell, tellError } from "../../ui/toast.tsx";
import { plainText } from "./ansi.ts";
import type { LogBook } from "./log-book.ts";
import type { Lines } from "./selected-lines.ts";

/** More than this is what the download is for. */
const MOST_BYTES = 16 * 1_048_576;

export interface ChosenLinesProps {
  readonly book: LogBook;
  readonly chosen: Lines;
  readonly onClear: () => void;
}

/** What can be done with lines that a link names. */
export function ChosenLines({ book, chosen, onClear }: ChosenLinesProps) {
  const { from, to } = chosen;
  const count = to - from + 1;
  const isOne = count === 1;
  const copyLines = async (): Promise<void> => {
    try {
      await copyText(await textOf(book, chosen));
      tell(isOne ? "The line is copied" : `${number(count)} lines are copied`);
    } catch (error) {
      tellError(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const copyLink = async (): Promise<void> => {
    await copyText(location.href);
    tell("The link is copied");
  };
  return (
    <div className="flex flex-wrap items-center gap-2 border-t border-line bg-warn-ground px-3 py-1.5 text-sm">
      <span className="tabular">
        {isOne ? `Line ${number(from + 1)}` : `Lines ${number(from + 1)} to ${number(to + 1)}`}
      </span>
      <Button onClick={() => void copyLines()}>{isOne ? "Copy the line" : `Copy ${number(count)} lines`}</Button>
      <Button onClick={() => void copyLink()} icon={<Link2 aria-hidden size={15} />}>
        Copy the link
      </Button>
      <Button look="quiet" aria-label="Choose no lines" onClick={onClear} icon={<X aria-hidden size={15} />} />
    </div>
  );
}

/** Their text without escapes, wherever their bytes are. */
async function textOf(book: LogBook, { from, to }: Lines): Promise<string> {
  const last = Math.min(to, book.lines - 1);
  const begin = await book.lineWhenThere(from);
  const end = await book.lineWhenThere(last);
  const until = end.from + end.bytes;
  if (until - begin.from > MOST_BYTES) throw new Error("That is too much to copy: download the log instead");
  const bytes = await book.read(begin.from, until);
  if (bytes === null) throw new Error("The server does not keep all of these lines any more");
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).split("\n").map(plainText).join("\n");
}
