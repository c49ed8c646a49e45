/** Headers, blocks and payments that break one rule each, as attacks of a stranger. */
import { concatBytes } from "../../lib/base/bytes.ts";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import type { HeaderContext } from "../../lib/consensus/header_context.ts";
import { DEV_NETWORK } from "../../lib/consensus/network.ts";
import { hashMeetsBits } from "../../lib/consensus/work.ts";
import { type Amount, amount } from "../../lib/primitives/amount.ts";
import {
  type Block,
  type BlockHeader,
  encodeBlock,
  encodeHeader,
  HEADER_BYTES,
} from "../../lib/primitives/block.ts";
import { encodeTransaction, type Transaction } from "../../lib/primitives/transaction.ts";
import { makeCompact } from "../../lib/sync/compact_block.ts";
import { SYNC_LIMITS } from "../../lib/sync/limits.ts";
import type { CompactBlockBody } from "../../lib/wire/compact.ts";
import type { Attack } from "./attack.ts";
import { mint, type Minted } from "./easy_chain.ts";
import { easyKey, payment } from "./easy_payment.ts";

/** Owns the coins of every block. */
export const OWNER = easyKey(1);
const OTHER = easyKey(2);
const network = DEV_NETWORK;

/** A payment of the first block's coin. */
export function payFirstCoin(
  chain: readonly Minted[],
  pays = amount(1_000_000),
  times = 1,
): Transaction {
  const [coinbase] = chain[0]!.block.transactions;
  const coin = {
    amount: coinbase!.outputs[0]!.amount,
    outPoint: { txId: coinbase!.id, index: 0 },
  };
  return payment({
    key: OWNER,
    coins: Array.from({ length: times }, () => coin),
    to: OTHER.lock,
    pays,
    genesisId: genesisBlock(network).id,
  });
}

/** More than the coin holds. */
function overspend(chain: readonly Minted[]): Transaction {
  return payFirstCoin(chain, amount(30_000_000));
}

/** Headers that claim to come after the tip. */
export function badHeaders(chain: readonly Minted[]): Attack[] {
  const tip = chain.at(-1)!.context;
  const { header } = mint(tip, { network }).block;
  const attack = (how: string, ...headers: BlockHeader[]): Attack => ({
    name: `headers: ${how}`,
    send: (peer) => peer.send({ type: "headers", headers }),
    refusal: "invalid",
  });
  return [
    attack("too little work", withoutWork(header)),
    attack("the wrong target", encodeHeader({ ...header, bits: 0x207f_ffff })),
    attack("before its parent", encodeHeader({ ...header, timeMs: tip.timeMs - 1 })),
    attack("at the wrong height", encodeHeader({ ...header, height: 40 })),
    attack("of another version", encodeHeader({ ...header, version: 2 })),
    attack("not one chain", header, encodeHeader({ ...header, height: header.height + 1 })),
  ];
}

/** Blocks that claim to come after the tip; one under the header of the right one, `next`. */
export function badBlocks(chain: readonly Minted[], next: Minted): Attack[] {
  const tip = chain.at(-1)!.context;
  const attack = (how: string, bytes: Uint8Array): Attack => ({
    name: `block: ${how}`,
    send: (peer) => peer.send({ type: "block", bytes }),
    refusal: "invalid",
  });
  const other = mint(tip, { network, mark: "other" }).block;
  const body = other.bytes.subarray(HEADER_BYTES);
  const cut = mintBefore(next, tip).bytes;
  const greedy = { network, fees: 1 as Amount, mark: "greedy" };
  const spending = { network, transactions: [overspend(chain)], mark: "spending" };
  return [
    attack(
      "too little work",
      encodeBlock({ ...other, header: withoutWork(other.header) }).bytes,
    ),
    attack("the body of another", concatBytes(next.block.header.bytes, body)),
    attack("a byte is missing", cut.slice(0, -1)),
    attack("too high a reward", mint(tip, greedy).block.bytes),
    attack("a payment of more than there is", mint(tip, spending).block.bytes),
  ];
}

/** New blocks in compact form whose makers lie, each with a header of its own. */
export function badCompactBlocks(chain: readonly Minted[]): Attack[] {
  const tip = chain.at(-1)!;
  const compact = (mark: string, knows: boolean) => {
    const { block } = mint(tip.context, { network, mark, transactions: [payFirstCoin(chain)] });
    return makeCompact(block, 1n, () => knows, { ...SYNC_LIMITS, compactWholeBytes: 0 });
  };
  const attack = (how: string, body: CompactBlockBody, answer?: Uint8Array): Attack => ({
    name: `compactblock: ${how}`,
    send: (peer) => {
      peer.onMessage = (message) => {
        if (message.type !== "getblocktxn" || answer === undefined) return;
        peer.send({ type: "blocktxn", id: message.id, transactions: [answer] });
      };
      peer.send({ type: "compactblock", ...body });
    },
    refusal: "invalid",
  });
  const weak = compact("weak", false);
  const odd = compact("odd", false);
  const garbage = Uint8Array.of(9);
  return [
    attack("too little work", { ...weak, header: withoutWork(weak.header) }),
    attack("no transaction", { ...odd, placed: [{ index: 0, bytes: garbage }, odd.placed[1]!] }),
    attack("those of another", { ...compact("one", false), placed: odd.placed }),
    attack("no transaction is missing", compact("two", true), garbage),
    attack("another is missing", compact("three", true), odd.placed[0]!.bytes),
    {
      name: "getblocktxn: a place beyond the block",
      send: (peer) => peer.send({ type: "getblocktxn", id: tip.block.id, indexes: [7] }),
      refusal: "invalid",
    },
  ];
}

export function badTransactions(chain: readonly Minted[]): Attack[] {
  const attack = (how: string, bytes: Uint8Array): Attack => ({
    name: `tx: ${how}`,
    send: (peer) => peer.send({ type: "tx", bytes }),
    refusal: "invalid",
  });
  const forged = payFirstCoin(chain).bytes.slice();
  forged[forged.length - 40]! ^= 1; // Within its one signature.
  const nothing = { memo: new Uint8Array(), signatures: [] };
  const outputs = [{ amount: amount(1), lock: OTHER.lock }];
  return [
    attack("a wrong signature", forged),
    attack("more than there is", overspend(chain).bytes),
    attack("one coin twice", payFirstCoin(chain, amount(1_000_000), 2).bytes),
    attack(
      "a reward outside a block",
      encodeTransaction({ spends: [], outputs, ...nothing }).bytes,
    ),
  ];
}

/** The header with the first nonce that does not meet its target. */
function withoutWork(header: BlockHeader): BlockHeader {
  for (let nonce = 0n;; nonce++) {
    const changed = encodeHeader({ ...header, nonce });
    if (!hashMeetsBits(changed.id, changed.bits)) return changed;
  }
}

/** A rival of `next` that wins by its id, so that the node waits for a body that never comes. */
function mintBefore(next: Minted, tip: HeaderContext): Block {
  for (let number = 0;; number++) {
    const { block } = mint(tip, { network, mark: String(number) });
    if (block.id < next.block.id) return block;
  }
}
