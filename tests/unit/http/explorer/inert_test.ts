/** What strangers choose freely is shown as letters, and cannot be more than that. */
import { strict as assert } from "node:assert";
import { Hono } from "hono";
import { formatCoinsLong, inertText, isoMoment } from "../../../../lib/http/explorer/format.ts";
import { addExplorer } from "../../../../lib/http/explorer/mod.ts";
import { shownMemo } from "../../../../lib/http/explorer/memo.ts";
import { ADDRESS, hostileNode, MEMOS, memoTxId } from "../../../support/hostile_node.ts";

/** Controls, marks that turn text around, and what hides. */
const UNSEEN = /[\p{Cc}\u200B\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF\u{E0000}-\u{E007F}]/u;

Deno.test("nothing of a hostile node's answers gets out of its place", async () => {
  const app = new Hono();
  addExplorer(app, hostileNode(), { version: "0.1.0", homeUrl: () => "" });
  const paths = [
    "/",
    "/block/5",
    `/address/${ADDRESS}`,
    "/mempool",
    "/peers",
    "/forks",
    "/stats",
    "/class",
    `/search?q=${encodeURIComponent(`"><script>x</script>\u202Ex`)}`,
    ...MEMOS.map((_, number) => `/tx/${memoTxId(number)}`),
  ];
  for (const path of paths) {
    const html = await (await app.request(path)).text();
    assert.equal([...html.matchAll(/<script/g)].length, 1, path);
    const tags = html.replaceAll(/"[^"]*"/g, '""');
    assert.doesNotMatch(tags, /<img|<[^>]*\son[a-z]+=[^>]*>/, path);
    assert.doesNotMatch(html.replaceAll("\n", " "), UNSEEN, path);
  }
});

Deno.test("characters that cannot be seen are spelled out, emoji are left whole", () => {
  assert.equal(inertText("a\u202Eb\u2066c\u0000d\ne"), "a\\u{202e}b\\u{2066}c\\u{0000}d\\ne");
  assert.equal(inertText("x\u200Dy\u200Bz\u3164\u2800"), "x\\u{200d}y\\u{200b}z\\u{3164}\\u{2800}");
  for (const text of ["점심 🍜", "👩‍🏫 👨‍👩‍👧 ❤️", "e\u0301", "한글", ""]) {
    assert.equal(inertText(text), text);
  }
});

Deno.test("a memo is text, or hex when it is none; a coinbase's follows the height", () => {
  const kind = "payment";
  assert.deepEqual(shownMemo({ kind, memoHex: "eab080" }), { text: "가" });
  assert.deepEqual(shownMemo({ kind, memoHex: "ff00" }), { hex: "ff00" });
  assert.equal(shownMemo({ kind, memoHex: "" }), undefined);
  assert.equal(shownMemo({ kind: "coinbase", memoHex: "d209" }), undefined);
  assert.deepEqual(shownMemo({ kind: "coinbase", memoHex: "d20968" }), { text: "h" });
  assert.deepEqual(shownMemo({ kind: "coinbase", memoHex: "80" }), { hex: "80" });
});

Deno.test("amounts are exact to the last grain, and late times are still times", () => {
  assert.equal(formatCoinsLong(Number.MAX_SAFE_INTEGER, "en"), "9,007,199,254.740991");
  assert.equal(formatCoinsLong(-1, "ko"), "\u22120.000001");
  assert.match(isoMoment(2 ** 53 - 1), /^\d{4,}-\d\d-\d\dT/);
  assert.equal(isoMoment(0), "1970-01-01T00:00:00.000Z");
});
