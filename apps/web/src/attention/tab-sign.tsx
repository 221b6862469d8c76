import { useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { SCREENS } from "../shell/screens.ts";
import { faviconOf } from "./favicon.ts";
import { type Attention, useAttention } from "./use-attention.ts";

/** Keeps the title and the icon of the tab at what asks for a person. */
export function TabSign() {
  const attention = useAttention();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const title = titleOf(attention, path);
  const icon = faviconOf(attention);
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    if (link !== null && link.getAttribute("href") !== icon) link.href = icon;
  }, [icon]);
  return null;
}

function titleOf({ decisions, failures, lost }: Attention, path: string): string {
  const asks = [
    ...(lost ? ["Connection lost"] : []),
    ...(decisions > 0 ? [decisions === 1 ? "1 decision" : `${decisions} decisions`] : []),
    ...(failures > 0 ? [`${failures} failed`] : []),
  ].join(", ");
  const screen = path === "/" ? "" : nameOf(path);
  return [asks, screen, "Hive"].filter((part) => part !== "").join(" · ");
}

/** Of a job its id, of any other screen its title. */
function nameOf(path: string): string {
  const [, place = "", id = ""] = path.split("/");
  if (place === "jobs" && id !== "") return decodeURIComponent(id).slice(0, 80);
  return SCREENS.find((screen) => screen.path === `/${place}`)?.title ?? "";
}
