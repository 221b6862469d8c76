import { CopyButton } from "./command.tsx";

/** Several lines for a file, with the name of the file. */
export function Snippet({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <figure className="w-full max-w-2xl rounded-md border border-line bg-raised text-left">
      <figcaption className="flex items-center justify-between border-b border-line py-0.5 pr-0.5 pl-3 text-xs text-soft">
        {label}
        <CopyButton text={text} label={`Copy the lines for ${label}`} />
      </figcaption>
      <pre
        tabIndex={0}
        aria-label={label}
        className="outside-text max-h-96 overflow-auto px-3 py-2 font-mono text-[13px]"
      >
        {text}
      </pre>
    </figure>
  );
}
