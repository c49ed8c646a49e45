/** What requests bring: path parameters, query parameters and JSON bodies. */
import { z } from "@hono/zod-openapi";
import { MAX_TRANSACTION_BYTES } from "../../consensus/limits.ts";
import type { MintRequest, SendRequest } from "../../node/mod.ts";
import { count, grains, HASH_EXAMPLE } from "./common.ts";

/** Entries of one page: default and most. */
const PAGE_DEFAULT = 20;
const PAGE_MAX = 100;
/** Blocks of one packed answer. */
const PACKED_MAX = 1_000;
/** Blocks of a statistic: default and most. */
const SPAN_DEFAULT = 100;
const SPAN_MAX = 5_000;
/** Heights of a tree of branches. */
const FORKS_DEFAULT = 50;
const FORKS_MAX = 200;
/** Events of one page. */
const EVENTS_DEFAULT = 500;
const EVENTS_MAX = 500;
const HEIGHT_MAX = 2 ** 32;
/** Blocks of one `mint`. */
const MINT_COUNT_MAX = 10_000;
/** Longest name or address, with room for what will be told to be unknown. */
const WHO_LENGTH_MAX = 128;
const MEMO_LENGTH_MAX = 256;
const PEER_LENGTH_MAX = 400;
const SEARCH_LENGTH_MAX = 200;
/** Characters of a wrong value that an error shows. */
const SHOWN_LENGTH_MAX = 80;

/** An integer in a query: digits only, where `Number` would take "1e2", " 7" and "". */
function queryInteger(bounds: { min: number; max: number }) {
  const schema = z.string().regex(/^[0-9]{1,16}$/, "give an integer").transform(Number)
    .pipe(z.int().min(bounds.min).max(bounds.max));
  return schema.openapi({ type: "integer", minimum: bounds.min, maximum: bounds.max });
}

function boundedCount(most: number, fallback: number) {
  const schema = queryInteger({ min: 1, max: most }).optional()
    .transform((value) => value ?? fallback);
  return schema.openapi({ type: "integer", minimum: 1, maximum: most, default: fallback });
}

/** What was given, cut short: the same as the node says of it. */
function quoted(input: unknown): string {
  // deno-lint-ignore no-control-regex
  const text = String(input).replace(/[\x00-\x1f\x7f-\x9f]/g, "·");
  return `"${text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text}"`;
}

const limit = boundedCount(PAGE_MAX, PAGE_DEFAULT);

export const noQuery = z.strictObject({});
export const limitQuery = z.strictObject({ limit });
export const spanQuery = z.strictObject({ blocks: boundedCount(SPAN_MAX, SPAN_DEFAULT) });

export const forksQuery = z.strictObject({ blocks: boundedCount(FORKS_MAX, FORKS_DEFAULT) });

export const blocksQuery = z.strictObject({
  before: queryInteger({ min: 0, max: HEIGHT_MAX }).optional().openapi({
    description: "Blocks below this height; without it from the tip",
  }),
  limit,
});

export const packedQuery = z.strictObject({
  from: queryInteger({ min: 0, max: HEIGHT_MAX }).openapi({ description: "Height of the first" }),
  limit: boundedCount(PACKED_MAX, PACKED_MAX),
});

/** `before` of coins and history: what `next` of the page before says. */
function cursorQuery(pattern: RegExp, example: string) {
  return z.strictObject({
    before: z.string().regex(pattern, "give a cursor that a page gave as `next`").optional()
      .openapi({
        example,
      }),
    limit,
  });
}

export const historyQuery = cursorQuery(/^[0-9]{1,10}:[0-9]{1,10}$/, "120:1");
export const coinsQuery = cursorQuery(
  /^[0-9]{1,10}-[0-9a-f]{64}-[0-9]{1,10}$/,
  `120-${HASH_EXAMPLE}-0`,
);

export const searchQuery = z.strictObject({
  q: z.string().min(1).max(SEARCH_LENGTH_MAX).openapi({
    description: "A height, a block id, a transaction id, an address, or with the token a name",
  }),
});

export const eventsQuery = z.strictObject({
  since: queryInteger({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }).optional().openapi({
    description: "The first number wanted; without it what comes from now on",
  }),
  format: z.enum(["json"]).optional().openapi({ description: "A page instead of a stream" }),
  limit: boundedCount(EVENTS_MAX, EVENTS_DEFAULT),
});

export const noParams = z.object({});

export const blockParams = z.object({
  id: z.string().regex(/^([0-9]{1,10}|[0-9a-fA-F]{64})$/, {
    error: ({ input }) => `${quoted(input)} is neither a height nor a block id of 64 hex digits`,
  }).openapi({
    description: "A height on the main chain, or the id of any block that is here",
    example: "0",
  }),
});

export const transactionParams = z.object({
  id: z.string().regex(/^[0-9a-fA-F]{64}$/, {
    error: ({ input }) => `${quoted(input)} is not a transaction id of 64 hex digits`,
  }),
});

const who = z.string().min(1).max(WHO_LENGTH_MAX);

export const addressParams = z.object({
  address: who.openapi({ description: "An address; with the token a key's name will do" }),
});

const newName = z.string().regex(
  /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._@+-]{0,63}$/u,
  "take up to 64 letters, digits or . _ - @ +",
);

const peerAddress = z.string().min(1).max(PEER_LENGTH_MAX).openapi({
  format: "peer-address",
  description: "A TCP multiaddr, host:port or a peer id",
  example: "/ip4/127.0.0.1/tcp/3000",
});

export const sendBody = z.strictObject({
  from: who.openapi({ description: "Name or address of a key of the keystore" }),
  to: who.openapi({ description: "Name or address" }),
  amount: grains,
  fee: grains.optional(),
  memo: z.string().max(MEMO_LENGTH_MAX).optional(),
  mint: z.boolean().optional().openapi({ description: "Make a block with it at once" }),
  peer: peerAddress.optional().openapi({ description: "Give the payment to this peer" }),
  wait: z.boolean().optional().openapi({ description: "Wait until a block has it" }),
}).openapi("SendRequest") satisfies z.ZodType<SendRequest>;

export const mintBody = z.strictObject({
  to: who.openapi({ description: "Name or address that the coins go to" }),
  count: count.min(1).max(MINT_COUNT_MAX).optional(),
}).openapi("MintRequest") satisfies z.ZodType<MintRequest>;

export const emptyBody = z.strictObject({});
export const peerBody = z.strictObject({ address: peerAddress });
export const walletNewBody = z.strictObject({ alias: newName.optional() });
export const walletExportBody = z.strictObject({ name: who.optional() });

export const walletImportBody = z.strictObject({
  name: newName,
  secret: z.string().regex(/^[0-9a-fA-F]{64}$/, "give a secret of 64 hex digits"),
});

export const walletRestoreBody = z.strictObject({
  mnemonic: z.string().min(1).max(1000).openapi({ format: "mnemonic" }),
});

export const transactionHexBody = z.strictObject({
  hex: z.string().max(2 * MAX_TRANSACTION_BYTES)
    .regex(/^([0-9a-fA-F]{2})*$/, "give an even number of hex digits"),
});
