import { newJobLimits } from "virtual:new-job-schema";
import { Field, Input, Select, TextArea } from "../../ui/field.tsx";
import { FIELDS, type Path } from "./fields.ts";

export interface JobFieldProps {
  readonly path: Path;
  readonly value: string;
  readonly problem: string | undefined;
  /** Values that were used before. */
  readonly known?: readonly string[];
  readonly onChange: (path: Path, value: string) => void;
}

/** One field of the form. Its limits are the server's. */
export function JobField({ path, value, problem, known = [], onChange }: JobFieldProps) {
  const { label, hint, kind, wide } = FIELDS[path];
  const { enum: choices = [], required, minimum, maximum, maxLength } = newJobLimits[path] ?? {};
  const list = `known-${path}`;
  return (
    <div className={wide === true ? "sm:col-span-2" : ""}>
      <Field label={label} problem={problem} hint={hint}>
        {(tie) => {
          const its = {
            ...tie,
            name: path,
            value,
            onChange: (event: { readonly target: { readonly value: string } }) => onChange(path, event.target.value),
          };
          switch (kind) {
            case "choice":
              return (
                <Select {...its} className="w-full!">
                  {required !== true && <option value="">As usual</option>}
                  {choices.map((choice) => (
                    <option key={choice}>{choice}</option>
                  ))}
                </Select>
              );
            case "flag":
              return (
                <Select {...its} className="w-full!">
                  <option value="">As usual</option>
                  <option value="true">Yes</option>
                  <option value="false">No</option>
                </Select>
              );
            case "lines":
              return <TextArea {...its} rows={path === "instructions" ? 7 : 5} maxLength={maxLength} />;
            case "json":
              return <TextArea {...its} rows={wide === true ? 4 : 1} className="font-mono text-[13px]" />;
            case "number":
            case "minutes":
              return (
                <Input
                  {...its}
                  type="number"
                  inputMode="decimal"
                  step="any"
                  min={scaled(kind, minimum)}
                  max={scaled(kind, maximum)}
                />
              );
            case "instant":
              return <Input {...its} type="datetime-local" step={1} />;
            case "secret":
              return <Input {...its} type="password" autoComplete="off" maxLength={maxLength} />;
            case "list":
            case "text":
              return (
                <>
                  <Input {...its} maxLength={maxLength} {...(known.length === 0 ? {} : { list })} />
                  {known.length > 0 && (
                    <datalist id={list}>
                      {known.map((each) => (
                        <option key={each} value={each} />
                      ))}
                    </datalist>
                  )}
                </>
              );
          }
        }}
      </Field>
    </div>
  );
}

function scaled(kind: "number" | "minutes", limit: number | undefined): number | undefined {
  return limit === undefined || kind === "number" ? limit : limit / 60_000;
}
