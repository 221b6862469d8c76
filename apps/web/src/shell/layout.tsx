import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { Menu, Search } from "lucide-react";
import { Suspense, useEffect, useRef, useState } from "react";
import { useApi } from "../api/use-api.ts";
import { Notifier } from "../attention/notifier.tsx";
import { TabSign } from "../attention/tab-sign.tsx";
import { useStreamState } from "../live/use-live.ts";
import { Button } from "../ui/button.tsx";
import { Modal } from "../ui/dialog.tsx";
import { Loading } from "../ui/states.tsx";
import { KeyList } from "./key-list.tsx";
import { useKeys } from "./keys.ts";
import { Palette } from "./palette.tsx";
import { SCREENS, type Screen } from "./screens.ts";

type Opened = "palette" | "keys" | "menu" | null;

/** What is around every screen: the menu, the search, the state of the connection. */
export function Layout() {
  const navigate = useNavigate();
  const [opened, setOpened] = useState<Opened>(null);
  const close = (): void => setOpened(null);
  const path = useRouterState({ select: (state) => state.location.pathname });

  useKeys([
    { keys: "?", about: "This list", group: "Everywhere", run: () => setOpened("keys") },
    { keys: "/", about: "Search and palette", group: "Everywhere", run: () => setOpened("palette") },
    ...SCREENS.map((screen) => ({
      keys: `g ${screen.key}`,
      about: screen.title,
      group: "Go to",
      run: () => void navigate({ to: screen.path }),
    })),
  ]);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setOpened((now) => (now === "palette" ? null : "palette"));
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
  // A phone's menu has done what it is for.
  useEffect(() => setOpened(null), [path]);

  return (
    <div className="flex min-h-dvh">
      <a
        href="#screen"
        className="fixed top-2 left-2 z-50 -translate-y-20 rounded bg-honey px-3 py-1.5 text-sm text-honey-ink focus:translate-y-0"
      >
        Skip to the content
      </a>
      <aside className="sticky top-0 hidden h-dvh w-52 shrink-0 flex-col border-r border-line bg-panel md:flex">
        <Link to="/" className="flex items-center gap-2 px-4 py-3.5 text-base font-semibold text-ink no-underline">
          <img src="/bee.svg" alt="" width={26} height={26} />
          Hive
        </Link>
        <nav aria-label="Screens" className="flex-1 overflow-y-auto px-2">
          {SCREENS.map((screen) => (
            <ScreenLink key={screen.path} screen={screen} />
          ))}
        </nav>
        <div className="space-y-1 border-t border-line p-2">
          <Button look="quiet" className="w-full justify-between!" onClick={() => setOpened("palette")}>
            <span className="flex items-center gap-1.5">
              <Search aria-hidden size={15} /> Search
            </span>
            <kbd className="font-mono text-xs">/</kbd>
          </Button>
          <Connection />
        </div>
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <main
          id="screen"
          tabIndex={-1}
          className="mx-auto w-full max-w-[100rem] flex-1 px-4 py-5 pb-24 outline-none md:px-6 md:pb-8"
        >
          <Arrival path={path} />
          <Suspense fallback={<Loading rows={6} />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <nav
        aria-label="Screens"
        className="fixed inset-x-0 bottom-0 z-30 grid grid-cols-5 border-t border-line bg-panel pb-[env(safe-area-inset-bottom)] md:hidden"
      >
        {SCREENS.filter(({ first }) => first === true).map((screen) => (
          <Link
            key={screen.path}
            to={screen.path}
            activeOptions={{ exact: screen.path === "/" }}
            className="flex min-h-14 flex-col items-center justify-center gap-0.5 text-[11px] text-soft no-underline aria-[current=page]:font-medium aria-[current=page]:text-ink"
          >
            <screen.icon aria-hidden size={19} />
            {screen.title}
          </Link>
        ))}
        <button
          type="button"
          onClick={() => setOpened("menu")}
          className="flex min-h-14 flex-col items-center justify-center gap-0.5 text-[11px] text-soft"
        >
          <Menu aria-hidden size={19} />
          More
        </button>
      </nav>
      <TabSign />
      <Notifier />
      <Palette open={opened === "palette"} onClose={close} />
      <KeyList open={opened === "keys"} onClose={close} />
      <Modal open={opened === "menu"} onClose={close} title="Screens" actions={<Connection />}>
        <nav aria-label="All screens">
          {SCREENS.map((screen) => (
            <ScreenLink key={screen.path} screen={screen} />
          ))}
          <Button look="quiet" className="mt-1 w-full justify-start!" onClick={() => setOpened("palette")}>
            <Search aria-hidden size={16} /> Search
          </Button>
        </nav>
      </Modal>
    </div>
  );
}

function ScreenLink({ screen: { path, title, icon: Icon } }: { readonly screen: Screen }) {
  return (
    <Link
      to={path}
      activeOptions={{ exact: path === "/" }}
      className="flex min-h-8 items-center gap-2.5 rounded-md px-2.5 py-1 text-sm text-soft no-underline hover:bg-raised hover:text-ink aria-[current=page]:bg-raised aria-[current=page]:font-medium aria-[current=page]:text-ink pointer-coarse:min-h-11"
    >
      <Icon aria-hidden size={16} className="shrink-0" />
      {title}
    </Link>
  );
}

/** Moves the focus to a screen that was gone to, so that who reads with the ears is there too. */
function Arrival({ path }: { readonly path: string }) {
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    document.querySelector<HTMLElement>("#screen")?.focus({ preventScroll: true });
  }, [path]);
  return null;
}

/** Whether what is shown is what is. */
function Connection() {
  const state = useStreamState();
  const health = useApi("health", {}).data;
  const words = state === "live" ? "Live" : state === "connecting" ? "Connecting" : "Connection lost, trying again";
  const dot = state === "live" ? "bg-good" : state === "connecting" ? "bg-warn" : "bg-bad";
  return (
    <p role="status" className="flex items-center gap-2 px-2.5 py-1 text-xs text-soft">
      <span aria-hidden className={`size-2 shrink-0 rounded-full ${dot}`} />
      {words}
      {state === "live" && health !== undefined && <span className="ml-auto">{health.version}</span>}
    </p>
  );
}
