import assert from "node:assert/strict";
import { fromHex, toHex, utf8 } from "../../../lib/base/bytes.ts";
import { genesisBlock, NOBODY } from "../../../lib/consensus/genesis.ts";
import {
  DEV_NETWORK,
  encodeNetwork,
  type Network,
  NetworkError,
  networkFromPhrase,
} from "../../../lib/consensus/network.ts";
import {
  MAX_ALLOCATIONS,
  networkFromJson,
  networkToJson,
} from "../../../lib/consensus/network_json.ts";
import { encodeAddress } from "../../../lib/primitives/address.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { alice, bob } from "./builder.ts";

/** Also computed by an independent program from the text of the rules. */
const GENESIS = {
  moim: "417860a5c1b597273ed4d80fcf5cba3d28f2a75ecf27233a66b51973e6f948da",
  tuto: "4846ecf0bb57267090dd0c12b43ae5ec6d87e1103be2ddc5c227190a62077d91",
  dev: "55d101f04b1d5f4aab0709c1e0d3a53796805d2da16156662c130e479abbb901",
};
const ADDRESS = encodeAddress(alice.lock);

function field(action: () => unknown): NetworkError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof NetworkError, String(error));
    assert.ok(!error.message.includes("\n"));
    assert.ok(error.message.includes(error.field), error.message);
    return error;
  }
  throw new assert.AssertionError({ message: "accepted" });
}

Deno.test("networkFromPhrase: the parameters that everyone gets", () => {
  assert.deepEqual(networkFromPhrase("tuto"), {
    name: "tuto",
    timeMs: Date.UTC(2026, 0, 1),
    spacingMs: 15_000,
    minGapMs: 1_500,
    reward: 20_000_000,
    halvingInterval: 0,
    coinbaseMaturity: 1,
    limitBits: 0x1e40_0000,
    allocations: [],
    message: "",
  });
  assert.equal(DEV_NETWORK.minGapMs, 0);
  assert.equal(DEV_NETWORK.limitBits, 0x2001_0000);
});

Deno.test("networkFromPhrase: NFC and trimmed, case kept", () => {
  assert.equal(networkFromPhrase("  tuto\n").name, "tuto");
  assert.equal(networkFromPhrase("Tuto").name, "Tuto");
  assert.equal(networkFromPhrase("two words").name, "two words");
  // Korean typed on a Mac comes decomposed.
  assert.equal(networkFromPhrase("모임".normalize("NFD")).name, "모임".normalize("NFC"));
  assert.equal(
    genesisBlock(networkFromPhrase("모임".normalize("NFD"))).id,
    genesisBlock(networkFromPhrase(" 모임 ")).id,
  );
});

Deno.test("networkFromPhrase: 1 to 200 bytes", () => {
  assert.equal(networkFromPhrase("a".repeat(200)).name.length, 200);
  assert.equal(networkFromPhrase("가".repeat(66)).name.length, 66);
  for (const phrase of ["", "   ", "a".repeat(201), "가".repeat(67), "half \ud800"]) {
    assert.equal(field(() => networkFromPhrase(phrase)).field, "name");
  }
});

Deno.test("encodeNetwork: each field in its order", () => {
  const network: Network = {
    name: "é",
    timeMs: 1,
    spacingMs: 200,
    minGapMs: 2,
    reward: amount(3),
    halvingInterval: 4,
    coinbaseMaturity: 5,
    limitBits: 0x2001_0000,
    allocations: [{ lock: bob.lock, amount: amount(300) }],
    message: "hi",
  };
  assert.equal(
    toHex(encodeNetwork(network)),
    toHex(utf8("moim/network/1")) + "02c3a9" + "01" + "c801" + "02" + "03" + "04" + "05" +
      "8080848002" + "01" + bob.lock + "ac02" + "02" + "6869",
  );
});

Deno.test("genesis: the ids of the built-in networks never change", () => {
  assert.equal(genesisBlock(networkFromPhrase("moim")).id, GENESIS.moim);
  assert.equal(genesisBlock(networkFromPhrase("tuto")).id, GENESIS.tuto);
  assert.equal(genesisBlock(DEV_NETWORK).id, GENESIS.dev);
});

Deno.test("genesis: a different value in any field makes a different genesis", () => {
  const base = networkFromPhrase("tuto");
  const changes: Partial<Network>[] = [
    {},
    { name: "tuto2" },
    { timeMs: base.timeMs + 1 },
    { spacingMs: 15_001 },
    { minGapMs: 1_501 },
    { reward: amount(1) },
    { halvingInterval: 1 },
    { coinbaseMaturity: 2 },
    { limitBits: 0x1e3f_ffff },
    { allocations: [{ lock: alice.lock, amount: amount(1) }] },
    { message: "x" },
  ];
  const ids = new Set(changes.map((change) => genesisBlock({ ...base, ...change }).id));
  assert.equal(ids.size, changes.length);
});

Deno.test("genesis: header and coinbase are made from the parameters", () => {
  const allocations = [{ lock: alice.lock, amount: amount(7) }, {
    lock: alice.lock,
    amount: amount(8),
  }];
  const network = { ...networkFromPhrase("tuto"), allocations, message: "hello" };
  const { header, transactions } = genesisBlock(network);
  assert.equal(header.version, 1);
  assert.equal(header.height, 0);
  assert.equal(header.timeMs, network.timeMs);
  assert.equal(header.bits, network.limitBits);
  assert.equal(header.nonce, 0n);
  assert.equal(transactions.length, 1);
  const coinbase = transactions[0]!;
  assert.equal(toHex(coinbase.memo), "00" + toHex(utf8("hello")));
  assert.equal(NOBODY, "00".repeat(20));
  assert.deepEqual(coinbase.outputs, [{ amount: 20_000_000, lock: NOBODY }, ...allocations]);
});

Deno.test("networkFromJson: a name is enough, the rest has defaults", () => {
  assert.deepEqual(networkFromJson({ name: " tuto " }), networkFromPhrase("tuto"));
  assert.equal(networkFromJson({ name: "x", spacingMs: 1_000 }).minGapMs, 100);
});

Deno.test("networkFromJson: reads back what networkToJson writes, through text", () => {
  const networks: Network[] = [networkFromPhrase("모임"), DEV_NETWORK, {
    name: "club",
    timeMs: 0,
    spacingMs: 60_000,
    minGapMs: 60_000,
    reward: amount(0),
    halvingInterval: 2 ** 32 - 1,
    coinbaseMaturity: 100,
    limitBits: 0x1f00_ffff,
    allocations: [{ lock: alice.lock, amount: amount(1) }, { lock: bob.lock, amount: amount(2) }],
    message: "반갑습니다",
  }];
  for (const network of networks) {
    const text = JSON.stringify(networkToJson(network));
    const read = networkFromJson(JSON.parse(text));
    assert.deepEqual(read, network);
    assert.equal(genesisBlock(read).id, genesisBlock(network).id);
  }
});

const most = Number.MAX_SAFE_INTEGER;
const entry = { address: ADDRESS, amount: 1 };
const REFUSED: [string, unknown][] = [
  ["network", null],
  ["network", "tuto"],
  ["network", [1]],
  ["name", {}],
  ["name", { name: 5 }],
  ["name", { name: " " }],
  ["name", { name: "x".repeat(201) }],
  ["color", { name: "x", color: "red" }],
  ["spacingMS", { name: "x", spacingMS: 1_000 }],
  ["timeMs", { name: "x", timeMs: "2026-01-01" }],
  ["timeMs", { name: "x", timeMs: -1 }],
  ["timeMs", { name: "x", timeMs: most }],
  ["spacingMs", { name: "x", spacingMs: 0 }],
  ["spacingMs", { name: "x", spacingMs: 99 }],
  ["spacingMs", { name: "x", spacingMs: 86_400_001 }],
  ["spacingMs", { name: "x", spacingMs: 1_000.5 }],
  ["spacingMs", { name: "x", spacingMs: null }],
  ["minGapMs", { name: "x", minGapMs: -1 }],
  ["minGapMs", { name: "x", minGapMs: 15_001 }],
  ["reward", { name: "x", reward: -1 }],
  ["reward", { name: "x", reward: 2 ** 53 }],
  ["reward", { name: "x", reward: "20" }],
  ["halvingInterval", { name: "x", halvingInterval: 2 ** 32 }],
  ["coinbaseMaturity", { name: "x", coinbaseMaturity: 0 }],
  ["limitBits", { name: "x", limitBits: 0x1e40_0000 }],
  ["limitBits", { name: "x", limitBits: "1e400000" }],
  ["limitBits", { name: "x", limitBits: "0x1E400000" }],
  ["limitBits", { name: "x", limitBits: "0x00000000" }],
  ["limitBits", { name: "x", limitBits: "0x1e800000" }], // Negative.
  ["limitBits", { name: "x", limitBits: "0x1e004000" }], // Not the one form.
  ["limitBits", { name: "x", limitBits: "0xff123456" }], // 2^256 or more.
  ["allocations", { name: "x", allocations: {} }],
  ["allocations[0]", { name: "x", allocations: ["a"] }],
  ["allocations[1].address", { name: "x", allocations: [entry, { amount: 1 }] }],
  ["allocations[0].address", { name: "x", allocations: [{ ...entry, address: `${ADDRESS}q` }] }],
  ["allocations[0].amount", { name: "x", allocations: [{ address: ADDRESS }] }],
  ["allocations[0].amount", { name: "x", allocations: [{ ...entry, amount: 0 }] }],
  ["allocations[0].amount", { name: "x", allocations: [{ ...entry, amount: 1.5 }] }],
  ["allocations[0].note", { name: "x", allocations: [{ ...entry, note: "" }] }],
  ["allocations", { name: "x", allocations: [{ ...entry, amount: most - 20_000_000 + 1 }] }],
  ["allocations", { name: "x", allocations: Array(MAX_ALLOCATIONS + 1).fill(entry) }],
  ["message", { name: "x", message: 5 }],
  ["message", { name: "x", message: "y".repeat(256) }],
  ["message", { name: "x", message: "\udc00" }],
];

for (const [name, value] of REFUSED) {
  const shown = JSON.stringify(value).slice(0, 60);
  Deno.test(`networkFromJson: refuses ${shown}, naming ${name}`, () => {
    assert.equal(field(() => networkFromJson(value)).field, name);
  });
}

Deno.test("networkFromJson: the largest values pass, and their genesis has a transaction's size", () => {
  const allocations = Array(MAX_ALLOCATIONS).fill({ address: ADDRESS, amount: 3_000_000_000_000 });
  const network = networkFromJson({ name: "x", allocations, message: "y".repeat(255) });
  assert.ok(genesisBlock(network).transactions[0]!.bytes.length <= 100_000);
  const whole = networkFromJson({
    name: "x",
    allocations: [{ ...entry, amount: most - 20_000_000 }],
  });
  assert.equal(whole.allocations[0]!.amount, most - 20_000_000);
  assert.equal(fromHex(genesisBlock(network).id).length, 32);
});
