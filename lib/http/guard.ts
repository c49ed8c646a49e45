/** Who may ask: the Host header, the page that asks, the token, and how often strangers may. */
import type { Clock } from "../base/mod.ts";

/**
 * Requests a second that callers without the token share, and how many at once: a room of thirty
 * that opens the explorer together, and no more work than a tenth of a core. Who has the token is
 * not counted, nor is `status`: to refuse costs as much as to answer it.
 */
export const OPEN_REQUESTS_PER_SECOND = 100;
export const OPEN_REQUESTS_BURST = 300;

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
const WILDCARDS = new Set(["0.0.0.0", "::", "[::]"]);

/**
 * Whether a Host header names loopback or the bound address. A web page that rebinds its own name
 * to 127.0.0.1 sends that name. Bound to every address, any IP literal will do: a name never does.
 */
export function isHostAllowed(hostHeader: string | undefined, boundHost: string): boolean {
  if (hostHeader === undefined || !URL.canParse(`http://${hostHeader}/`)) return false;
  const { hostname, username, pathname, search, hash } = new URL(`http://${hostHeader}/`);
  if (username !== "" || pathname !== "/" || search !== "" || hash !== "") return false;
  if (LOOPBACK.has(hostname)) return true;
  if (WILDCARDS.has(boundHost)) return /^[0-9.]+$/.test(hostname) || hostname.startsWith("[");
  return hostname === boundHost || hostname === `[${boundHost}]`;
}

/**
 * Whether a request comes from a page of another site: by its Origin, which browsers send with all
 * that acts, or by Sec-Fetch-Site, where it is not a person who follows a link. Programs send none.
 */
export function isForeign(headers: Headers, host: string): boolean {
  const origin = headers.get("origin");
  if (origin !== null) return origin.toLowerCase() !== `http://${host.toLowerCase()}`;
  return headers.get("sec-fetch-site") === "cross-site" &&
    headers.get("sec-fetch-mode") !== "navigate";
}

/** Whether an Authorization header holds the token; takes the same time for every wrong one. */
export function isTokenRight(header: string | undefined, token: string): boolean {
  const given = header?.startsWith("Bearer ") ? header.slice("Bearer ".length) : "";
  if (given.length !== token.length) return false;
  let difference = 0;
  for (let at = 0; at < token.length; at++) {
    difference |= given.charCodeAt(at) ^ token.charCodeAt(at);
  }
  return difference === 0;
}

/** A bucket of allowed requests that fills up with time. */
export class RequestQuota {
  readonly #clock: Clock;
  #allowed = OPEN_REQUESTS_BURST;
  #filledMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledMs = clock.monotonicMs();
  }

  /** Takes one request; false when none is left. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const gained = (nowMs - this.#filledMs) / 1000 * OPEN_REQUESTS_PER_SECOND;
    this.#allowed = Math.min(OPEN_REQUESTS_BURST, this.#allowed + gained);
    this.#filledMs = nowMs;
    if (this.#allowed < 1) return false;
    this.#allowed -= 1;
    return true;
  }
}
