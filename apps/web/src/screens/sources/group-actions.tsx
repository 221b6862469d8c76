import type { GroupView } from "@hive/protocol";
import { type ReactNode, useState } from "react";
import { useAction } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { Field, Input, Select } from "../../ui/field.tsx";
import { tell, tellError } from "../../ui/toast.tsx";

const TOUCHES = ["listGroups", "listHeld", "getGroup", "getSource", "listSources", "listJobs"] as const;
const HOUR_MS = 3_600_000;
const LENGTHS: readonly (readonly [label: string, hours: number | null])[] = [
  ["until somebody unmutes it", null],
  ["for an hour", 1],
  ["for a day", 24],
  ["for a week", 168],
];
type Asking = "mute" | "resolve" | "release";

/** What a person can decide about a group. */
export function GroupActions({ group: { source, fingerprint, title, stage, mute } }: { readonly group: GroupView }) {
  const params = { sourceId: source, fingerprint };
  const [asks, setAsks] = useState<Asking | null>(null);
  const [reason, setReason] = useState("");
  const [hours, setHours] = useState("");
  const close = (): void => {
    setAsks(null);
    setReason("");
  };
  const unmuting = useAction("unmuteGroup", { touches: TOUCHES, onDone: () => tell("Unmuted") });
  const muting = useAction("muteGroup", {
    touches: TOUCHES,
    onDone: () =>
      tell("Muted: it counts, and makes no job", {
        label: "Undo",
        onClick: () => unmuting.mutate({ params }, { onError: tellError }),
      }),
  });
  const resolving = useAction("resolveGroup", { touches: TOUCHES, onDone: () => tell("Resolved") });
  const releasing = useAction("releaseGroup", {
    touches: TOUCHES,
    onDone: ({ job }) => tell(job === null ? "Released: its job is made" : `Released: ${job.id}`),
  });

  function go(): void {
    const why = reason.trim() === "" ? {} : { reason: reason.trim() };
    const until = hours === "" ? {} : { until: new Date(Date.now() + Number(hours) * HOUR_MS).toISOString() };
    if (asks === "mute") muting.mutate({ params, body: { ...why, ...until } }, { onError: tellError });
    if (asks === "resolve") resolving.mutate({ params, body: why }, { onError: tellError });
    if (asks === "release") releasing.mutate({ params, body: why }, { onError: tellError });
    close();
  }

  const shown: readonly (readonly [Asking, string])[] = [
    ...(stage === "held" ? ([["release", "Release"]] as const) : []),
    ...(mute === null ? ([["mute", "Mute"]] as const) : []),
    ...(stage === "resolved" ? [] : ([["resolve", "Resolve"]] as const)),
  ];
  const [what, about]: readonly [string, ReactNode] = asks === null ? ["", ""] : WORDS[asks];
  return (
    <div className="flex flex-wrap gap-2">
      {shown.map(([action, label]) => (
        <Button key={action} onClick={() => setAsks(action)}>
          {label}
        </Button>
      ))}
      {mute !== null && (
        <Button busy={unmuting.isPending} onClick={() => unmuting.mutate({ params }, { onError: tellError })}>
          Unmute
        </Button>
      )}
      <Modal
        open={asks !== null}
        onClose={close}
        title={what}
        about={about}
        actions={
          <>
            <Button look="main" onClick={go}>
              {asks === "mute" ? "Mute it" : asks === "resolve" ? "Resolve it" : "Release it"}
            </Button>
            <Button onClick={close}>Leave it</Button>
          </>
        }
      >
        <form
          className="space-y-3"
          onSubmit={(event) => {
            event.preventDefault();
            go();
          }}
        >
          <p className="text-sm">
            <bdi className="outside-text line-clamp-3">{title}</bdi>
          </p>
          {asks === "mute" && (
            <Field label="How long">
              {(tie) => (
                <Select {...tie} className="w-full!" value={hours} onChange={(event) => setHours(event.target.value)}>
                  {LENGTHS.map(([label, each]) => (
                    <option key={label} value={each ?? ""}>
                      {label}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          <Field label="Why" hint="For whoever looks at it next; may stay empty.">
            {(tie) => (
              <Input {...tie} maxLength={1024} value={reason} onChange={(event) => setReason(event.target.value)} />
            )}
          </Field>
        </form>
      </Modal>
    </div>
  );
}

const WORDS: Readonly<Record<Asking, readonly [title: string, about: string]>> = {
  mute: ["Mute this group?", "It goes on counting and makes no job, until then."],
  resolve: ["Say that it is over?", "What waits for it is canceled, or told, as the source's settings say."],
  release: ["Release this group?", "It has its job now, past every limit, once."],
};
