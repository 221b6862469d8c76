import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Button } from "./button.tsx";

/** Puts a text where it can be pasted from. Pages that came over plain HTTP have no clipboard: they select it instead. */
export function CopyButton({ text, label = "Copy" }: { readonly text: string; readonly label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    await copyText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  };
  return (
    <Button
      look="quiet"
      aria-label={done ? "Copied" : label}
      title={label}
      onClick={() => void copy()}
      icon={done ? <Check aria-hidden size={15} /> : <Copy aria-hidden size={15} />}
    />
  );
}

/** A line for a terminal. */
export function Command({ text }: { readonly text: string }) {
  return (
    <div className="mt-1 flex max-w-full items-center gap-1 rounded-md border border-line bg-raised py-0.5 pr-0.5 pl-3 text-left">
      <code tabIndex={0} className="min-w-0 overflow-x-auto py-1 font-mono text-[13px] whitespace-pre">
        {text}
      </code>
      <CopyButton text={text} label="Copy the command" />
    </div>
  );
}

/** Puts a text where it can be pasted from. */
export async function copyText(text: string): Promise<void> {
  if (globalThis.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "fixed opacity-0";
  document.body.append(area);
  area.select();
  // Nothing newer works without TLS.
  document.execCommand("copy");
  area.remove();
}
