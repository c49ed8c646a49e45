/** The kinds of answers, each with its headers. */

const NOSNIFF: [string, string] = ["x-content-type-options", "nosniff"];
const JSON_HEADERS: [string, string][] = [
  ["content-type", "application/json"],
  ["cache-control", "no-store"],
  NOSNIFF,
];

/** A year, which is what caches take for ever (RFC 9111 sets no end). */
const FOR_YEARS = "public, max-age=31536000, immutable";

/** JSON that is right for this moment only. */
export function jsonText(text: string): Response {
  return new Response(text, { headers: JSON_HEADERS });
}

/**
 * JSON that stays right while `version` is the same: a caller that has it is told so. `no-cache`
 * lets caches keep it, but ask each time.
 */
export function versionedJson(text: string, version: string, request: Request): Response {
  const etag = `"${version}"`;
  const headers: [string, string][] = [["cache-control", "private, no-cache"], ["etag", etag]];
  const known = request.headers.get("if-none-match");
  if (known?.split(",").some((each) => each.trim().replace(/^W\//, "") === etag)) {
    return new Response(null, { status: 304, headers });
  }
  headers.push(["content-type", "application/json"], NOSNIFF);
  return new Response(text, { headers });
}

/** Bytes; `forEver` where the path names them by their own hash. */
export function binary(bytes: Uint8Array, { forEver }: { forEver: boolean }): Response {
  return new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: [
      ["content-type", "application/octet-stream"],
      ["cache-control", forEver ? FOR_YEARS : "no-store"],
      NOSNIFF,
    ],
  });
}

/** What every answer says, where its part has not said otherwise. */
export function guarded(response: Response): Response {
  const { headers } = response;
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  return response;
}
