import type { Pages } from "../api/use-pages.ts";
import { Button } from "./button.tsx";

/** The end of a list that comes in pages. */
export function More({
  list: { more, isMore },
  label = "Show more",
}: {
  readonly list: Pick<Pages<never>, "more" | "isMore">;
  readonly label?: string;
}) {
  if (more === null) return null;
  return (
    <div className="flex justify-center border-t border-line p-3">
      <Button busy={isMore} onClick={more}>
        {label}
      </Button>
    </div>
  );
}
