/**
 * Every page of the explorer in a real Chromium: wide and narrow, light and dark, English and
 * Korean; judged by axe-core and html-validate, watched for requests to anywhere else. Pictures of
 * all of them are left in .build/screenshots.
 */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { browserTest, PICTURES, Visit } from "../support/browser.ts";
import { axeFindings, htmlFindings } from "../support/browser_checks.ts";
import { playScene, type Scene } from "../support/browser_scene.ts";
import { withTempDir } from "../support/moim.ts";

const WIDE = 1280;
const PHONE = 360;

/** Each page under the name of its picture, with the status it comes with. */
function pagesOf(scene: Scene): Record<string, { path: string; status?: number }> {
  return {
    chain: { path: "/" },
    "chain-older": { path: "/?before=20" },
    block: { path: `/block/${scene.tip}` },
    "block-side": { path: `/block/${scene.side}` },
    genesis: { path: "/block/0" },
    payment: { path: `/tx/${scene.payment}` },
    pending: { path: `/tx/${scene.pending}` },
    address: { path: `/address/${scene.address}` },
    mempool: { path: "/mempool" },
    peers: { path: "/peers" },
    forks: { path: "/forks" },
    stats: { path: "/stats" },
    class: { path: "/class" },
    "search-none": { path: "/search?q=nothing+like+that", status: 404 },
    "wallet-locked": { path: "/wallet" },
    "not-found": { path: "/block/123456", status: 404 },
    malformed: { path: "/tx/zz", status: 400 },
    wallet: { path: `/wallet#token=${scene.site.token}` },
  };
}

type Look = { width: number; theme: "light" | "dark" };

/** Each theme at each width, and each language at both. */
const ROUNDS: { language: "en" | "ko"; looks: Look[] }[] = [
  { language: "en", looks: [{ width: WIDE, theme: "light" }, { width: PHONE, theme: "dark" }] },
  { language: "ko", looks: [{ width: WIDE, theme: "dark" }, { width: PHONE, theme: "light" }] },
];

browserTest(
  "every page, wide and narrow, light and dark, in both languages",
  (browser) =>
    withTempDir(async (dir) => {
      await using nodes = new AsyncDisposableStack();
      const scene = await playScene(dir, "점심 값, lunch", nodes);
      await Deno.mkdir(PICTURES, { recursive: true });
      const findings = await Promise.all(ROUNDS.map(async ({ language, looks }) => {
        const visit = await Visit.open(browser, scene.site.origin, { language });
        const found: string[] = [];
        for (const [name, { path, status = 200 }] of Object.entries(pagesOf(scene))) {
          const where = `${name} ${language}`;
          assert.equal(await visit.go(path), status, where);
          assert.equal(await visit.page.getAttribute("html", "lang"), language, where);
          if (name === "wallet") await visit.page.locator("#activity li").first().waitFor();
          found.push(...await htmlOf(visit, path, where));
          for (const look of looks) found.push(...await looksOf(visit, where, look));
          if (status === 200) visit.assertQuiet(where);
          visit.complaints.length = 0; // Chromium complains of each answer that is not 200.
        }
        visit.assertQuiet(language);
        return found;
      }));
      assert.equal(findings.flat().join("\n"), "");
    }),
);

/** What is wrong with the page as it stands, looked at in one way; leaves a picture of it. */
async function looksOf(visit: Visit, where: string, { width, theme }: Look): Promise<string[]> {
  await visit.lookAs(width, theme);
  const found = await axeFindings(visit.page);
  const overflow = await visit.overflow();
  if (overflow > 0) found.push(`is ${overflow} px wider than the window`);
  const name = `${where} ${width} ${theme}`;
  const path = join(PICTURES, `${name.replaceAll(" ", "-")}.png`);
  await visit.page.screenshot({ path, fullPage: true });
  return found.map((line) => `${name}: ${line}`);
}

/** What is wrong with the HTML that the node serves for a path. */
async function htmlOf(visit: Visit, path: string, where: string): Promise<string[]> {
  const response = await visit.page.context().request.get(path.split("#")[0]!);
  const found = await htmlFindings(await response.text());
  return found.map((line) => `${where} html: ${line}`);
}
