import { Empty } from "../../ui/states.tsx";
import { Snippet } from "../../ui/snippet.tsx";
import type { CallbackSearch } from "./callback-search.ts";

/** How callbacks begin, or that there are none such. */
export function NoCallbacks({ state, jobId }: { readonly [K in keyof CallbackSearch]: CallbackSearch[K] | undefined }) {
  if (state === "dead") return <Empty title="None is dead">Your backend was told everything it was to be told.</Empty>;
  if (state === "pending") return <Empty title="None waits">Everything was delivered, or given up on.</Empty>;
  if (jobId !== undefined)
    return <Empty title={`No callbacks of ${jobId}`}>It has no callbackUrl, or is not kept any more.</Empty>;
  return (
    <>
      <Empty title="No callbacks yet" command={COMMAND}>
        Hive tells an address of yours what happens to each job: signed, in order, and again until it is answered.
      </Empty>
      <div className="flex justify-center px-4 pb-8">
        <Snippet label="hive.yaml" text="callbackUrl: https://backend.example.com/hive" />
      </div>
    </>
  );
}

const COMMAND = `curl $H/enqueue -H "$A" -H "$J" -d '{"repo":"'$REPO'","task":"test","callbackUrl":"https://backend.example.com/hive"}'`;
