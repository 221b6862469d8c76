import type { GroupView } from "@hive/protocol";
import { LongText } from "../../ui/long-text.tsx";
import { exactTime } from "../../ui/time.tsx";
import { OutsideFields, OutsideLink } from "./outside.tsx";

/** What was said, as it was said: nobody of ours wrote it. */
export function GroupSamples({ group: { samples, fingerprint, source } }: { readonly group: GroupView }) {
  return (
    <div className="mt-3 space-y-3 pl-5">
      <p className="text-xs text-soft">
        Fingerprint <code className="outside-text">{fingerprint}</code> of {source}. What follows is from outside.
      </p>
      {samples.map((sample, place) => (
        <figure key={`${sample.at} ${place}`} className="rounded-md border border-line">
          <figcaption className="flex flex-wrap justify-between gap-2 border-b border-line px-3 py-1.5 text-xs text-soft">
            <time dateTime={sample.at}>{exactTime(Date.parse(sample.at))}</time>
            {sample.link !== null && <OutsideLink address={sample.link} />}
          </figcaption>
          <div className="p-3">
            <LongText text={sample.text} name={`Sample ${place + 1}`} mono />
            <OutsideFields fields={sample.fields} />
          </div>
        </figure>
      ))}
      {samples.length === 0 && <p className="text-soft">No sample was kept.</p>}
    </div>
  );
}
