/** Reading what requests bring: of the right type, not too long, not too slowly. */
import { type Clock, concatBytes, delay } from "../base/mod.ts";
import { RequestError } from "./problem.ts";

/** Longest JSON body in bytes; the longest honest one, but for payments as hex, is a mnemonic. */
export const JSON_BYTES_MAX = 64 * 1024;

/** How long a body may take to come: half a megabyte over a link of half a megabit a second. */
export const BODY_MS_MAX = 10_000;

/** A request's media type without its parameters, in lower case. */
export function mediaType(request: Request): string | undefined {
  return request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
}

/**
 * The JSON value of a body; undefined for an empty one. Throws `RequestError`: not JSON (400), too
 * long (413), too slow (408).
 */
export async function jsonOf(
  request: Request,
  bytesMax: number,
  clock: Clock,
): Promise<unknown> {
  const bytes = await bytesOf(request, bytesMax, clock);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    throw new RequestError(400, "Cannot read the body: it is not JSON");
  }
}

/** The bytes of a body. Throws `RequestError`: too long (413), too slow (408), broken off (400). */
export async function bytesOf(
  request: Request,
  bytesMax: number,
  clock: Clock,
): Promise<Uint8Array> {
  const told = request.headers.get("content-length");
  if (Number(told ?? 0) > bytesMax) throw tooLong(bytesMax);
  const done = new AbortController();
  try {
    const slow = delay(clock, BODY_MS_MAX, done.signal).then(() => {
      if (!done.signal.aborted) throw new RequestError(408, "The body came too slowly: send again");
    });
    // The server hands on no more than it was told of, and reading part by part takes longer.
    const body = told === null
      ? readBounded(request, bytesMax, done.signal)
      : request.bytes().catch(brokenOff);
    body.catch(() => {}); // Told by the race, or too late to be told.
    return await Promise.race([body, slow]) as Uint8Array;
  } finally {
    done.abort();
  }
}

async function readBounded(
  request: Request,
  bytesMax: number,
  done: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const reader = request.body?.getReader();
  done.addEventListener("abort", () => void reader?.cancel().catch(() => {}), { once: true });
  let length = 0;
  while (reader !== undefined) {
    const { value } = await reader.read().catch(brokenOff);
    if (value === undefined) break;
    length += value.length;
    if (length > bytesMax) throw tooLong(bytesMax);
    chunks.push(value);
  }
  return concatBytes(...chunks);
}

function brokenOff(): never {
  throw new RequestError(400, "Cannot read the body: it was broken off");
}

function tooLong(bytesMax: number): RequestError {
  return new RequestError(413, `Send at most ${bytesMax} bytes`);
}
