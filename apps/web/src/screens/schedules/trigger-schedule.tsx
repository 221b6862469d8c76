import { useNavigate } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { useState } from "react";
import { useAction } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { tell, tellError } from "../../ui/toast.tsx";
import { type Overlap, OverlapChoice } from "./overlap-choice.tsx";
import { whyNone } from "./slot-look.tsx";

/** A job at once, beside the clock. */
export function TriggerButton({ id, label }: { readonly id: string; readonly label?: string }) {
  const navigate = useNavigate();
  const [asks, setAsks] = useState(false);
  const [overlap, setOverlap] = useState<Overlap | "">("");
  const trigger = useAction("triggerSchedule", {
    touches: ["listSchedules", "getSchedule", "listSlots", "scheduleCalendar", "listJobs"],
    onDone: ({ records }) => {
      setAsks(false);
      const [record] = records;
      if (record?.jobId == null) {
        const why = record === undefined ? null : whyNone(record);
        tell(record?.outcome === "buffered" ? "It waits for an earlier job" : `No job: ${why ?? "nothing was made"}`);
        return;
      }
      const { jobId } = record;
      tell(`Made ${jobId}`, {
        label: "Open it",
        onClick: () => void navigate({ to: "/jobs/$jobId", params: { jobId } }),
      });
    },
  });
  const go = (): void =>
    trigger.mutate({ params: { scheduleId: id }, body: overlap === "" ? {} : { overlap } }, { onError: tellError });
  return (
    <>
      <Button aria-label={label} icon={<Play aria-hidden size={14} />} onClick={() => setAsks(true)}>
        Trigger
      </Button>
      <Modal
        open={asks}
        onClose={() => setAsks(false)}
        title={`Trigger ${id} now?`}
        about="It makes its job at once, beside the clock: this instant is the slot."
        actions={
          <>
            <Button look="main" busy={trigger.isPending} onClick={go}>
              Make the job
            </Button>
            <Button onClick={() => setAsks(false)}>Leave it</Button>
          </>
        }
      >
        <OverlapChoice value={overlap} onChange={setOverlap} own="as the schedule says" />
      </Modal>
    </>
  );
}
