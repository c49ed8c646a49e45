import assert from "node:assert/strict";
import { fromHex, toHex } from "../../../lib/base/bytes.ts";
import { publicKeyOf } from "../../../lib/primitives/signature.ts";
import {
  deriveKeySeed,
  deriveSlip10,
  newMnemonic,
  normalizeMnemonic,
  pathOf,
  seedOfMnemonic,
} from "../../../lib/wallet/derivation.ts";

/** SLIP-0010, "Test vector 1 for ed25519" and "Test vector 2 for ed25519": path, private, public. */
const SLIP10 = [
  {
    seed: "000102030405060708090a0b0c0d0e0f",
    keys: [
      [[], "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7"],
      [[0], "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3"],
      [[0, 1], "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2"],
      [[0, 1, 2], "92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9"],
      [[0, 1, 2, 2], "30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662"],
      [
        [0, 1, 2, 2, 1000000000],
        "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
      ],
    ],
  },
  {
    seed: "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a2" +
      "9f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542",
    keys: [
      [[], "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012"],
      [[0], "1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635"],
      [[0, 2147483647], "ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4"],
    ],
  },
] as const;

Deno.test("deriveSlip10() gives the published Ed25519 keys of SLIP-0010", () => {
  for (const { seed, keys } of SLIP10) {
    for (const [path, secret] of keys) {
      assert.equal(toHex(deriveSlip10(fromHex(seed), path)), secret);
    }
  }
});

Deno.test("deriveSlip10() and publicKeyOf() give SLIP-0010's public key of m/0'", () => {
  const seed = deriveSlip10(fromHex(SLIP10[0].seed), [0]);
  assert.equal(
    toHex(publicKeyOf(seed)),
    "8c8a13df77a28f3445213a0f432fde644acaa215fc72dcdf300d5efaa85d350c",
  );
});

Deno.test("seedOfMnemonic() gives BIP39's seed of known words without a passphrase", () => {
  const words = `${"abandon ".repeat(11)}about`;
  assert.equal(
    toHex(seedOfMnemonic(words)),
    "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1" +
      "9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4",
  );
});

Deno.test("normalizeMnemonic() forgives case and spaces, and nothing else", () => {
  const words = `${"abandon ".repeat(11)}about`;
  assert.equal(normalizeMnemonic(`  ${words.toUpperCase().replaceAll(" ", "  \n")} `), words);
  assert.equal(normalizeMnemonic(`${"abandon ".repeat(11)}abandon`), undefined);
  assert.equal(normalizeMnemonic("abandon about"), undefined);
  assert.equal(normalizeMnemonic(words.replace("about", "abuot")), undefined);
});

Deno.test("newMnemonic() gives twelve good words, other ones each time", () => {
  const words = newMnemonic();
  assert.equal(words.split(" ").length, 12);
  assert.equal(normalizeMnemonic(words), words);
  assert.notEqual(newMnemonic(), words);
});

Deno.test("deriveKeySeed() gives each index a key of its own on the path it names", () => {
  const seed = seedOfMnemonic(`${"abandon ".repeat(11)}about`);
  assert.notDeepEqual(deriveKeySeed(seed, 0), deriveKeySeed(seed, 1));
  assert.deepEqual(deriveKeySeed(seed, 1), deriveSlip10(seed, [44, 0x6d6f696d, 1]));
  assert.equal(pathOf(1), "m/44'/1836018029'/1'");
});
