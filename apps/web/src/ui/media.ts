import { useCallback, useSyncExternalStore } from "react";

/** Whether a media query is true now, such as `(max-width: 767px)`. */
export function useMedia(query: string): boolean {
  const onChange = useCallback(
    (listener: () => void) => {
      const media = matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    [query],
  );
  return useSyncExternalStore(onChange, () => matchMedia(query).matches);
}
