/** What strangers may choose freely does nothing on a page but be read. */
import { strict as assert } from "node:assert";
import type { Browser } from "playwright-core";
import { serveApi } from "../../lib/http/mod.ts";
import { browserTest, Visit } from "../support/browser.ts";
import { htmlFindings } from "../support/browser_checks.ts";
import { ADDRESS, hostileNode, MEMOS, memoTxId } from "../support/hostile_node.ts";

const PAGES = [
  "/",
  "/block/5",
  ...MEMOS.map((_, number) => `/tx/${memoTxId(number)}`),
  `/address/${ADDRESS}`,
  "/mempool",
  "/peers",
  "/forks",
  "/stats",
  "/class",
  "/wallet",
  `/search?q=${encodeURIComponent(`"><script>globalThis.harmed = "search"</script>\u202Ex`)}`,
];

/** Controls, marks that turn text around, and what hides: none may stand on a page as itself. */
const UNSEEN = /[\p{Cc}\u200B\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF\u{E0000}-\u{E007F}]/u;

browserTest(
  "memos, agents and names of strangers are shown inert on every page",
  async (browser) => {
    const server = await serveApi(hostileNode(), {
      setting: { kind: "on", host: "127.0.0.1", port: 0 },
      preferredPort: 0,
      token: "t".repeat(64),
      instanceId: "hostile",
    });
    try {
      await visitAll(browser, `http://127.0.0.1:${server.port}`);
    } finally {
      await server.close();
    }
  },
);

async function visitAll(browser: Browser, origin: string) {
  const visit = await Visit.open(browser, origin, { width: 360 });
  const { page } = visit;
  page.on("dialog", (dialog) => {
    visit.complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const findings: string[] = [];
  for (const path of PAGES) {
    const response = await page.goto(path, { waitUntil: "load" });
    const html = await response!.text();
    findings.push(...(await htmlFindings(html)).map((line) => `${path}: ${line}`));
    assert.equal(await page.evaluate("globalThis.harmed"), undefined, path);
    assert.doesNotMatch(await page.title(), UNSEEN, path);
    const text = await page.locator("body").innerText();
    assert.doesNotMatch(text.replaceAll(/[\n\t]/g, " "), UNSEEN, path);
    // Written into the page it would be an element; here it is letters.
    assert.equal(await page.locator("img[src=x], [onerror], [onload], [onfocus]").count(), 0, path);
    const links: string[] = await page.evaluate(
      "[...document.links].map((each) => new URL(each.getAttribute('href'), location).protocol)",
    );
    assert.ok(links.every((protocol) => protocol === "http:"), `${path}: ${links}`);
    const overflow = await visit.overflow();
    if (overflow > 0) findings.push(`${path}: is ${overflow} px wider than the window`);
    if (response!.ok()) visit.assertQuiet(path);
    visit.complaints.length = 0;
  }
  assert.equal(findings.join("\n"), "");
  await page.goto(`/tx/${memoTxId(0)}`);
  assert.match(await page.locator("main").innerText(), /<script>globalThis\.harmed/);
}
