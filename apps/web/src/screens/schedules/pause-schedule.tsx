import type { ScheduleView } from "@hive/protocol";
import { useState } from "react";
import { useAction } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { Field, Input } from "../../ui/field.tsx";
import { tell, tellError } from "../../ui/toast.tsx";

const TOUCHES = ["listSchedules", "getSchedule", "previewSchedule", "scheduleCalendar"] as const;

/** Stops the clock, with a reason for the others; or lets it go on. */
export function PauseButton({
  schedule: { id, paused },
  label,
}: {
  readonly schedule: Pick<ScheduleView, "id" | "paused">;
  /** What it is called for who hears it; default: what it says. */
  readonly label?: string;
}) {
  const [asks, setAsks] = useState(false);
  const [reason, setReason] = useState("");
  const resume = useAction("resumeSchedule", { touches: TOUCHES, onDone: () => tell(`${id} goes on`) });
  const pause = useAction("pauseSchedule", {
    touches: TOUCHES,
    onDone: () => {
      tell(`${id} is paused`, {
        label: "Undo",
        onClick: () => resume.mutate({ params: { scheduleId: id } }, { onError: tellError }),
      });
    },
  });
  const stop = (): void => {
    const body = reason.trim() === "" ? {} : { reason: reason.trim() };
    pause.mutate({ params: { scheduleId: id }, body }, { onError: tellError });
    setAsks(false);
    setReason("");
  };
  return (
    <>
      <Button
        aria-label={label}
        busy={pause.isPending || resume.isPending}
        onClick={() =>
          paused === null ? setAsks(true) : resume.mutate({ params: { scheduleId: id } }, { onError: tellError })
        }
      >
        {paused === null ? "Pause" : "Resume"}
      </Button>
      <Modal
        open={asks}
        onClose={() => setAsks(false)}
        title={`Pause ${id}?`}
        about="Its clock stops. Its jobs go on, and slots that pass meanwhile are not made up for."
        actions={
          <>
            <Button look="main" onClick={stop}>
              Pause it
            </Button>
            <Button onClick={() => setAsks(false)}>Leave it</Button>
          </>
        }
      >
        <form
          onSubmit={(event) => {
            event.preventDefault();
            stop();
          }}
        >
          <Field label="Why" hint="For whoever looks at it next; may stay empty.">
            {(tie) => (
              <Input {...tie} maxLength={1024} value={reason} onChange={(event) => setReason(event.target.value)} />
            )}
          </Field>
        </form>
      </Modal>
    </>
  );
}
