/** A selection over many lines: its lines stay on the page, and what is copied is their text as the log has it. */
import { type RefObject, useEffect, useEffectEvent, useState } from "react";
import { plainText } from "./ansi.ts";
import type { Folds } from "./folds.ts";
import type { LogBook } from "./log-book.ts";

/** First and last, from 0. */
export interface Lines {
  readonly from: number;
  readonly to: number;
}

/** The lines between the ends of the selection; null: nothing in `body` is selected. */
export function useSelectedLines(body: RefObject<HTMLElement | null>, onSelect: () => void): Lines | null {
  const [lines, setLines] = useState<Lines | null>(null);
  const onChange = useEffectEvent(() => {
    const now = selectedIn(body.current);
    if (now?.from === lines?.from && now?.to === lines?.to) return;
    setLines(now);
    // What moves away cannot be selected.
    if (now !== null) onSelect();
  });
  useEffect(() => {
    const listen = (): void => onChange();
    document.addEventListener("selectionchange", listen);
    return () => document.removeEventListener("selectionchange", listen);
  }, []);
  return lines;
}

function selectedIn(body: HTMLElement | null): Lines | null {
  const selection = document.getSelection();
  if (body === null || selection === null || selection.isCollapsed) return null;
  const ends = [selection.anchorNode, selection.focusNode]
    .map((node) => rowOf(node))
    .filter((row) => row !== null && body.contains(row))
    .map((row) => Number(row?.dataset["line"]));
  return ends.length === 0 ? null : { from: Math.min(...ends), to: Math.max(...ends) };
}

/** What a selection over several lines copies; null: the browser does it right. */
export function copiedText(book: LogBook, folds: Folds): string | null {
  const selection = document.getSelection();
  if (selection === null || selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  const [first, last] = [rowOf(range.startContainer), rowOf(range.endContainer)];
  if (first === null || last === null || first === last) return null;
  const texts: string[] = [];
  const end = folds.rowOf(Number(last.dataset["line"]));
  for (let row = folds.rowOf(Number(first.dataset["line"])); row <= end; row += 1) {
    const line = folds.lineOf(row);
    const partly = row === end ? last : texts.length === 0 ? first : null;
    texts.push(partly === null ? plainText(book.line(line)?.text ?? "") : selectedPart(partly, range));
  }
  return texts.join("\n");
}

/** Of the text of a row, what the range covers. */
function selectedPart(row: HTMLElement, range: Range): string {
  const text = row.querySelector(".log-text");
  if (text === null) return "";
  const part = document.createRange();
  part.selectNodeContents(text);
  if (text.contains(range.startContainer)) part.setStart(range.startContainer, range.startOffset);
  if (text.contains(range.endContainer)) part.setEnd(range.endContainer, range.endOffset);
  else if (row.contains(range.endContainer)) return "";
  return part.toString();
}

function rowOf(node: Node | null): HTMLElement | null {
  const element = node instanceof Element ? node : (node?.parentElement ?? null);
  return element?.closest<HTMLElement>("[data-line]") ?? null;
}
