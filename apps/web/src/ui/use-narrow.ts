import { useSyncExternalStore } from "react";

const narrow = matchMedia("(max-width: 639px)");

/** Whether there is no more room than on a phone: for what is another thing there, not only narrower. */
export function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      narrow.addEventListener("change", listener);
      return () => narrow.removeEventListener("change", listener);
    },
    () => narrow.matches,
  );
}
