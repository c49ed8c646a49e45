/** A worker thread that checks blocks and signatures, as `checking_pool.ts` asks. */
import { CodecError } from "../base/bytes.ts";
import { digestBlock } from "../consensus/block_digest.ts";
import { RuleError } from "../consensus/rules.ts";
import { areSignaturesRight, unpackSignatureChecks } from "../consensus/signatures.ts";
import type { BlockId } from "../primitives/ids.ts";

/** Work for one worker. Buffers are handed over, not copied. */
export type CheckRequest =
  | {
    readonly kind: "blocks";
    readonly genesisId: BlockId;
    /** Encoded blocks, one behind the other. */
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly lengths: readonly number[];
  }
  | { readonly kind: "signatures"; readonly packed: Uint8Array<ArrayBuffer> };

/** A digest for each block, none where it is not right; or a byte for each signature, 1 if right. */
export type CheckAnswer =
  | { readonly kind: "blocks"; readonly digests: (Uint8Array<ArrayBuffer> | undefined)[] }
  | { readonly kind: "signatures"; readonly right: Uint8Array<ArrayBuffer> };

interface WorkerScope {
  onmessage: (event: MessageEvent<CheckRequest>) => void;
  postMessage(answer: CheckAnswer, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => {
  if (data.kind === "signatures") {
    const right = areSignaturesRight(unpackSignatureChecks(data.packed));
    return scope.postMessage({ kind: "signatures", right }, [right.buffer]);
  }
  let at = 0;
  const digests = data.lengths.map((length) =>
    digestOf(data.bytes.subarray(at, at += length), data.genesisId)
  );
  const buffers = digests.flatMap((digest) => digest?.buffer ?? []);
  scope.postMessage({ kind: "blocks", digests }, buffers);
};

/** Undefined for a block that is not right: whoever asked finds out why. */
function digestOf(bytes: Uint8Array, genesisId: BlockId): Uint8Array<ArrayBuffer> | undefined {
  try {
    return digestBlock(bytes, genesisId);
  } catch (error) {
    if (error instanceof CodecError || error instanceof RuleError) return undefined;
    throw error;
  }
}
