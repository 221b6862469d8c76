/**
 * A network of the test engine's own. Two Docker engines in one network namespace break each other (each takes the same
 * bridge, the same addresses and the same chains of the firewall), and a developer's own engine must not notice a test.
 * So the engine lives in a namespace that one cable ties to this machine: through it containers reach the internet and
 * servers of the test, and the test reaches published ports.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

/** One engine's network. */
export interface EngineNetwork {
  readonly namespace: string;
  /** This machine's address as containers see it. */
  readonly hostAddress: string;
  /** The engine's address as this machine sees it: where ports are published. */
  readonly engineAddress: string;
  /** Removes all of it. Safe to repeat. */
  remove(): void;
}

const FORWARDING = "/proc/sys/net/ipv4/ip_forward";

/** Ties a new namespace to this machine. `id` is the namespace's name, unique on this machine. @throws without root */
export function makeNetwork(id: string): EngineNetwork {
  const cable = `hvt${id.slice(-8)}`;
  const [hostAddress, engineAddress, subnet] = freeSubnet();
  const forwarding = readFileSync(FORWARDING, "utf8").trim();
  const undo: (() => void)[] = [];
  const remove = (): void => {
    for (let next = undo.pop(); next !== undefined; next = undo.pop()) next();
  };
  const rule = (...words: string[]): void => {
    const [table, chain, ...match] = words as [string, string, ...string[]];
    const all = [...match, "-m", "comment", "--comment", id];
    run("iptables", "-w", "-t", table, "-I", chain, ...all);
    undo.push(() => run("iptables", "-w", "-t", table, "-D", chain, ...all));
  };
  try {
    run("ip", "netns", "add", id);
    undo.push(() => run("ip", "netns", "del", id));
    run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", id);
    run("ip", "address", "add", `${hostAddress}/30`, "dev", cable);
    run("ip", "link", "set", cable, "up");
    for (const words of [
      ["address", "add", `${engineAddress}/30`, "dev", "eth0"],
      ["link", "set", "eth0", "up"],
      ["link", "set", "lo", "up"],
      ["route", "add", "default", "via", hostAddress],
    ]) {
      run("ip", "-n", id, ...words);
    }
    if (forwarding !== "1") {
      writeFileSync(FORWARDING, "1");
      undo.push(() => writeFileSync(FORWARDING, forwarding));
    }
    rule("nat", "POSTROUTING", "-s", subnet, "!", "-o", cable, "-j", "MASQUERADE");
    rule("filter", "FORWARD", "-i", cable, "-j", "ACCEPT");
    rule("filter", "FORWARD", "-o", cable, "-j", "ACCEPT");
  } catch (error) {
    remove();
    throw error;
  }
  return { namespace: id, hostAddress, engineAddress, remove };
}

/** Removes the networks that test runs left when they were killed: `isOver` says of a namespace that its run is gone. */
export function removeNetworks(isOver: (id: string) => boolean): void {
  const ids = run("ip", "netns", "list")
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((id) => id !== "" && isOver(id));
  for (const id of ids) {
    run("ip", "netns", "del", id);
    for (const table of ["nat", "filter"]) {
      for (const line of run("iptables", "-w", "-t", table, "-S").split("\n")) {
        if (!line.includes(`--comment ${id} `) && !line.includes(`--comment "${id}"`)) continue;
        run("iptables", "-w", "-t", table, ...line.replace(/^-A/, "-D").replaceAll('"', "").split(" "));
      }
    }
  }
}

/** Two addresses of a network nobody here has. */
function freeSubnet(): [host: string, engine: string, subnet: string] {
  const taken = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address));
  for (let tries = 0; tries < 256; tries += 1) {
    // Not all from the same end: two test runs may look at the same moment.
    const prefix = `10.213.${(process.pid + tries) % 256}.`;
    if (!taken.some((address) => address?.startsWith(prefix))) return [`${prefix}1`, `${prefix}2`, `${prefix}0/30`];
  }
  throw new Error("no free network below 10.213.0.0/16");
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
