import { type FormEvent, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { Field, TextArea } from "../../ui/field.tsx";
import { type Draft, draftOf } from "./draft.ts";
import { readPasted } from "./paste.ts";

export interface PasteDialogProps {
  /** `unknown`: members that no job has. */
  readonly onFill: (draft: Draft, unknown: readonly string[]) => void;
  readonly onClose: () => void;
}

/** Takes a job from a terminal or a file. It is read here and sent nowhere. */
export function PasteDialog({ onFill, onClose }: PasteDialogProps) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string>();

  function submit(event: FormEvent): void {
    event.preventDefault();
    try {
      const { draft, unknown } = draftOf(readPasted(text));
      onFill(draft, unknown);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  return (
    <Modal open onClose={onClose} title="Paste a job" about="It fills the form and sends nothing." wide>
      <form onSubmit={submit} className="space-y-3">
        <Field label="A line of curl, or JSON" problem={problem}>
          {(tie) => (
            <TextArea
              {...tie}
              autoFocus
              rows={10}
              className="font-mono text-[13px]"
              placeholder={`curl -X POST ${location.origin}/enqueue -d '{"repo": …}'`}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" look="main">
          Fill the form
        </Button>
      </form>
    </Modal>
  );
}
