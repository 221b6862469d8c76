import { Modal } from "../ui/dialog.tsx";
import { useKnownKeys } from "./keys.ts";

/** What `?` shows. */
export function KeyList({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }) {
  const groups = Map.groupBy(useKnownKeys(), ({ group = "This screen" }) => group);
  return (
    <Modal open={open} onClose={onClose} title="Keys" wide>
      <div className="grid gap-x-8 gap-y-4 sm:grid-cols-2">
        {[...groups].map(([group, keys]) => (
          <section key={group}>
            <h3 className="mb-1 text-sm font-semibold">{group}</h3>
            <dl className="text-sm">
              {keys.map((key) => (
                <div key={`${key.keys} ${key.about}`} className="flex justify-between gap-4 py-0.5">
                  <dt className="text-soft">{key.about}</dt>
                  <dd>
                    {key.keys.split(" ").map((each) => (
                      <kbd
                        key={each}
                        className="ml-1 rounded border border-line bg-raised px-1.5 font-mono text-xs leading-5"
                      >
                        {each}
                      </kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}
