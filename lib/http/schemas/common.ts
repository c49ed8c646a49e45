/** What all schemas share: how a schema is tied to its type, ids, amounts, cursors, problems. */
import { z } from "@hono/zod-openapi";
import type { Problem } from "../problem.ts";

/** True for types that fit each other both ways and have the same fields. */
type Same<Left, Right> = [Left, keyof Left] extends [Right, keyof Right]
  ? [Right, keyof Right] extends [Left, keyof Left] ? true : false
  : false;

/**
 * Names a schema of exactly `Type`, for the compiler and for the description: with a field missing,
 * too many or of another type it does not compile.
 */
export function schemaOf<Type>(name: string) {
  return <Schema extends z.ZodType>(
    schema: Schema & (Same<z.infer<Schema>, Type> extends true ? unknown : never),
  ): Schema => (schema as Schema).openapi(name);
}

/** A field that may be absent; JSON knows no `undefined`. */
export function absent<Schema extends z.ZodType>(schema: Schema): z.ZodExactOptional<Schema> {
  // The description takes what accepts `undefined` for optional; the type stays the exact one.
  return schema.optional() as unknown as z.ZodExactOptional<Schema>;
}

/** One of several texts, as the union type of TypeScript. */
export function oneOf<const Texts extends readonly [string, ...string[]]>(...texts: Texts) {
  return z.enum(texts);
}

export const HASH_EXAMPLE = "5d3a8f2b".repeat(8);

/** A block's or transaction's id as answers hold it. */
export const hashHex = z.string().regex(/^[0-9a-f]{64}$/).openapi({ example: HASH_EXAMPLE });

export const hex = z.string().regex(/^([0-9a-f]{2})*$/);

/** Whole and not negative, as far as JSON's readers count exactly. */
export const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A sum in grains. */
export const grains = count.openapi({ description: "In grains, the smallest coin" });

/** A change in grains, negative when coins went away. */
export const grainsChange = z.int().openapi({ description: "In grains, the smallest coin" });

export const height = count.openapi({ description: "Height of a block; genesis has 0" });

export const timeMs = count.openapi({ description: "Milliseconds since 1970" });

/** Some quantity that need not be whole. */
export const quantity = z.number().min(0);

/** A whole number too large for JSON's readers. */
export const bigNumber = z.string().regex(/^[0-9]+$/).openapi({ description: "A decimal number" });

export const address = z.string().openapi({
  description: "A bech32m address with prefix moim",
  example: "moim1qqqsyqcyq5rqwzqfpg9scrgwpugpzysn8fl5qg",
});

/** A key's name stands in answers to callers with the token only. */
export const keyName = z.string().openapi({ description: "Name of a key; with the token only" });

/** Problem details (RFC 9457) with the exit code that a command ends with. */
export const problemSchema = schemaOf<Problem>("Problem")(z.object({
  type: z.literal("about:blank"),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().openapi({ description: "What, why and the next step, in one line" }),
  exitCode: z.int().openapi({ description: "Exit code of a command that gets this answer" }),
  instanceId: absent(z.string()).openapi({
    description: "Which run of a node answers; with a refusal for want of the token",
  }),
}) as unknown as z.ZodType<Problem>);
