/** A payment made by a person in a browser, and seen by another on another node. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { browserTest, Visit } from "../support/browser.ts";
import { Website } from "../support/browser_world.ts";
import { withTempDir } from "../support/moim.ts";

const COIN = 1_000_000;
/** What a stranger may write, as somebody types it into the form. */
const MEMO = `<img src=x onerror="globalThis.harmed=1"> \u202Egnp 점심 🍜`;

browserTest(
  "create, mint, send: pending, then confirmed, live, on a second node",
  (browser) =>
    withTempDir(async (dir) => {
      for (const name of ["payer", "friend"]) await Deno.mkdir(join(dir, name));
      await using payer = await Website.start(join(dir, "payer"));
      await using friend = await Website.start(join(dir, "friend"), [payer.peerAddress]);
      const address = await friend.newKey("friend");
      const wallet = await Visit.open(browser, payer.origin);
      const explorer = await Visit.open(browser, friend.origin, { language: "ko" });
      await openWallet(wallet, payer.token);
      await makeKey(wallet.page);
      await explorer.go("/");
      // From here on the friend's page is never loaded again: what it shows, it was told.
      await mark(explorer.page);
      await mint(wallet.page);
      await explorer.page.getByRole("rowheader", { name: "1", exact: true }).waitFor();
      assert.ok(await isMarked(explorer.page), "the page was told, not loaded again");

      await explorer.go("/mempool");
      await mark(explorer.page);
      await send(wallet.page, address, "2.5");
      await wallet.page.getByText("Sent 2.500000 coins").waitFor();
      await wallet.page.getByText("Pending").first().waitFor();
      const link = explorer.page.locator("main a[href^='/tx/']").first();
      await link.waitFor();
      assert.ok(await isMarked(explorer.page), "the page was told, not loaded again");

      await link.click();
      await explorer.page.getByText("대기 중").waitFor();
      await showsMemo(explorer.page);
      await mark(explorer.page);
      await mint(wallet.page);
      await explorer.page.locator("main a[href^='/block/']").first().waitFor();
      await explorer.page.getByText("대기 중").waitFor({ state: "detached" });
      await wallet.page.getByText("Pending").first().waitFor({ state: "detached" });
      assert.ok(await isMarked(explorer.page), "the page was told, not loaded again");

      const { confirmed } = await friend.read(`addresses/${address}`);
      assert.equal(confirmed, 2.5 * COIN);
      assert.equal(await explorer.page.evaluate("globalThis.harmed"), undefined);
      keptSecret(wallet, payer.token);
      wallet.assertQuiet("wallet");
      explorer.assertQuiet("explorer");
    }),
);

/** As `moim open` does: the token stands behind the #, and is gone at once. */
async function openWallet(visit: Visit, token: string) {
  await visit.go("/");
  await visit.go(`/wallet#token=${token}`);
  await visit.page.getByRole("button", { name: "Make a key" }).waitFor();
  assert.doesNotMatch(visit.page.url(), /token|#/);
  await visit.page.reload();
  await visit.page.getByRole("button", { name: "Make a key" }).waitFor();
  await visit.page.goBack();
  assert.equal(new URL(visit.page.url()).pathname, "/");
  await visit.page.goForward();
  assert.doesNotMatch(visit.page.url(), /token|#/);
  await visit.page.getByRole("button", { name: "Make a key" }).waitFor();
}

async function makeKey(page: Page) {
  await page.getByLabel("Name of the new key").fill("민지");
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByText("Recovery words").waitFor();
  await page.getByRole("button", { name: "I wrote them down" }).click();
  await page.locator("#keys").getByText("민지").waitFor();
}

async function mint(page: Page) {
  await page.getByRole("button", { name: "Mint", exact: true }).click();
  await page.getByText(/^Minted block \d+/).waitFor();
}

async function send(page: Page, to: string, coins: string) {
  await page.getByLabel("To: address or name").fill(to);
  await page.getByLabel("Amount in coins").fill(coins);
  await page.getByLabel("Memo").fill(MEMO);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

/** Letters as letters, and what turns text around spelled out. */
async function showsMemo(page: Page) {
  const text = await page.locator("main").innerText();
  assert.ok(text.includes(`<img src=x onerror="globalThis.harmed=1">`), text);
  assert.ok(text.includes("점심 🍜") && !text.includes("\u202E"), text);
}

/** Leaves something in the document that a reload would wipe out. */
async function mark(page: Page) {
  await page.evaluate("globalThis.isSameDocument = true");
}

async function isMarked(page: Page): Promise<boolean> {
  return await page.evaluate("globalThis.isSameDocument === true");
}

/** The token is in no URL that was sent, and in none that a person could read or go back to. */
function keptSecret(visit: Visit, token: string) {
  const sent = visit.urls.map((url) => url.split("#")[0]!);
  assert.deepEqual(sent.filter((url) => url.includes(token)), []);
}
