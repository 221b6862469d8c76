import { useMemo, useSyncExternalStore } from "react";

/** Whether a media query is true now, such as `(max-width: 767px)`. */
export function useMedia(query: string): boolean {
  const { onChange, isTrue } = useMemo(() => {
    const media = matchMedia(query);
    return {
      onChange: (listener: () => void) => {
        media.addEventListener("change", listener);
        return () => media.removeEventListener("change", listener);
      },
      isTrue: () => media.matches,
    };
  }, [query]);
  return useSyncExternalStore(onChange, isTrue);
}
