import { useState } from "react";

/** On or off, as this browser's person left it. */
export function useSwitch(key: string, otherwise: boolean): readonly [boolean, (next: boolean) => void] {
  const [isOn, setOn] = useState(() => (localStorage.getItem(key) ?? String(otherwise)) === "true");
  return [
    isOn,
    (next) => {
      localStorage.setItem(key, String(next));
      setOn(next);
    },
  ];
}
