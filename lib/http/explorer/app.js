// @ts-check
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * The explorer's script: makes pages live, and is the wallet. Plain JavaScript, served as it stands.
 * Reading pages do without it. Whatever comes from the node is put into the page as text only.
 */

const page = document.documentElement;
const language = page.lang;
/** Pages are fetched again, and news announced, at most this often. */
const REFRESH_MS = 1000;
/** Pause before a stream that was refused is asked for again. */
const RECONNECT_MS = 5000;
const TOKEN = "moim-token";
const YEAR_SECONDS = 365 * 24 * 3600;

/** @param {string} id @returns {any} the element, which the page must have */
const byId = (id) => document.getElementById(id);

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Times: counted on in the same steps as formatAgo in format.ts.

const ago = new Intl.RelativeTimeFormat(language, { style: "short", numeric: "auto" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const AGO_STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** @param {number} timeMs */
function agoText(timeMs) {
  const seconds = Math.round((timeMs - Date.now()) / 1000);
  const [unit, size] = AGO_STEPS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return ago.format(Math.trunc(seconds / size), unit);
}

function countTimes() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = agoText(Number(/** @type {HTMLElement} */ (time).dataset.ago));
    if (time.textContent !== text) time.textContent = text;
  }
}

// Live parts: the page is fetched again and the marked parts are changed where they differ, so that
// focus, open details and the reader's place stay.

/** @param {Element} old @param {Element} fresh */
function morph(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const keyed = new Map();
  for (const child of old.children) {
    const key = child.getAttribute("data-key");
    if (key !== null) keyed.set(key, child);
  }
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = child instanceof Element ? child.getAttribute("data-key") : null;
    const same = key === null ? likeness(at, child) : keyed.get(key);
    if (!same) {
      const added = document.importNode(child, true);
      if (key !== null && added instanceof Element) added.classList.add("new");
      old.insertBefore(added, at);
      continue;
    }
    if (at && same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    if (same instanceof Element) morph(same, /** @type {Element} */ (child));
    else if (same.nodeValue !== child.nodeValue) same.nodeValue = child.nodeValue;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** @param {any} old @param {any} fresh @returns {any} `old` when it can become `fresh` */
function likeness(old, fresh) {
  if (!old || old.nodeName !== fresh.nodeName) return null;
  return old.nodeType === Node.ELEMENT_NODE && old.hasAttribute("data-key") ? null : old;
}

async function refreshParts() {
  const answer = await fetch(location.pathname + location.search, {
    headers: { accept: "text/html" },
  });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const name = CSS.escape(String(part.getAttribute("data-live")));
    const now = fresh.querySelector(`[data-live="${name}"]`);
    if (now) morph(part, now);
  }
}

/** What happens on news; the wallet has its own. */
let onNews = refreshParts;
let isRefreshing = false;
let isWanted = false;
let announcement = "";

async function refresh() {
  isWanted = true;
  if (isRefreshing || document.hidden) return;
  isRefreshing = true;
  while (isWanted) {
    isWanted = false;
    if (announcement) byId("news").textContent = announcement;
    announcement = "";
    await onNews().catch(() => {});
    await pause(REFRESH_MS);
  }
  isRefreshing = false;
}

/** @type {EventSource | undefined} */
let stream;

function connect() {
  stream?.close();
  stream = new EventSource("/api/v1/events");
  const live = byId("live");
  const { dataset } = document.body;
  const wanted = (dataset.news ?? "").split(" ");
  stream.onopen = () => {
    live.hidden = false;
    live.className = "on";
    live.textContent = dataset.liveOn;
    refresh(); // What happened while nobody listened.
  };
  stream.onerror = () => {
    live.hidden = false;
    live.className = "off";
    live.textContent = dataset.liveOff;
    if (stream?.readyState !== EventSource.CLOSED) return;
    stream = undefined;
    pause(RECONNECT_MS).then(() => stream === undefined && !document.hidden && connect());
  };
  for (const kind of ["connected", "disconnected", "mempool", "peers"]) {
    stream.addEventListener(kind, (event) => {
      if (kind === "connected") {
        const { height } = JSON.parse(event.data);
        const number = new Intl.NumberFormat(language).format(height);
        announcement ||= (dataset.block ?? "").replace("{}", number);
      } else if (kind === "disconnected") announcement = dataset.reorganized ?? "";
      if (wanted.includes(kind)) refresh();
    });
  }
}

function startLive() {
  if (!document.body.dataset.news) return;
  connect();
  // A page that comes back whole from the browser's memory comes back without its stream.
  addEventListener("pageshow", (event) => {
    if (event.persisted) connect();
  });
  // Browsers allow few connections to one server: a page nobody looks at gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return connect();
    stream?.close();
    stream = undefined;
  });
}

// Small comforts.

/** @param {string} text */
async function copy(text) {
  // Browsers keep the clipboard from pages that came over plain HTTP from another machine.
  if (navigator.clipboard) return await navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** @param {HTMLElement} button */
async function onCopy(button) {
  await copy(button.dataset.copy ?? "");
  const before = button.textContent;
  if (before === button.dataset.copied) return;
  button.textContent = button.dataset.copied ?? "";
  await pause(1500);
  button.textContent = before;
}

/** @param {HTMLElement} link */
function onTheme(link) {
  const theme = link.dataset.setTheme ?? "auto";
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  if (theme === "auto") delete page.dataset.theme;
  else page.dataset.theme = theme;
  for (const each of document.querySelectorAll("[data-set-theme]")) {
    if (each === link) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
}

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const button = /** @type {HTMLElement | null} */ (target.closest("[data-copy]"));
  if (button) onCopy(button).catch(() => {});
  const link = /** @type {HTMLElement | null} */ (target.closest("[data-set-theme]"));
  if (!link) return;
  event.preventDefault();
  onTheme(link);
});

/** With the wallet open, names of keys can be searched for: the server tells them to nobody else. */
document.querySelector("form.search")?.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const text = String(new FormData(form).get("q")).trim();
  const isName = text !== "" && !/^([0-9]+|[0-9a-f]{64}|moim1.*)$/i.test(text);
  if (!isName || !sessionStorage.getItem(TOKEN)) return;
  event.preventDefault();
  try {
    const found = await call(`search?q=${encodeURIComponent(text)}`);
    if (found.kind === "address") location.assign(`/address/${found.id}`);
    else form.submit();
  } catch {
    form.submit();
  }
});

// The wallet.

/** Thrown with the one line that a reader should see. */
class Refusal extends Error {}

/** @type {Record<string, string>} */
let texts = {};

/** @param {string} key @param {...string} values */
const say = (key, ...values) =>
  (texts[key] ?? "").replace(/\{(\d)\}/g, (_, at) => values[at] ?? "");

/**
 * A call of the API with the token. Long calls answer line by line: the last one counts.
 * @param {string} path @param {object} [body] @returns {Promise<any>}
 */
async function call(path, body) {
  const headers = new Headers({ authorization: `Bearer ${sessionStorage.getItem(TOKEN)}` });
  if (body) headers.set("content-type", "application/json");
  const request = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  const answer = await fetch(`/api/v1/${path}`, request).catch(() => {
    throw new Refusal(say("noAnswer"));
  });
  if (answer.status === 401) {
    close(say("tokenOld"));
    throw new Refusal(say("tokenOld"));
  }
  const text = await answer.text();
  if (!answer.headers.get("content-type")?.includes("ndjson")) {
    const content = JSON.parse(text);
    if (!answer.ok) throw new Refusal(content.detail ?? String(answer.status));
    return content;
  }
  const last = JSON.parse(text.trim().split("\n").at(-1) ?? "{}");
  if (last.problem) throw new Refusal(last.problem.detail);
  return last.result;
}

/** @param {number} grains coins with six decimals, without a fraction on the way */
function coins(grains) {
  const size = BigInt(Math.abs(grains));
  const whole = new Intl.NumberFormat(language).format(size / 1000000n);
  return `${grains < 0 ? "\u2212" : ""}${whole}.${String(size % 1000000n).padStart(6, "0")}`;
}

/** @param {string} text @returns {number} */
function grainsOf(text) {
  const match = /^(\d{1,10})(?:\.(\d{1,6}))?$/.exec(text.trim());
  if (!match) throw new Refusal(say("badAmount"));
  const grains = BigInt(match[1] ?? "") * 1000000n + BigInt((match[2] ?? "").padEnd(6, "0"));
  if (grains > BigInt(Number.MAX_SAFE_INTEGER)) throw new Refusal(say("badAmount"));
  return Number(grains);
}

/** @param {ParentNode} parent @param {string} name @param {string} text */
function put(parent, name, text) {
  const element = parent.querySelector(`[data-${name}]`);
  if (element && element.textContent !== text) element.textContent = text;
}

/** @param {any} key @param {Element} item */
function fillKey(key, item) {
  put(item, "name", key.name ?? "");
  for (const field of ["total", "confirmed", "maturing", "pendingIn", "pendingOut"]) {
    const name = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    put(item, name, coins(key[field]));
    const isIdle = key[field] === 0 && field !== "total";
    item.querySelector(`[data-${name}]`)?.parentElement?.classList.toggle("pale", isIdle);
  }
}

/** @param {any} key */
function newKeyItem(key) {
  const item = byId("key-template").content.cloneNode(true).firstElementChild;
  item.dataset.key = key.address;
  put(item, "address", key.address);
  item.querySelector("[data-link]").href = `/address/${key.address}`;
  item.querySelector("[data-copy]").dataset.copy = key.address;
  const details = item.querySelector("details");
  details.addEventListener("toggle", () => {
    const place = item.querySelector("[data-qr]");
    const image = new Image();
    image.alt = place.dataset.qr;
    image.src = `/address/${key.address}/qr.svg`;
    place.append(image);
  }, { once: true });
  return item;
}

/** @param {any[]} keys */
function showKeys(keys) {
  const list = byId("keys");
  byId("keys-none").hidden = keys.length > 0;
  for (const key of keys) {
    const there = list.querySelector(`[data-key="${CSS.escape(key.address)}"]`);
    const item = there ?? list.appendChild(newKeyItem(key));
    fillKey(key, item);
    if (there) continue;
    for (const select of document.querySelectorAll("select.key-choice")) {
      select.append(new Option(key.name ?? key.address, key.address));
    }
  }
}

/** Keys whose history is gathered, and lines of it that are shown. */
const HISTORY_KEYS_MAX = 10;
const ACTIVITY_SHOWN = 12;

/** @param {any[]} keys */
async function showActivity(keys) {
  const pages = await Promise.all(
    keys.slice(0, HISTORY_KEYS_MAX).map((key) =>
      call(`addresses/${key.address}/history?limit=${ACTIVITY_SHOWN}`)
    ),
  );
  const entries = pages.flatMap((page, at) =>
    page.entries.map((/** @type {any} */ entry) => ({ ...entry, name: keys[at].name }))
  );
  const order = (/** @type {any} */ { height = Infinity }) => height;
  entries.sort((a, b) => order(a) === order(b) ? 0 : order(b) - order(a));
  byId("activity-none").hidden = entries.length > 0;
  byId("activity").replaceChildren(...entries.slice(0, ACTIVITY_SHOWN).map(activityItem));
}

/** @param {any} entry */
function activityItem(entry) {
  const item = byId("activity-template").content.cloneNode(true).firstElementChild;
  const state = entry.state === "pending" ? "pending" : entry.settled ? "settled" : "provisional";
  item.dataset.tx = entry.txId;
  item.dataset.stateIs = entry.state;
  put(item, "state", say(state));
  item.querySelector("[data-state]").classList.add(state);
  put(item, "kind", say(`kind_${entry.kind}`));
  item.querySelector("[data-kind]").href = `/tx/${entry.txId}`;
  put(item, "name", entry.name ?? "");
  put(item, "when", entry.timeMs === undefined ? "" : agoText(entry.timeMs));
  put(item, "amount", `${entry.amount > 0 ? "+" : ""}${coins(entry.amount)}`);
  item.querySelector("[data-amount]").classList.add(entry.amount < 0 ? "out" : "in");
  return item;
}

async function refreshWallet() {
  if (byId("wallet-open").hidden) return;
  const keys = await call("wallet/balances");
  showKeys(keys);
  await showActivity(keys);
}

/** @param {string} mnemonic */
function showMnemonic(mnemonic) {
  const words = mnemonic.split(" ").map((word) => {
    const item = document.createElement("li");
    item.textContent = word;
    return item;
  });
  byId("mnemonic-words").replaceChildren(...words);
  byId("mnemonic").hidden = false;
  byId("mnemonic-title").focus();
}

/**
 * A form whose act ends in one line of result.
 * @param {string} id @param {string} busyText @param {(fields: FormData) => Promise<string>} act
 */
function onSubmit(id, busyText, act) {
  const form = byId(id);
  const result = byId(`${id}-result`);
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    const button = form.querySelector("button[type=submit]");
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    result.className = "result";
    result.textContent = busyText;
    try {
      result.textContent = await act(new FormData(form));
      result.classList.add("good");
    } catch (error) {
      result.textContent = error instanceof Refusal ? error.message : say("noAnswer");
      result.classList.add("bad");
    }
    button.removeAttribute("aria-disabled");
    onNews().catch(() => {}); // At once: the reader waits for what they did themselves.
  });
}

/** @param {FormData} fields @param {string} name */
const field = (fields, name) => String(fields.get(name) ?? "").trim();

/** @param {FormData} fields */
async function send(fields) {
  const [fee, memo] = [field(fields, "fee"), field(fields, "memo")];
  const sent = await call("transactions/send", {
    from: field(fields, "from"),
    to: field(fields, "to"),
    amount: grainsOf(field(fields, "amount")),
    ...(fee !== "" && { fee: grainsOf(fee) }),
    ...(memo !== "" && { memo }),
  });
  for (const name of ["amount", "fee", "memo"]) byId(`send-${name}`).value = "";
  return say(sent.state, coins(sent.amount), coins(sent.fee));
}

/** @param {FormData} fields */
async function mint(fields) {
  const { blocks } = await call("mint", { to: field(fields, "to") });
  const height = new Intl.NumberFormat(language).format(blocks[0].height);
  return say("mintDone", height, coins(blocks[0].reward));
}

/** @param {FormData} fields */
async function newKey(fields) {
  const alias = field(fields, "alias");
  const { key, mnemonic } = await call("wallet/new", alias === "" ? {} : { alias });
  byId("alias").value = "";
  if (mnemonic) showMnemonic(mnemonic);
  return say("keyMade", key.name);
}

/** @param {string} [why] */
function close(why) {
  sessionStorage.removeItem(TOKEN);
  if (!byId("wallet")) return;
  byId("wallet-open").hidden = true;
  byId("wallet-closed").hidden = false;
  byId("wallet-why").hidden = !why;
  byId("wallet-why").textContent = why ?? "";
  byId("keys").replaceChildren();
  byId("activity").replaceChildren();
}

/** The token comes in the fragment, which browsers send to no server, and leaves it at once. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  sessionStorage.setItem(TOKEN, token);
  history.replaceState(null, "", location.pathname + location.search);
}

function startWallet() {
  const wallet = byId("wallet");
  if (!wallet) return;
  texts = JSON.parse(wallet.dataset.texts);
  onNews = refreshWallet;
  onSubmit("new-key", "", newKey);
  onSubmit("send", say("sending"), send);
  onSubmit("mint", say("minting"), mint);
  byId("wallet-close").addEventListener("click", () => close());
  byId("mnemonic-done").addEventListener("click", () => {
    byId("mnemonic-words").replaceChildren();
    byId("mnemonic").hidden = true;
  });
  const open = () => {
    takeToken();
    const isOpen = sessionStorage.getItem(TOKEN) !== null;
    byId("wallet-open").hidden = !isOpen;
    byId("wallet-closed").hidden = isOpen;
    if (isOpen) refresh();
  };
  open();
  addEventListener("hashchange", open);
}

countTimes();
setInterval(countTimes, 1000);
startWallet();
startLive();
