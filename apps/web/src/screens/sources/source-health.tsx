import type { SourceView } from "@hive/protocol";
import { Tag } from "../../ui/tag.tsx";
import { Time } from "../../ui/time.tsx";

/** Whether a source can be read, in a word. */
export function HealthTag({ health: { error, notice, goodAt } }: Pick<SourceView, "health">) {
  if (error !== null) return <Tag tone="bad">trouble</Tag>;
  if (notice !== null) return <Tag tone="warn">look at it</Tag>;
  return goodAt === null ? <Tag>not read yet</Tag> : <Tag tone="good">well</Tag>;
}

/** When it was read, and what went wrong in its own words. */
export function HealthWords({ health, everySeconds }: Pick<SourceView, "health" | "everySeconds">) {
  const { error, notice, goodAt, nextPollAt } = health;
  return (
    <div className="space-y-0.5 text-sm">
      {error !== null && (
        <p className="text-bad">
          <Time at={Date.parse(error.at)} />: <bdi className="outside-text">{error.message}</bdi>
        </p>
      )}
      {notice !== null && <p className="outside-text text-warn">{notice}</p>}
      <p className="text-soft">
        {goodAt === null ? (
          "Not read since this server leads"
        ) : (
          <>
            Read well <Time at={Date.parse(goodAt)} />
          </>
        )}
        {nextPollAt !== null && (
          <>
            , again <Time at={Date.parse(nextPollAt)} />
          </>
        )}
        {everySeconds === null && ", and told by its sender"}
      </p>
    </div>
  );
}
