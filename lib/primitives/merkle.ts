/** The RFC 6962 (section 2.1) Merkle tree hash: leaves and nodes can never be mistaken. */
import { equalBytes } from "../base/bytes.ts";
import { sha256, treeHash } from "./hash.ts";
import { type Hash, idBytes, type TxId } from "./ids.ts";

const LEAF = Uint8Array.of(0x00);
const NODE = Uint8Array.of(0x01);

const hashLeaf = (leaf: Uint8Array) => sha256(LEAF, leaf);
const hashNode = (left: Uint8Array, right: Uint8Array) => sha256(NODE, left, right);

/**
 * Pairs of a level, hashed. An odd one moves up as it is: level by level that gives the RFC's split
 * at the largest power of two.
 */
function levelAbove(level: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const right = level[at + 1];
    above.push(right === undefined ? level[at]! : hashNode(level[at]!, right));
  }
  return above;
}

/** The root over `leaves` in order; of no leaves, the hash of nothing. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256();
  let level = leaves.map(hashLeaf);
  while (level.length > 1) level = levelAbove(level);
  return level[0]!;
}

/** `merkleRoot` over ids: much faster for them. */
export function merkleRootOfIds(ids: readonly (Hash | TxId)[]): Uint8Array {
  return (ids.length > 0 ? treeHash(ids) : undefined) ?? merkleRoot(ids.map(idBytes));
}

/** The audit path of leaf `index` (RFC 6962 section 2.1.1), lowest sibling first. */
export function merkleProof(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  return auditPath(leaves, index, merkleRoot);
}

/** `merkleProof` over ids: much faster for them. */
export function merkleProofOfIds(ids: readonly (Hash | TxId)[], index: number): Uint8Array[] {
  return auditPath(ids, index, merkleRootOfIds);
}

/** As the RFC defines it: the sibling of each step is the root of a part of the list. */
function auditPath<Leaf>(
  leaves: readonly Leaf[],
  index: number,
  rootOf: (leaves: readonly Leaf[]) => Uint8Array,
): Uint8Array[] {
  if (!(index >= 0 && index < leaves.length)) throw new RangeError(`No leaf ${index}`);
  const path: Uint8Array[] = [];
  let [start, end] = [0, leaves.length];
  while (end - start > 1) {
    const split = start + largestPowerBelow(end - start);
    const isLeft = index < split;
    path.push(rootOf(isLeft ? leaves.slice(split, end) : leaves.slice(start, split)));
    if (isLeft) end = split;
    else start = split;
  }
  return path.reverse();
}

/** The largest power of two below `count`, which is 2 or more. */
function largestPowerBelow(count: number): number {
  let power = 1;
  while (2 * power < count) power *= 2;
  return power;
}

/** Whether `path` leads from leaf `index` of `count` to `root` (RFC 9162 section 2.1.3.2). */
export function verifyInclusion(
  proof: { leaf: Uint8Array; index: number; count: number; path: readonly Uint8Array[] },
  root: Uint8Array,
): boolean {
  if (!(proof.index >= 0 && proof.index < proof.count)) return false;
  let hash = hashLeaf(proof.leaf);
  let at = proof.index;
  let last = proof.count - 1;
  for (const sibling of proof.path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = hashNode(sibling, hash);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = hashNode(hash, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hash, root);
}
