/** What checking a payment is made of. Figures are for one core; compare ratios, not machines. */
import {
  amount,
  asBlockId,
  asTxId,
  decodeTransaction,
  encodeTransaction,
  lockOf,
  merkleRoot,
  publicKeyOf,
  sha256d,
  signedMessage,
  signTransaction,
  verify,
} from "../../lib/primitives/mod.ts";

const seed = new Uint8Array(32).fill(7);
const publicKey = publicKeyOf(seed);
const genesisId = asBlockId(new Uint8Array(32).fill(1));
const payment = signTransaction(
  {
    spends: [{ publicKey, coins: [{ txId: asTxId(new Uint8Array(32).fill(2)), index: 0 }] }],
    outputs: [
      { amount: amount(1_000_000), lock: lockOf(publicKey) },
      { amount: amount(18_999_800), lock: lockOf(publicKey) },
    ],
    memo: new Uint8Array(),
  },
  genesisId,
  () => seed,
);
const message = signedMessage(payment.unsignedBytes, genesisId);
const header = new Uint8Array(92).fill(3);
const leaves = Array.from({ length: 1_000 }, (_, i) => sha256d(new Uint8Array([i & 255, i >> 8])));

Deno.bench("sha256d of a header", () => {
  sha256d(header);
});
Deno.bench("decode a payment", () => {
  decodeTransaction(payment.bytes);
});
Deno.bench("encode a payment", () => {
  encodeTransaction(payment);
});
Deno.bench("sign a payment's message", () => {
  signTransaction(payment, genesisId, () => seed);
});
Deno.bench("verify a payment's signature", () => {
  verify(payment.signatures[0]!, message, publicKey);
});
Deno.bench("Merkle root of 1,000 ids", () => {
  merkleRoot(leaves);
});
