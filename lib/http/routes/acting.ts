/** Routes that act: payments, blocks, minting, peers, and the node itself. */
import { z } from "@hono/zod-openapi";
import { CodecError, fromHex, unpackParts } from "../../base/mod.ts";
import { MAX_BLOCK_BYTES, MAX_TRANSACTION_BYTES } from "../../consensus/limits.ts";
import { RequestError } from "../problem.ts";
import { blockIntake, submitResult, submitTransactionResult } from "../schemas/chain.ts";
import { addPeerResult } from "../schemas/node.ts";
import {
  emptyBody,
  mintBody,
  peerBody,
  sendBody,
  transactionHexBody,
} from "../schemas/requests.ts";
import { mintResult, reindexReport, sendResult, verifyReport } from "../schemas/wallet.ts";
import type { Router } from "./router.ts";

/** Blocks of one request: a batch of a file and a large block more. */
const PACKED_BYTES_MAX = 2 * MAX_BLOCK_BYTES + 65_536;
const PACKED_BLOCKS_MAX = 1_000;

export function addActing(router: Router): void {
  addSubmitting(router);
  addPaying(router);
  addKeeping(router);
}

function addSubmitting(router: Router): void {
  const { api } = router.parts;
  router.actBytes({
    path: "/transactions",
    id: "submitTransaction",
    tag: "acting",
    summary: "Takes in a payment made elsewhere",
    bytesMax: MAX_TRANSACTION_BYTES,
    json: { body: transactionHexBody, bytes: ({ hex }) => fromHex(hex.toLowerCase()) },
    answer: submitTransactionResult,
  }, (bytes) => api.submitTransaction(bytes));
  router.actBytes({
    path: "/blocks",
    id: "submitBlock",
    tag: "acting",
    summary: "Takes in a block made elsewhere",
    bytesMax: MAX_BLOCK_BYTES,
    answer: submitResult,
  }, (bytes) => api.submitBlock(bytes));
  router.actBytes({
    path: "/blocks/packed",
    id: "submitBlocks",
    tag: "acting",
    summary: "Takes in many blocks made elsewhere, parents first",
    description: "Each behind its length as a varint; tells of each what became of it",
    bytesMax: PACKED_BYTES_MAX,
    answer: z.array(blockIntake),
  }, (bytes) => api.submitBlocks(unpacked(bytes)));
}

/** Throws `RequestError` (400). */
function unpacked(bytes: Uint8Array): Uint8Array[] {
  try {
    const parts = unpackParts(bytes);
    if (parts.length <= PACKED_BLOCKS_MAX) return parts;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
  }
  throw new RequestError(
    400,
    `Send at most ${PACKED_BLOCKS_MAX} blocks, each behind its length as a varint`,
  );
}

function addPaying(router: Router): void {
  const { api } = router.parts;
  router.actLong({
    path: "/transactions/send",
    id: "send",
    tag: "acting",
    summary: "Makes a payment from a key of the keystore",
    body: sendBody,
    answer: sendResult,
  }, (request, onLine) => api.send(request, onLine));
  router.actLong({
    path: "/mint",
    id: "mint",
    tag: "acting",
    summary: "Mints blocks",
    body: mintBody,
    answer: mintResult,
  }, (request, onLine) => api.mint(request, onLine));
}

function addKeeping(router: Router): void {
  const { api } = router.parts;
  router.act({
    path: "/peers",
    id: "addPeer",
    tag: "acting",
    summary: "Tries an address for as long as the node runs",
    body: peerBody,
    answer: addPeerResult,
  }, ({ address }) => api.addPeer(address));
  router.actLong({
    path: "/reindex",
    id: "reindex",
    tag: "acting",
    summary: "Builds coins and indexes again from the blocks",
    body: emptyBody,
    answer: reindexReport,
  }, (_body, onLine) => api.reindex(onLine));
  router.actLong({
    path: "/verify",
    id: "verify",
    tag: "acting",
    summary: "Checks everything that is stored again",
    body: emptyBody,
    answer: verifyReport,
  }, (_body, onLine) => api.verify(onLine));
  router.act({
    path: "/stop",
    id: "stop",
    tag: "acting",
    summary: "Ends the node",
    body: emptyBody,
    answer: z.object({ stopping: z.literal(true) }),
  }, async () => {
    await api.stop();
    return { stopping: true as const };
  });
}
