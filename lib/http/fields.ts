/** Reading what requests bring: JSON bodies with known keys only, and query parameters. */
import { concatBytes } from "../base/mod.ts";
import { RequestError } from "./problem.ts";

/** Longest JSON body in bytes; the longest honest one is a mnemonic. */
export const BODY_BYTES_MAX = 64 * 1024;

/** A JSON object whose fields are read by name; `end` refuses what nobody read. */
export class Fields {
  readonly #content: Record<string, unknown>;
  readonly #read = new Set<string>();

  private constructor(content: Record<string, unknown>) {
    this.#content = content;
  }

  /** Reads a request's body. Throws `RequestError`: not JSON (415, 400) or too long (413). */
  static async of(request: Request): Promise<Fields> {
    checkType(request, "application/json");
    const text = new TextDecoder().decode(await readBounded(request, BODY_BYTES_MAX));
    let content: unknown;
    try {
      content = text === "" ? {} : JSON.parse(text);
    } catch {
      throw new RequestError(400, "Cannot read the body: it is not JSON");
    }
    if (typeof content !== "object" || content === null || Array.isArray(content)) {
      throw new RequestError(400, "Cannot read the body: it is not a JSON object");
    }
    return new Fields(content as Record<string, unknown>);
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw new RequestError(400, `Give "${name}" as text`);
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.#typed(name, "text", (value) => typeof value === "string" ? value : undefined);
  }

  /** An integer that is not negative, such as an amount in grains. */
  integer(name: string): number {
    const value = this.optionalInteger(name);
    if (value === undefined) throw new RequestError(400, `Give "${name}" as an integer`);
    return value;
  }

  optionalInteger(name: string): number | undefined {
    return this.#typed(
      name,
      "an integer that is not negative",
      (value) => Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined,
    );
  }

  flag(name: string): boolean {
    return this.#typed(
      name,
      "true or false",
      (value) => typeof value === "boolean" ? value : undefined,
    ) ?? false;
  }

  /** Throws `RequestError` when the body had fields that nobody reads. */
  end(): void {
    const unknown = Object.keys(this.#content).find((key) => !this.#read.has(key));
    if (unknown !== undefined) throw new RequestError(400, `Remove unknown field "${unknown}"`);
  }

  #typed<Value>(
    name: string,
    kind: string,
    as: (value: unknown) => Value | undefined,
  ): Value | undefined {
    this.#read.add(name);
    const value = this.#content[name];
    if (value === undefined || value === null) return undefined;
    const typed = as(value);
    if (typed === undefined) throw new RequestError(400, `Give "${name}" as ${kind}`);
    return typed;
  }
}

/**
 * The bytes of a request's body. Throws `RequestError`: another type (415) or too long (413).
 */
export async function bytesOf(request: Request, bytesMax: number): Promise<Uint8Array> {
  checkType(request, "application/octet-stream");
  return await readBounded(request, bytesMax);
}

/** An integer of a query parameter between bounds, or the fallback where there is none. */
export function queryInteger<Fallback>(
  text: string | undefined,
  name: string,
  bounds: { min: number; max: number },
  fallback: Fallback,
): number | Fallback {
  if (text === undefined) return fallback;
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
  if (!(value >= bounds.min && value <= bounds.max)) {
    throw new RequestError(400, `Give ${name} as an integer from ${bounds.min} to ${bounds.max}`);
  }
  return value;
}

function checkType(request: Request, wanted: string): void {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== wanted) throw new RequestError(415, `Send the body as ${wanted}`);
}

async function readBounded(request: Request, bytesMax: number): Promise<Uint8Array> {
  const tooLong = () => new RequestError(413, `Send at most ${bytesMax} bytes`);
  const told = request.headers.get("content-length");
  if (Number(told ?? 0) > bytesMax) throw tooLong();
  // The server hands on no more than it was told of, and reading part by part takes longer.
  if (told !== null) return await request.bytes();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > bytesMax) throw tooLong();
    chunks.push(chunk);
  }
  return concatBytes(...chunks);
}
