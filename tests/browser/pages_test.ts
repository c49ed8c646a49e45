/**
 * Every page of the explorer in a real Chromium, in English and Korean: judged by html-validate, held
 * against the widths of windows, watched for requests to anywhere else. axe-core judges each page wide
 * and narrow, light and dark; in Korean, where only the words differ, once, or with MOIM_LONG=1 as
 * often, which also leaves pictures of all of them in .build/screenshots.
 */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { browserTest, PICTURES, Visit } from "../support/browser.ts";
import { axeFindings, htmlFindings } from "../support/browser_checks.ts";
import { playScene, type Scene } from "../support/browser_scene.ts";
import { withTempDir } from "../support/moim.ts";

const LONG = Deno.env.get("MOIM_LONG") === "1";
const WIDE = 1280;
const PHONE = 360;
/** The narrowest window that still shows everything without being pushed sideways. */
const NARROWEST = 320;

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
const ROUNDS: { language: "en" | "ko"; looks: Look[]; judgedLooks: number }[] = [
  {
    language: "en",
    looks: [{ width: WIDE, theme: "light" }, { width: PHONE, theme: "dark" }],
    judgedLooks: 2,
  },
  {
    language: "ko",
    looks: [{ width: WIDE, theme: "dark" }, { width: PHONE, theme: "light" }],
    judgedLooks: LONG ? 2 : 1,
  },
];

browserTest(
  "every page, wide and narrow, light and dark, in both languages",
  (browser) =>
    withTempDir(async (dir) => {
      await using nodes = new AsyncDisposableStack();
      const scene = await playScene(dir, "점심 값, lunch", nodes);
      if (LONG) await Deno.mkdir(PICTURES, { recursive: true });
      const findings = await Promise.all(ROUNDS.map(async ({ language, looks, judgedLooks }) => {
        const visit = await Visit.open(browser, scene.site.origin, { language });
        const found: string[] = [];
        for (const [name, { path, status = 200 }] of Object.entries(pagesOf(scene))) {
          const where = `${name} ${language}`;
          assert.equal(await visit.go(path), status, where);
          assert.equal(await visit.page.getAttribute("html", "lang"), language, where);
          if (name === "wallet") await visit.page.locator("#activity li").first().waitFor();
          found.push(...await htmlOf(visit, path, where));
          for (const [place, look] of looks.entries()) {
            found.push(...await widthOf(visit, where, look));
            if (place < judgedLooks) found.push(...await looksOf(visit, where, look));
          }
          found.push(...await widthOf(visit, where, { width: NARROWEST, theme: "light" }));
          if (status === 200) visit.assertQuiet(where);
          visit.complaints.length = 0; // Chromium complains of each answer that is not 200.
        }
        visit.assertQuiet(language);
        return found;
      }));
      assert.equal(findings.flat().join("\n"), "");
    }),
);

/** Looks at the page in one way; whether it must be pushed sideways. */
async function widthOf(visit: Visit, where: string, { width, theme }: Look): Promise<string[]> {
  await visit.lookAs(width, theme);
  const overflow = await visit.overflow();
  return overflow > 0 ? [`${where} ${width}: is ${overflow} px wider than the window`] : [];
}

/** What is wrong with the page as it stands; in a long run leaves a picture of it. */
async function looksOf(visit: Visit, where: string, { width, theme }: Look): Promise<string[]> {
  const found = await axeFindings(visit.page);
  const name = `${where} ${width} ${theme}`;
  if (LONG) {
    const path = join(PICTURES, `${name.replaceAll(" ", "-")}.png`);
    await visit.page.screenshot({ path, fullPage: true });
  }
  return found.map((line) => `${name}: ${line}`);
}

/** What is wrong with the HTML that the node serves for a path. */
async function htmlOf(visit: Visit, path: string, where: string): Promise<string[]> {
  const response = await visit.page.context().request.get(path.split("#")[0]!);
  const found = await htmlFindings(await response.text());
  return found.map((line) => `${where} html: ${line}`);
}
