/** Every page in both languages: its status, its words, its headers, and valid HTML. */
import { strict as assert } from "node:assert";
import { Hono } from "hono";
import { HtmlValidate, StaticConfigLoader } from "html-validate";
import { addExplorer } from "../../../../lib/http/explorer/mod.ts";
import type { NodeApi } from "../../../../lib/node/api.ts";
import { addressOf, busyNode, idOf, NOW_MS, peerId, RELAY, RELAYED, TIP } from "./busy_node.ts";

const PAGES: Readonly<Record<string, { en: string; ko: string; status?: number }>> = {
  "/": { en: "Newest blocks", ko: "최신 블록" },
  "/?before=1001": { en: "Earlier blocks", ko: "지난 블록" },
  [`/block/${TIP}`]: { en: "Block 1,234", ko: "블록 1,234" },
  "/block/1000": { en: "Page 1 of 3", ko: "3쪽 중 1쪽" },
  "/block/1000?page=3": { en: "Page 3 of 3", ko: "3쪽 중 3쪽" },
  "/block/0": { en: "Block 0", ko: "블록 0" },
  [`/tx/${idOf("payment")}`]: { en: "Proof of inclusion", ko: "포함 증명" },
  [`/tx/${idOf("pending")}`]: { en: "Pending", ko: "대기 중" },
  [`/tx/${idOf("coinbase 5")}`]: { en: "Newly made coins", ko: "새로 만들어진 코인" },
  [`/address/${addressOf("minji")}`]: { en: "Spendable", ko: "사용 가능" },
  "/mempool": { en: "highest fee rate first", ko: "수수료율이 높은 것부터" },
  "/peers": { en: "Told by a peer", ko: "다른 피어의 소개" },
  "/forks": { en: "36 blocks without a fork", ko: "갈래 없는 블록 36개" },
  "/stats": { en: "Mean spacing", ko: "평균 간격" },
  "/stats?blocks=300": { en: "The last 300 blocks", ko: "최근 블록 300개" },
  "/wallet": { en: "moim open", ko: "moim open" },
  "/class": { en: "Nodes connected", ko: "연결된 노드" },
  "/search": { en: "What are you looking for?", ko: "무엇을 찾을까요?" },
  "/search?q=nothing": { en: "Nothing found", ko: "찾지 못했습니다", status: 404 },
  "/nowhere": { en: "no page at this address", ko: "페이지가 없습니다", status: 404 },
  "/block/9999999": { en: "Not found", ko: "찾을 수 없습니다", status: 404 },
  "/block/1000?page=4": { en: "Not found", ko: "찾을 수 없습니다", status: 404 },
  "/block/-1": { en: "makes no sense", ko: "이해할 수 없습니다", status: 400 },
  "/tx/zz": { en: "makes no sense", ko: "이해할 수 없습니다", status: 400 },
  "/address/minji": { en: "makes no sense", ko: "이해할 수 없습니다", status: 400 },
  [`/address/${addressOf("minji")}?before=bad`]: {
    en: "Bad cursor: leave it",
    ko: "Bad cursor: leave it",
    status: 400,
  },
  [`/address/${addressOf("minji")}?coins=${"9".repeat(200)}`]: {
    en: "makes no sense",
    ko: "이해할 수 없습니다",
    status: 400,
  },
  "/?before=1e3": { en: "makes no sense", ko: "이해할 수 없습니다", status: 400 },
  "/stats?blocks=100000": { en: "makes no sense", ko: "이해할 수 없습니다", status: 400 },
};

const validator = new HtmlValidate(
  new StaticConfigLoader({
    root: true,
    extends: ["html-validate:recommended", "html-validate:document"],
  }),
);

function explorer(node: NodeApi = busyNode()): Hono {
  const app = new Hono();
  addExplorer(app, node, {
    version: "0.1.0",
    homeUrl: () => "http://127.0.0.1:8000/",
    clock: { nowMs: () => NOW_MS, monotonicMs: () => 0, after: () => () => {} },
  });
  return app;
}

async function assertValid(html: string, where: string) {
  const { results } = await validator.validateString(html);
  const findings = results.flatMap(({ messages }) =>
    messages.map(({ ruleId, selector, message }) => `${ruleId} (${selector}): ${message}`)
  );
  assert.deepEqual(findings, [], where);
}

/** Tags go, and what is left reads as the page's text. */
function textOf(html: string): string {
  return html.replaceAll(/<[^>]*>/g, "").replaceAll(/\s+/g, " ");
}

for (const language of ["en", "ko"] as const) {
  Deno.test(`every page says what it should in ${language}, in valid HTML`, async () => {
    const app = explorer();
    for (const [path, expected] of Object.entries(PAGES)) {
      const answer = await app.request(path, { headers: { "accept-language": language } });
      const html = await answer.text();
      assert.equal(answer.status, expected.status ?? 200, path);
      assert.ok(textOf(html).includes(expected[language]), `${path}: ${textOf(html)}`);
      assert.match(html, new RegExp(`^<!DOCTYPE html>\n<html lang="${language}"`), path);
      await assertValid(html, path);
    }
  });
}

Deno.test("pages carry a strict policy and nothing that it forbids", async () => {
  const app = explorer();
  for (const path of Object.keys(PAGES)) {
    const answer = await app.request(path);
    const html = await answer.text();
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.match(policy, /frame-ancestors 'none'$/);
    assert.doesNotMatch(policy, /unsafe|\*|http/);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/, path);
    const outside = html.matchAll(/(?:src|href|action)="(?!\/(?!\/)|#)([^"]*)"/g);
    assert.deepEqual([...outside].map(([, url]) => url), [], path);
    assert.equal([...html.matchAll(/<script/g)].length, 1, path);
  }
});

Deno.test("files are cached for ever under names made of their content", async () => {
  const app = explorer();
  const html = await (await app.request("/")).text();
  const paths = [...html.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
  assert.equal(paths.length, 3);
  const types = ["image/svg+xml", "text/css; charset=utf-8", "text/javascript; charset=utf-8"];
  for (const [at, path] of paths.entries()) {
    const answer = await app.request(path);
    assert.match(path, /\.[0-9a-f]{12}\.(?:svg|css|js)$/);
    assert.equal(answer.headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.equal(answer.headers.get("content-type"), types[at]);
    const bytes = await answer.bytes();
    assert.ok(bytes.length > 100 && bytes.length < 20_000, `${path}: ${bytes.length} bytes`);
    if (at === 0) continue;
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-384", bytes)).toBase64();
    assert.ok(html.includes(`integrity="sha384-${hash}"`), path);
  }
  assert.equal((await app.request("/assets/app.000000000000.js")).status, 404);
});

Deno.test("a page about the node's own keys never tells their names", async () => {
  const app = explorer();
  for (const path of Object.keys(PAGES)) {
    const html = await (await app.request(path)).text();
    assert.doesNotMatch(html, /비밀|w1[^0-9a-z,]/, path);
  }
  const found = await app.request(`/search?q=${encodeURIComponent("비밀")}`);
  assert.equal(found.status, 404);
});

Deno.test("searching leads to what is found", async () => {
  const app = explorer();
  const found = await app.request("/search?q=+7+");
  assert.equal(found.status, 303);
  assert.equal(found.headers.get("location"), `/block/${idOf("block 7")}`);
});

Deno.test("language and theme are switched and remembered", async () => {
  const app = explorer();
  const chosen = await app.request("/peers?x=1&lang=ko", { headers: { "accept-language": "en" } });
  assert.match(chosen.headers.get("set-cookie") ?? "", /^lang=ko; Max-Age=\d+; Path=\//);
  assert.match(await chosen.text(), /href="\/peers\?x=1&amp;lang=en"/);
  const later = await app.request("/", { headers: { cookie: "lang=ko; theme=dark" } });
  assert.match(await later.text(), /<html lang="ko" data-theme="dark">/);
  const odd = await app.request("/?lang=xx&theme=<", { headers: { "accept-language": "fr, ko" } });
  assert.match(await odd.text(), /<html lang="ko">/);
});

Deno.test("what the node cannot do is a page, without its secrets", async () => {
  const broken = explorer(busyNode({
    status: () => Promise.reject(new Error("/home/secret/path")),
    peers: () => Promise.reject(new Error("/home/secret/path")),
  }));
  const answer = await broken.request("/peers");
  const html = await answer.text();
  assert.equal(answer.status, 500);
  assert.doesNotMatch(html, /secret/);
  assert.match(html, /its log says why/);
  await assertValid(html, "500");
});

Deno.test("programs that want no HTML, and the API's paths, are left to others", async () => {
  const app = explorer();
  app.get("*", (context) => context.text("others"));
  const asJson = { headers: { accept: "application/json" } };
  for (const path of ["/", "/block/7", "/search?q=7", "/nowhere"]) {
    assert.equal(await (await app.request(path, asJson)).text(), "others", path);
  }
  for (const path of ["/api/v1/status", "/metrics"]) {
    assert.equal(await (await app.request(path)).text(), "others", path);
  }
});

/** The text of the page between two pieces of its HTML. */
function part(html: string, start: string, end: string): string {
  const from = html.indexOf(start);
  assert.ok(from >= 0, `${start} in ${html}`);
  return textOf(html.slice(from, html.indexOf(end, from)));
}

Deno.test("the peers page marks who is relayed, and through whom", async () => {
  const app = explorer();
  const html = await (await app.request("/peers", { headers: { "accept-language": "en" } })).text();
  const shortId = (number: number) => `…${peerId(number).slice(-10)}`;
  const row = part(html, `<tr data-key="${peerId(RELAYED)}"`, "</tr>");
  assert.ok(row.startsWith(`${shortId(RELAYED)}Relayed through ${shortId(RELAY)}`), row);
  assert.doesNotMatch(part(html, `<tr data-key="${peerId(RELAY)}"`, "</tr>"), /Relayed/);
  const reach = part(html, 'data-live="reach"', "</section>");
  assert.match(reach, /come through the peers below/);
  assert.ok(reach.includes(shortId(RELAY)), reach);
  assert.ok(reach.includes("198.51.100.7/tcp/3000/p2p/"), reach);
});

const REACHED = {
  open: { en: /connect to this node directly/, ko: /바로 연결할 수 있습니다/ },
  mapped: { en: /a port that the router has opened/, ko: /공유기가 열어 준 포트/ },
  closed: {
    en: /Nobody outside can connect.*as the node tells it/,
    ko: /없습니다.*as the node tells it/,
  },
  unknown: { en: /Not known yet/, ko: /아직 모릅니다/ },
  none: { en: /as the node tells it/, ko: /as the node tells it/ },
} as const;

Deno.test("the peers page says in words how the node can be reached", async () => {
  const busy = await busyNode().status();
  for (const [state, words] of Object.entries(REACHED)) {
    const { reach: _other, ...rest } = { ...busy, reachability: "as the node tells it" };
    const reach = { state: state as "open", relays: [peerId(RELAY)], addresses: [] };
    const status = state === "none" ? rest : { ...rest, reach };
    const app = explorer(busyNode({ status: () => Promise.resolve(status) }));
    for (const language of ["en", "ko"] as const) {
      const answer = await app.request("/peers", { headers: { "accept-language": language } });
      const html = await answer.text();
      await assertValid(html, state);
      const said = part(html, 'data-live="reach"', "</section>");
      assert.match(said, words[language], `${state}: ${said}`);
      assert.ok(!said.includes(peerId(RELAY).slice(-10)), `no relay passes anything on: ${said}`);
    }
  }
});

Deno.test("an address is drawn as a QR code of its own", async () => {
  const app = explorer();
  const answer = await app.request(`/address/${addressOf("minji")}/qr.svg`);
  assert.equal(answer.headers.get("content-type"), "image/svg+xml");
  assert.match(await answer.text(), /^<svg xmlns="[^"]+" viewBox="0 0 (\d+) \1"/);
});
