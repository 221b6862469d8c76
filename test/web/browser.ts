/**
 * A real Chromium with a person in front of it. Whatever a page complains of is a failure: errors, refusals of the policy,
 * requests to any other place.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

/** Where Debian puts it. */
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** What somebody waits for a page to do, in milliseconds; a busy machine takes many times as long as a quiet one. */
const PATIENCE_MS = 45_000;

export const DESK = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

export interface Visit {
  readonly url: string;
  /** Signs in with it first. Null: the login form is shown. */
  readonly token: string | null;
  /** Default: `/`. */
  readonly path?: string;
  /** Default: `DESK`. */
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Default: light. */
  readonly colors?: "light" | "dark";
}

export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page complained of so far. */
  readonly complaints: readonly string[];
}

export interface Browser {
  /** A person with an empty browser of their own, in UTC and in English. */
  visit(visit: Visit): Promise<Visitor>;
  /** Ends it. @throws when a page had complained */
  dispose(): Promise<void>;
}

/** Starts one; `ignore`: complaints that belong to a test, by what they say. */
export async function startBrowser(ignore: readonly RegExp[] = []): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), "hive-browser-"));
  const first = await chromium.launchPersistentContext(folder, {
    executablePath: CHROMIUM,
    args: FLAGS,
    headless: true,
  });
  const browser = first.browser();
  if (browser === null) throw new Error("Chromium has no browser of its own");
  const complaints: string[] = [];

  return {
    async visit({ url, token, path = "/", viewport = DESK, colors = "light" }) {
      const isPhone = viewport.width < 600;
      const context = await browser.newContext({
        baseURL: url,
        viewport,
        colorScheme: colors,
        timezoneId: "UTC",
        locale: "en-GB",
        reducedMotion: "reduce",
        hasTouch: isPhone,
        isMobile: isPhone,
      });
      context.setDefaultTimeout(PATIENCE_MS);
      if (token !== null) {
        const signedIn = await context.request.post("/v1/session", { data: { token } });
        if (!signedIn.ok()) throw new Error(`signing in was answered with ${signedIn.status()}`);
      }
      const page = await context.newPage();
      const mine: string[] = [];
      const complain = (what: string): void => {
        if (ignore.some((each) => each.test(what))) return;
        mine.push(what);
        complaints.push(`${page.url()}: ${what}`);
      };
      page.on("pageerror", (error) => complain(`error: ${error.message}`));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning")
          complain(`${message.text()} ${message.location().url}`);
      });
      page.on("request", (request) => {
        const to = request.url();
        if (!to.startsWith(url) && !to.startsWith("data:") && !to.startsWith("blob:")) complain(`asks ${to}`);
      });
      await page.goto(path);
      return { page, context, complaints: mine };
    },

    async dispose() {
      await browser.close().catch(() => undefined);
      await first.close().catch(() => undefined);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
      if (complaints.length > 0) throw new Error(`pages complained:\n${complaints.join("\n")}`);
    },
  };
}
