/**
 * A network namespace with links of its own to this machine's network, in which packets can be dropped in one direction
 * or in both: connections neither break nor refuse, they fall silent, as behind a dead switch. The rules are in the
 * namespace, so that the machine's own are not touched. Only root can.
 */
import { execFileSync } from "node:child_process";

/** Seen from inside: what comes in, what goes out. */
export type Dropped = "in" | "out" | "both";

/** The two ends of a link. */
export interface Link {
  /** The address of the namespace. */
  readonly inside: string;
  /** The address of this machine, as the namespace sees it. */
  readonly outside: string;
}

export interface Namespace extends Disposable {
  /** Starts a program in it, which keeps its process id: `startedBy` of workers and Redis. */
  readonly startedBy: readonly string[];
  readonly links: readonly [Link, ...Link[]];
  /** Drops packets of this link from now on. */
  drop(what: Dropped, link?: number): void;
  /** Drops nothing any more. */
  heal(): void;
}

let count = 0;

/** Makes it, with this many links. Its processes must be over before it goes. @throws without root */
export function openNamespace(links = 1): Namespace {
  count += 1;
  const name = `hive-${process.pid}-${count}`;
  const ip = (...args: readonly string[]): void => void execFileSync("ip", args, { stdio: "pipe" });
  const rule = (...args: readonly string[]): void => ip("netns", "exec", name, "iptables", "-w", ...args);
  const remove = (): void => {
    process.off("exit", remove);
    ip("netns", "del", name);
  };
  const device = (link: number, side: string): string => `h${process.pid}-${count}${side}${link}`;
  ip("netns", "add", name);
  process.once("exit", remove);
  try {
    const made = Array.from({ length: links }, (_, link): Link => {
      // 198.18.0.0/15 is nobody's: it is there for tests of networks. Four addresses a link.
      const place = (process.pid * 32 + count * 4 + link) % 32_768;
      const address = (last: number): string =>
        `198.${18 + Math.floor(place / 16_384)}.${Math.floor(place / 64) % 256}.${(place % 64) * 4 + last}`;
      const [outside, inside] = [device(link, "o"), device(link, "i")];
      ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name);
      ip("addr", "add", `${address(1)}/30`, "dev", outside);
      ip("link", "set", outside, "up");
      ip("-n", name, "addr", "add", `${address(2)}/30`, "dev", inside);
      ip("-n", name, "link", "set", inside, "up");
      return { inside: address(2), outside: address(1) };
    });
    ip("-n", name, "link", "set", "lo", "up");
    const [first, ...others] = made;
    if (first === undefined) throw new RangeError("a namespace needs a link");
    return {
      startedBy: ["ip", "netns", "exec", name],
      links: [first, ...others],
      drop(what, link = 0) {
        const own = device(link, "i");
        if (what !== "out") rule("-A", "INPUT", "-i", own, "-j", "DROP");
        if (what !== "in") rule("-A", "OUTPUT", "-o", own, "-j", "DROP");
      },
      heal: () => rule("-F"),
      [Symbol.dispose]: remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}
