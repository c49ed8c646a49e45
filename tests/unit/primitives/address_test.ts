import { bech32m } from "@scure/base";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AddressError,
  decodeAddress,
  encodeAddress,
  lockOf,
} from "../../../lib/primitives/address.ts";
import { asLock } from "../../../lib/primitives/ids.ts";
import { publicKeyOf } from "../../../lib/primitives/signature.ts";
import vectors from "../../vectors/bech32m.json" with { type: "json" };

type Bech32 = `${string}1${string}`;
const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const someLock = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(asLock);

Deno.test("bech32m: BIP 350's valid strings decode and encode back", () => {
  for (const text of vectors.valid) {
    const { prefix, words } = bech32m.decode(text as Bech32, 90);
    assert.equal(bech32m.encode(prefix, words, 90), text.toLowerCase());
  }
});

Deno.test("bech32m: BIP 350's invalid strings are refused, as text and as address", () => {
  for (const text of vectors.invalid) {
    assert.throws(() => bech32m.decode(text as Bech32, 90), `"${text}"`);
    assert.throws(() => decodeAddress(text), AddressError);
  }
});

Deno.test("decodeAddress: addresses of Bitcoin are refused", () => {
  for (const text of vectors.foreignAddresses) {
    assert.throws(() => decodeAddress(text), AddressError);
  }
});

Deno.test("encodeAddress: the address of a known key", () => {
  const lock = lockOf(publicKeyOf(new Uint8Array(32).fill(1)));
  // From the definition: RIPEMD-160(SHA-256(0x01 ‖ key)) under `moim`, version 0.
  assert.equal(lock, "0d4f6af85d1d1633e8a5f93dc39110bc721aa48d");
  assert.equal(encodeAddress(lock), "moim1qp48k47zar5tr8699ly7u8ygsh3ep4fydygpc36");
});

Deno.test("decodeAddress: gives back the lock, in lower or upper case, never mixed", () => {
  fc.assert(fc.property(someLock, (lock) => {
    const address = encodeAddress(lock);
    assert.equal(decodeAddress(address), lock);
    assert.equal(decodeAddress(address.toUpperCase()), lock);
    assert.throws(() => decodeAddress(`M${address.slice(1)}`), AddressError);
  }));
});

Deno.test("decodeAddress: catches one wrong letter and two exchanged ones", () => {
  fc.assert(fc.property(someLock, fc.nat(), fc.nat(), (lock, where, which) => {
    const address = encodeAddress(lock);
    const at = 5 + where % (address.length - 5);
    const wrong = LETTERS[which % 32]!;
    if (wrong !== address[at]) {
      const changed = address.slice(0, at) + wrong + address.slice(at + 1);
      assert.throws(() => decodeAddress(changed), AddressError);
    }
    const [a, b] = [address[at], address[at + 1]];
    if (b === undefined || a === b) return;
    const swapped = address.slice(0, at) + b + a + address.slice(at + 2);
    assert.throws(() => decodeAddress(swapped), AddressError);
  }));
});

Deno.test("decodeAddress: other prefixes, versions, lengths and forms are told apart", () => {
  const words = bech32m.toWords(new Uint8Array(20));
  const refused: [string, RegExp][] = [
    [bech32m.encode("moin", [0, ...words]), /begins with moin1/],
    [bech32m.encode("moim", [1, ...words]), /later version/],
    [bech32m.encode("moim", [0, ...bech32m.toWords(new Uint8Array(19))]), /wrong length/],
    [bech32m.encode("moim", [0, ...bech32m.toWords(new Uint8Array(21))]), /wrong length/],
    [bech32m.encode("moim", []), /./],
    ["", /typing errors/],
    ["moim1", /typing errors/],
    ["1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", /typing errors/],
  ];
  for (const [text, message] of refused) {
    assert.throws(() => decodeAddress(text), (error) => {
      assert.ok(error instanceof AddressError);
      assert.match(error.message, message);
      return true;
    });
  }
});
