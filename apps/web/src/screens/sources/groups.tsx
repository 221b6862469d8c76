import { useNavigate } from "@tanstack/react-router";
import { useApi } from "../../api/use-api.ts";
import { usePages } from "../../api/use-pages.ts";
import { Select } from "../../ui/field.tsx";
import { More } from "../../ui/more.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { GroupRow } from "./group-row.tsx";
import { STAGES, type Stage } from "./source-search.ts";

const LOOK_MS = 5_000;

export interface GroupsProps {
  readonly sourceId: string;
  /** Null: at any stage. */
  readonly stage: Stage | null;
  /** What a limit is in the way of, and nothing else. */
  readonly isHeld: boolean;
  /** The fingerprint of the one that is opened. */
  readonly opened: string | null;
}

/** What a source found, last seen first. */
export function Groups({ sourceId, stage, isHeld, opened }: GroupsProps) {
  const navigate = useNavigate();
  const params = { sourceId };
  const all = usePages(
    "listGroups",
    { params, query: { limit: 50, ...(stage === null ? {} : { stage }) } },
    { enabled: !isHeld, everyMs: LOOK_MS },
  );
  const held = usePages("listHeld", { params, query: { limit: 50 } }, { enabled: isHeld, everyMs: LOOK_MS });
  const list = isHeld ? held : all;
  const groups = list.pages?.flatMap((page) => page.groups);
  // A link may lead to one that was not seen for a while, or is at another stage.
  const isListed = groups === undefined || groups.some(({ fingerprint }) => fingerprint === opened);
  const alone = useApi(
    "getGroup",
    { params: { sourceId, fingerprint: opened ?? "" } },
    { enabled: opened !== null && !isListed },
  );
  const open = (fingerprint: string | null): void =>
    void navigate({
      to: "/sources/$sourceId",
      params,
      search: {
        part: isHeld ? "held" : "groups",
        ...(stage === null || isHeld ? {} : { stage }),
        ...(fingerprint === null ? {} : { group: fingerprint }),
      },
      resetScroll: false,
    });

  return (
    <Panel
      title={isHeld ? "Held back" : "Groups"}
      actions={
        isHeld ? undefined : (
          <Select
            aria-label="At which stage"
            className="w-auto! max-w-full"
            value={stage ?? ""}
            onChange={({ target: { value } }) =>
              void navigate({
                to: "/sources/$sourceId",
                params,
                search: { part: "groups", ...(value === "" ? {} : { stage: value as Stage }) },
              })
            }
          >
            <option value="">at any stage</option>
            {Object.entries(STAGES).map(([id, words]) => (
              <option key={id} value={id}>
                {id}: {words}
              </option>
            ))}
          </Select>
        )
      }
    >
      {list.error !== null && <Trouble error={list.error} onRetry={list.again} />}
      {list.isPending && <Loading rows={6} />}
      {opened !== null && !isListed && alone.error !== null && <Trouble error={alone.error} />}
      {opened !== null && !isListed && alone.data !== undefined && (
        <ul aria-label="The group of the address" className="border-b-4 border-line">
          <GroupRow group={alone.data} isOpen onToggle={() => open(null)} />
        </ul>
      )}
      {groups?.length === 0 &&
        (isHeld ? (
          <Empty title="Nothing is held back" command={`npm run hive -- groups ${sourceId} --stage held`}>
            What a limit of the source is in the way of waits here, until there is room or you release it.
          </Empty>
        ) : (
          <Empty
            title={stage === null ? "Nothing found yet" : `No group is ${stage}`}
            command={`npm run hive -- groups ${sourceId}`}
          >
            What is the same trouble is one group, and has one job at a time. The dry run shows what a sample would be.
          </Empty>
        ))}
      {groups !== undefined && groups.length > 0 && (
        <ul className="divide-y divide-line">
          {groups.map((group) => (
            <GroupRow
              key={group.fingerprint}
              group={group}
              isOpen={group.fingerprint === opened}
              onToggle={() => open(group.fingerprint === opened ? null : group.fingerprint)}
            />
          ))}
        </ul>
      )}
      <More list={list} />
    </Panel>
  );
}
