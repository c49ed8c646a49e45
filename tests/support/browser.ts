/**
 * A real Chromium for tests: found on the machine, without a window, and cut off from everything
 * but loopback. A visit watches what the page asks for and complains about, from its first byte.
 */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import process from "node:process";
import type { Browser, BrowserContext, Page } from "playwright-core";

/** Where a Chromium may be, besides what CHROME_PATH names. */
const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/snap/bin/chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** Where pictures are left: build output, never committed. */
export const PICTURES = join(import.meta.dirname!, "../../.build/screenshots");

/** Nothing on a page takes this long unless it is broken. */
const PATIENCE_MS = 20_000;

/** The program's file, or undefined where this machine has none. */
function findBrowser(): string | undefined {
  const named = Deno.env.get("CHROME_PATH");
  return [...(named ? [named] : []), ...PLACES].find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** A browser that must be there: its absence is a failure, not a reason to skip. */
function isRequired(): boolean {
  return Deno.env.get("MOIM_BROWSER") === "require" || Deno.env.get("CI") === "true";
}

/**
 * A test with a browser of its own, closed afterwards. Without one on the machine it is ignored,
 * and its name says why; with MOIM_BROWSER=require or CI=true it fails instead.
 */
export function browserTest(
  name: string,
  run: (browser: Browser, context: Deno.TestContext) => Promise<void>,
): void {
  const path = findBrowser();
  const ignore = path === undefined && !isRequired();
  Deno.test({
    name: ignore ? `${name} (no Chromium here: install it, or name it in CHROME_PATH)` : name,
    ignore,
    fn: async (context) => {
      assert.ok(path, "MOIM_BROWSER or CI asks for a Chromium: install it, or set CHROME_PATH");
      const browser = await launch(path);
      try {
        await run(browser, context);
      } catch (error) {
        await keepPictures(browser, name);
        throw error;
      } finally {
        await browser.close();
      }
    },
  });
}

async function launch(executablePath: string): Promise<Browser> {
  // Told so, the library does not look below /proc for the kind of Linux this is: reading there
  // needs every permission that there is.
  process.env.__IS_WSL_TEST__ = "1";
  // Only here, so that a machine without a browser does not load it.
  const { chromium } = await import("playwright-core");
  return await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
}

/** What a failed test was looking at, for whoever mends it. */
async function keepPictures(browser: Browser, name: string): Promise<void> {
  await Deno.mkdir(PICTURES, { recursive: true });
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [at, page] of pages.entries()) {
    const path = join(PICTURES, `failed ${name.replaceAll(/[^a-z0-9]+/gi, " ")} ${at}.png`);
    await page.screenshot({ path, fullPage: true }).catch(() => {});
  }
}

/** How somebody looks at a page. */
export type VisitOptions = {
  /** Width of the window in pixels. */
  width?: number;
  theme?: "light" | "dark";
  language?: "en" | "ko";
  /** False: scripts are off. */
  script?: boolean;
};

/** One person's window on one node, with nothing remembered; it closes with its browser. */
export class Visit {
  readonly page: Page;
  /** URLs of all requests so far, and of the page itself after each move. */
  readonly urls: string[] = [];
  /** Errors on the console, violations of the content security policy, uncaught exceptions. */
  readonly complaints: string[] = [];
  readonly #origin: string;

  private constructor(context: BrowserContext, page: Page, origin: string) {
    this.page = page;
    this.#origin = origin;
    context.on("request", (request) => this.urls.push(request.url()));
    page.on("framenavigated", (frame) => this.urls.push(frame.url()));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(`uncaught: ${error.message}`));
  }

  /** Opens an empty window for `origin` (http://host:port). */
  static async open(
    browser: Browser,
    origin: string,
    { width = 1280, theme = "light", language = "en", script = true }: VisitOptions = {},
  ): Promise<Visit> {
    const context = await browser.newContext({
      baseURL: origin,
      viewport: { width, height: heightFor(width) },
      colorScheme: theme,
      locale: language === "ko" ? "ko-KR" : "en-US",
      javaScriptEnabled: script,
      // Animations are for people; tests look at where they end.
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(PATIENCE_MS);
    return new Visit(context, await context.newPage(), origin);
  }

  /** Goes to a path and gives the status of the answer. */
  async go(path: string): Promise<number> {
    const response = await this.page.goto(path, { waitUntil: "load" });
    return response?.status() ?? 0;
  }

  /** Makes the window as wide, and the system as light or dark, without a reload. */
  async lookAs(width: number, theme: "light" | "dark"): Promise<void> {
    await this.page.setViewportSize({ width, height: heightFor(width) });
    await this.page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
  }

  /** Nothing was asked of anybody but the own node, and nothing on the way went wrong. */
  assertQuiet(where: string): void {
    const own = (url: string) => url.startsWith(`${this.#origin}/`) || url === "about:blank";
    assert.deepEqual(this.urls.filter((url) => !own(url) && !url.startsWith("data:")), [], where);
    assert.deepEqual(this.complaints, [], where);
  }

  /** Whether something is wider than the window, so that people must push the page sideways. */
  async overflow(): Promise<number> {
    const { width, wanted } = await this.page.evaluate(
      "(({ clientWidth, scrollWidth }) => ({ width: clientWidth, wanted: scrollWidth }))" +
        "(document.documentElement)",
    ) as { width: number; wanted: number };
    return Math.max(0, wanted - width);
  }
}

/** A phone's window is higher than it is wide. */
function heightFor(width: number): number {
  return width < 600 ? 740 : 800;
}
