/** The sign in the tab: the bee, and on it what asks for a person. */
import type { Attention } from "./use-attention.ts";

const CELL = "M16 2 28 9v14l-12 7L4 23V9z";

/** The address of an icon, of nothing from outside. */
export function faviconOf({ decisions, failures, lost }: Attention): string {
  if (!lost && decisions === 0 && failures === 0) return "/bee.svg";
  const body = lost ? "#8d8471" : "#f5b301";
  const [ground, sign] = lost
    ? ["#221d14", "?"]
    : decisions > 0
      ? ["#1d4f9c", countOf(decisions)]
      : ["#a61b1b", countOf(failures)];
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">`,
    `<path d="${CELL}" fill="${body}"/>`,
    `<ellipse cx="13" cy="15" rx="5" ry="7" fill="#2a2113"/>`,
    `<path d="M8.300 13.500h9.400M8.300 17.500h9.400" stroke="${body}" stroke-width="1.800"/>`,
    `<circle cx="22" cy="22" r="10" fill="${ground}" stroke="#fff" stroke-width="1.500"/>`,
    `<text x="22" y="27" font-family="sans-serif" font-size="14" font-weight="700" fill="#fff" text-anchor="middle">${sign}</text>`,
    `</svg>`,
  ].join("");
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function countOf(count: number): string {
  return count > 9 ? "9+" : String(count);
}
