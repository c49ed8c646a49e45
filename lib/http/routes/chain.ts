/** Routes that tell of blocks and transactions. */
import { z } from "@hono/zod-openapi";
import { packParts } from "../../base/mod.ts";
import { binary, versionedJson } from "../answers.ts";
import type { Blocks } from "../blocks.ts";
import { searchWithoutNames } from "../public_node.ts";
import {
  blockSchema,
  chainPage,
  forkTree,
  minterShare,
  proofSchema,
  searchResult,
  spacingSeries,
  transactionSchema,
} from "../schemas/chain.ts";
import {
  blockParams,
  blocksQuery,
  forksQuery,
  packedQuery,
  searchQuery,
  spanQuery,
  transactionParams,
} from "../schemas/requests.ts";
import { BYTES_CONTENT, type Router } from "./router.ts";

const HASH_LENGTH = 64;

export function addChain(router: Router, blocks: Blocks): void {
  addBlocks(router, blocks);
  addTransactions(router);
  addStatistics(router);
}

function addBlocks(router: Router, blocks: Blocks): void {
  const { api } = router.parts;
  router.read({
    path: "/blocks",
    id: "blocks",
    tag: "chain",
    summary: "A page of the chain, newest first",
    query: blocksQuery,
    answer: chainPage,
  }, ({ query }) => api.chain(query));
  // Before the one whose id would be "packed".
  router.readOther({
    path: "/blocks/packed",
    id: "blocksPacked",
    tag: "chain",
    summary: "Encodings of many blocks of the main chain, lowest first",
    description: "Each behind its length as a varint; fewer than asked for where they are large",
    query: packedQuery,
    content: BYTES_CONTENT,
  }, async ({ query }) => binary(packParts(await api.rawBlocks(query)), { forEver: false }));
  router.read({
    path: "/blocks/{id}",
    id: "block",
    tag: "chain",
    summary: "A block with its transactions, checked again",
    params: blockParams,
    answer: blockSchema,
    failures: [304],
  }, async ({ params, hasToken, request }) => {
    const { text, id, tipId } = await blocks.text(params.id, hasToken);
    return versionedJson(text, `${id.slice(0, 16)}.${tipId.slice(0, 16)}`, request);
  });
  router.readOther({
    path: "/blocks/{id}/raw",
    id: "blockRaw",
    tag: "chain",
    summary: "A block's encoding",
    params: blockParams,
    content: BYTES_CONTENT,
  }, async ({ params }) => {
    // An id is the hash of what it names; what has a height may change.
    const forEver = params.id.length === HASH_LENGTH;
    return binary(await api.rawBlock(params.id), { forEver });
  });
}

function addTransactions(router: Router): void {
  const { api } = router.parts;
  router.read({
    path: "/transactions/{id}",
    id: "transaction",
    tag: "chain",
    summary: "A transaction, confirmed or pending",
    params: transactionParams,
    answer: transactionSchema,
  }, ({ params }) => api.transaction(params.id));
  router.readOther({
    path: "/transactions/{id}/raw",
    id: "transactionRaw",
    tag: "chain",
    summary: "A transaction's encoding",
    params: transactionParams,
    content: BYTES_CONTENT,
  }, async ({ params }) => binary(await api.rawTransaction(params.id), { forEver: false }));
  router.read({
    path: "/transactions/{id}/proof",
    id: "proof",
    tag: "chain",
    summary: "Proof that a block holds a transaction",
    description: "With the headers of the chain it is all that a light client needs (RFC 6962)",
    params: transactionParams,
    answer: proofSchema,
  }, ({ params }) => api.proof(params.id));
}

function addStatistics(router: Router): void {
  const { api } = router.parts;
  router.read({
    path: "/forks",
    id: "forks",
    tag: "chain",
    summary: "The tree of recent blocks, side branches included, highest first",
    query: forksQuery,
    answer: forkTree,
  }, ({ query }) => api.forks(query));
  router.read({
    path: "/spacing",
    id: "spacing",
    tag: "chain",
    summary: "Times and difficulty of the last blocks, oldest first",
    query: spanQuery,
    answer: spacingSeries,
  }, ({ query }) => api.spacing(query));
  router.read({
    path: "/minters",
    id: "minters",
    tag: "chain",
    summary: "Who minted how many of the last blocks",
    query: spanQuery,
    answer: z.array(minterShare),
  }, ({ query }) => api.minters(query));
  router.read({
    path: "/search",
    id: "search",
    tag: "chain",
    summary: "What a text names",
    query: searchQuery,
    answer: searchResult,
  }, ({ query, hasToken }) => {
    return hasToken ? api.search(query.q) : searchWithoutNames(api, query.q);
  });
}
