import { type ComponentProps, type ReactNode, useId } from "react";

const BOX =
  "w-full rounded-md border border-strong bg-panel px-2.5 py-1.5 text-sm text-ink placeholder:text-soft min-h-8 pointer-coarse:min-h-10 pointer-coarse:text-base aria-invalid:border-bad";

export interface FieldProps {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  /** What is wrong with the value. */
  readonly problem?: string | undefined;
  /** The input; it is given what ties it to label, hint and problem. */
  readonly children: (tie: {
    readonly id: string;
    readonly "aria-describedby"?: string;
    readonly "aria-invalid"?: true;
  }) => ReactNode;
}

/** One input with its label, and in words what it is for or what is wrong with it. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  const about = problem ?? hint;
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      {children({
        id,
        ...(about === undefined ? {} : { "aria-describedby": `${id}-about` }),
        ...(problem === undefined ? {} : { "aria-invalid": true }),
      })}
      {about !== undefined && (
        <p id={`${id}-about`} className={`mt-1 text-xs ${problem === undefined ? "text-soft" : "text-bad"}`}>
          {about}
        </p>
      )}
    </div>
  );
}

export function Input({ className = "", ...rest }: ComponentProps<"input">) {
  return <input autoComplete="off" spellCheck={false} className={`${BOX} ${className}`} {...rest} />;
}

export function TextArea({ className = "", ...rest }: ComponentProps<"textarea">) {
  return <textarea spellCheck={false} className={`${BOX} ${className}`} {...rest} />;
}

export function Select({ className = "", ...rest }: ComponentProps<"select">) {
  return <select className={`${BOX} w-auto pr-7 ${className}`} {...rest} />;
}
