/** The screens that can be reached from everywhere: the menu, the palette and the keys all read this list. */
import {
  Bell,
  CalendarClock,
  CirclePlus,
  Gauge,
  Hexagon,
  Info,
  ListChecks,
  Network,
  type LucideIcon,
  Radio,
  Server,
  Webhook,
} from "lucide-react";

export interface Screen {
  readonly path: string;
  readonly title: string;
  readonly icon: LucideIcon;
  /** `g`, then this one. */
  readonly key: string;
  /** One line for the palette. */
  readonly about: string;
  /** Where a phone has room for four: in its bar at the bottom. Default: false. */
  readonly first?: true;
}

export const SCREENS: readonly Screen[] = [
  { path: "/", title: "Hive", icon: Hexagon, key: "h", about: "What happens now, and what needs you", first: true },
  {
    path: "/jobs",
    title: "Jobs",
    icon: ListChecks,
    key: "j",
    about: "Every job, by status and repository",
    first: true,
  },
  { path: "/new", title: "New job", icon: CirclePlus, key: "n", about: "Put work in", first: true },
  { path: "/dependencies", title: "Dependencies", icon: Network, key: "d", about: "Jobs that wait for each other" },
  { path: "/schedules", title: "Schedules", icon: CalendarClock, key: "c", about: "Jobs by the clock" },
  {
    path: "/sources",
    title: "Sources",
    icon: Radio,
    key: "s",
    about: "Jobs from alerts, logs, feeds and repositories",
  },
  { path: "/workers", title: "Workers", icon: Server, key: "w", about: "Who does the work", first: true },
  { path: "/pools", title: "Pools", icon: Gauge, key: "p", about: "The kinds of workers, and how many of each" },
  { path: "/callbacks", title: "Callbacks", icon: Webhook, key: "b", about: "What your backend was told" },
  { path: "/settings", title: "Settings", icon: Bell, key: "t", about: "This browser, notifications, signing out" },
  { path: "/about", title: "About", icon: Info, key: "a", about: "This server: version, store, documents" },
];
