/** Reading without a script, and with the keyboard alone. */
import { strict as assert } from "node:assert";
import type { Browser, Page } from "playwright-core";
import { browserTest, Visit } from "../support/browser.ts";
import { playScene, type Scene } from "../support/browser_scene.ts";
import { withTempDir } from "../support/moim.ts";

/** Tab stops before what a reader looks for must stay few. */
const TABS_MAX = 40;

browserTest(
  "reading without a script, and by keyboard",
  (browser, context) =>
    withTempDir(async (dir) => {
      await using nodes = new AsyncDisposableStack();
      const scene = await playScene(dir, "lunch", nodes);
      await context.step("without a script", () => withoutScript(browser, scene));
      await context.step("with the keyboard alone", () => byKeyboard(browser, scene));
    }),
);

async function withoutScript(browser: Browser, scene: Scene) {
  const visit = await Visit.open(browser, scene.site.origin, { script: false });
  const { page } = visit;
  const main = () => page.locator("main").innerText();
  const shows: Record<string, RegExp> = {
    "/": /Newest blocks/,
    [`/block/${scene.tip}`]: /Block 41/,
    [`/block/${scene.side}`]: /Side branch/,
    [`/tx/${scene.payment}`]: /lunch/,
    [`/tx/${scene.pending}`]: /Pending/,
    [`/address/${scene.address}`]: /History/,
    "/mempool": /1\.234567/,
    "/peers": /moim\/\d/,
    "/forks": /Side/,
    "/stats": /Difficulty/,
    "/class": /Nodes connected/,
  };
  const links = new Set<string>();
  for (const [path, expected] of Object.entries(shows)) {
    assert.equal(await visit.go(path), 200, path);
    assert.match(await main(), expected, path);
    for (const link of await linksOf(page)) links.add(link);
  }
  await allLead(scene, links);
  await visit.go("/wallet");
  await page.locator("noscript .notice").waitFor();
  assert.match(await main(), /The wallet needs script\. Every reading page works without it\./);
  await page.locator("#q").fill("7");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/block\//);
  assert.match(await main(), /Block 7/);
  await page.getByRole("link", { name: "한국어" }).click();
  await page.locator("html[lang=ko]").waitFor();
  assert.match(await main(), /블록 7/);
  await visit.go("/");
  assert.equal(await page.getAttribute("html", "lang"), "ko", "the language is remembered");
  await page.getByRole("link", { name: "어둡게" }).click();
  await page.locator("html[data-theme=dark]").waitFor();
  visit.assertQuiet("without a script");
}

/** Where a page leads, parts of it left aside. */
async function linksOf(page: Page): Promise<string[]> {
  const hrefs: string[] = await page.evaluate(
    "[...document.links].map((each) => each.getAttribute('href'))",
  );
  return hrefs.map((href) => new URL(href, page.url()).href.split("#")[0]!);
}

/** Every link of the node's own pages leads somewhere, and none leads anywhere else. */
async function allLead({ site }: Scene, links: Set<string>) {
  assert.ok(links.size > 50, `only ${links.size} links found`);
  const headers = { authorization: `Bearer ${site.token}`, accept: "text/html,*/*" };
  for (const link of links) {
    assert.ok(link.startsWith(`${site.origin}/`), link);
    const answer = await fetch(link, { headers });
    await answer.body?.cancel();
    assert.equal(answer.status, 200, link);
  }
}

async function byKeyboard(browser: Browser, scene: Scene) {
  const visit = await Visit.open(browser, scene.site.origin);
  const { page } = visit;
  await visit.go("/");
  await page.keyboard.press("Tab");
  assert.match(await focused(visit), /Skip to content/);
  await tabTo(visit, "#q");
  await page.keyboard.type("3");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/block\//);
  await page.getByRole("heading", { level: 1, name: "Block 3" }).waitFor();
  await visit.go("/");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await tabTo(visit, "main a[href^='/block/']");
  const ring = await page.evaluate(
    "(({outlineStyle, outlineWidth}) => outlineStyle + ' ' + outlineWidth)" +
      "(getComputedStyle(document.activeElement))",
  );
  assert.doesNotMatch(String(ring), /^none|\b0px/, "focus can be seen");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/block\//);
  visit.assertQuiet("by keyboard");
}

async function focused({ page }: Visit): Promise<string> {
  return await page.locator("*:focus").innerText();
}

async function tabTo({ page }: Visit, selector: string) {
  for (let tabs = 0; tabs < TABS_MAX; tabs++) {
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${selector} cannot be reached with the keyboard`);
}
