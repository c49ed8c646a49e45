import { strict as assert } from "node:assert";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import fc from "fast-check";
import { EXIT, UserError } from "../../../lib/base/errors.ts";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";
import { networkFromPhrase } from "../../../lib/consensus/network.ts";
import {
  addressesForLink,
  type GroupName,
  LINK_CHARACTERS_MAX,
  type LinkDetails,
  parametersHash,
  readInvitation,
  readLink,
  writeLink,
} from "../../../lib/node/invitation.ts";
import { nearestWords, readWords, wordsOfEntropy } from "../../../lib/node/invitation_words.ts";
import { asBlockId } from "../../../lib/primitives/ids.ts";

const PEER = "12D3KooWGRUVh3TdMVYoYZ5zqRLHoEX8dJLbqbHqEbmqoVHQYgVE";
const ENTROPY = Uint8Array.from([0x6d, 0x6f, 0x69, 0x6d, 1, 2, 3, 4]);
const WORDS = wordsOfEntropy(ENTROPY);

/** The one line of the usage error that `read` throws. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.exitCode, EXIT.usage);
    assert.ok(!error.message.includes("\n") && error.message.length < 300, error.message);
    return error.message;
  }
  assert.fail("It was not refused");
}

const entropies = fc.uint8Array({ minLength: 8, maxLength: 8 });
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const addresses = fc.uniqueArray(
  fc.constantFrom(
    "/ip4/192.168.0.7/tcp/3000",
    "/ip4/93.184.216.34/tcp/3000",
    "/ip6/2a00:1450:4001:81b::200e/tcp/65535",
    "/dns4/node.example/tcp/3000",
    "/ip4/10.0.0.1/tcp/1",
    `/ip4/45.0.0.1/tcp/3000/p2p/${PEER}/p2p-circuit`,
  ),
  { maxLength: 4 },
);
const groups: fc.Arbitrary<GroupName> = fc.oneof(
  entropies.map((entropy) => ({
    kind: "words" as const,
    words: wordsOfEntropy(entropy),
    entropy,
  })),
  fc.record({
    kind: fc.constant("phrase" as const),
    phrase: fc.constantFrom("tuto", "한글 모임 & = ? # %", "a+b c/d", "x".repeat(200), "’!'()*~"),
    masterKey: bytes32,
  }, { requiredKeys: ["kind", "phrase"], noNullPrototype: true }),
);
const details: fc.Arbitrary<LinkDetails> = fc.record({
  at: fc.option(addresses, { nil: undefined }),
  genesis: bytes32,
  hash: bytes32,
}, { noNullPrototype: true }).map(({ at, genesis, hash }) => ({
  ...(at !== undefined && { peerId: PEER }),
  addresses: at ?? [],
  genesisId: asBlockId(genesis.toHex()),
  parametersHash: hash,
}));

Deno.test("words carry 64 bits and BIP39's checksum of 2", () => {
  fc.assert(fc.property(entropies, (entropy) => {
    const words = wordsOfEntropy(entropy);
    assert.equal(words.length, 6);
    const bits = words.map((word) => wordlist.indexOf(word).toString(2).padStart(11, "0")).join("");
    const ofBytes = (bytes: Uint8Array) =>
      [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
    assert.equal(bits, ofBytes(entropy) + ofBytes(nobleSha256(entropy)).slice(0, 2));
    const read = readWords(words.join(" "));
    assert.deepEqual(read.words, words);
    assert.deepEqual(read.entropy, entropy);
  }));
});

Deno.test("words are read however they are typed", () => {
  const cut = WORDS.map((word) => word.slice(0, 4));
  for (
    const text of [
      WORDS.join("-"),
      WORDS.join(", "),
      `  ${WORDS.join("   ").toUpperCase()}\r\n`,
      WORDS.join("\n"),
      WORDS.join(" – "),
      WORDS.join("\u00a0"),
      cut.join(" "),
      `${WORDS.slice(0, 3).join("-")} ${cut.slice(3).join(",")}.`,
    ]
  ) assert.deepEqual(readWords(text), { words: WORDS, entropy: ENTROPY }, text);
});

Deno.test("a word that is not in the list is named, with its place and the nearest", () => {
  const [first, second, ...rest] = wordsOfEntropy(new Uint8Array(8));
  assert.equal(first, "abandon");
  const message = refusal(() => readWords([first, "abotu", ...rest].join(" ")));
  assert.match(message, /word 2, "abotu", is not one of the list; did you mean about/);
  assert.equal(second, "abandon");
  assert.deepEqual(nearestWords("zeebra"), ["zebra"]);
  assert.match(refusal(() => readWords("qqqqqqqqqq a b c d e")), /word 1, "qqqqqqqqqq", is not/);
  // Three letters are not enough to tell words apart.
  assert.match(
    refusal(() => readWords(["aba", ...rest, first].join(" "))),
    /word 1, "aba", is not/,
  );
});

Deno.test("a wrong number of words is told", () => {
  assert.match(refusal(() => readWords("abandon")), /has six words and 1 was given/);
  assert.match(refusal(() => readWords("")), /has six words and 0 were given/);
  assert.match(refusal(() => readWords([...WORDS, "zoo"].join(" "))), /and 7 were given/);
});

Deno.test("three of four wrong words and exchanges are noticed by the checksum", () => {
  let noticed = 0;
  for (const word of wordlist) {
    if (word === WORDS[2]) continue;
    try {
      const read = readWords(WORDS.with(2, word).join(" "));
      assert.notDeepEqual(read.entropy, ENTROPY);
    } catch (error) {
      noticed++;
      assert.match(String(error), /one of these words is wrong or two are exchanged/);
    }
  }
  assert.ok(noticed > 0.7 * wordlist.length && noticed < 0.8 * wordlist.length, `${noticed}`);
});

Deno.test("a link gives back what it was made of, and has one spelling", () => {
  fc.assert(fc.property(groups, details, (group, details) => {
    const link = writeLink(group, details);
    assert.ok(link.length <= LINK_CHARACTERS_MAX);
    assert.deepEqual(readLink(link), { group, details });
    const broken = `\n ${link.slice(0, 40)}\r\n${link.slice(40)} \n`;
    assert.deepEqual(readInvitation(broken), { group, details });
  }));
});

Deno.test("a link with one character damaged is refused", () => {
  const printable = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
  fc.assert(
    fc.property(groups, details, fc.nat(), printable, (group, details, where, character) => {
      const link = writeLink(group, details);
      const at = where % link.length;
      if (link[at] === character) return;
      const damaged = link.slice(0, at) + character + link.slice(at + 1);
      try {
        const read = readInvitation(damaged);
        // Capitals in `moim:` are forgiven.
        assert.ok(at < 4);
        assert.deepEqual(read, { group, details });
      } catch (error) {
        assert.ok(error instanceof UserError && error.exitCode === EXIT.usage, String(error));
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("whatever follows moim: is read or refused in one line", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii", maxLength: 200 }), (text) => {
      refusal(() => readInvitation(`moim:${text}`));
      refusal(() => readInvitation(`moim:1+${text}`));
    }),
  );
});

/** A link with the right check over `body`, as somebody without goodwill makes it. */
function forged(body: string): string {
  const hash = nobleSha256(new TextEncoder().encode(`moim:1+${body}`));
  return `moim:1+${body}+check=${hash.toBase64({ alphabet: "base64url" }).slice(0, 6)}`;
}

Deno.test("a forged link can set nothing but what a link has, within bounds", () => {
  const group: GroupName = { kind: "phrase", phrase: "tuto" };
  const good = writeLink(group, {
    peerId: PEER,
    addresses: ["/ip4/192.168.0.7/tcp/3000"],
    genesisId: asBlockId("0".repeat(64)),
    parametersHash: new Uint8Array(32),
  });
  const body = good.slice("moim:1+".length, good.lastIndexOf("+check="));
  assert.deepEqual(readLink(forged(body)).group, group);
  assert.match(good, /^[\w:+=./-]+$/);
  const bad = [
    body.replace("phrase=tuto", ""),
    body.replace("phrase=tuto", "phrase="),
    body.replace("phrase=tuto", "phrase=%ff"),
    body.replace("phrase=tuto", "phrase=%74uto"),
    body.replace("phrase=tuto", "phrase=%20tuto"),
    body.replace("phrase=tuto", `phrase=${"x".repeat(201)}`),
    body.replace("phrase=tuto", "phrase=tuto+phrase=tuto"),
    body.replace("phrase=tuto", "phrase=tuto+key=AAAA"),
    body.replace("phrase=tuto", `words=${WORDS.join("-")}+key=${"A".repeat(43)}`),
    body.replace("phrase=tuto", `words=${WORDS.join("-")}+phrase=tuto`),
    body.replace("phrase=tuto", `words=${WORDS.map((word) => word.slice(0, 4)).join("-")}`),
    body.replace("phrase=tuto", `words=${WORDS.slice(1).join("-")}`),
    body.replace(/peer=\w+\+/, ""),
    body.replace(/peer=\w+\+/, "peer=--http+"),
    body.replace(/at=[^+]+/, "at=/ip4/192.168.0.7/tcp/0"),
    body.replace(/at=[^+]+/, "at=/unix/tmp"),
    body.replace(/at=[^+]+/, "at=/ip4/45.0.0.1/tcp/3000/p2p/AAAA/p2p-circuit"),
    body.replace(/at=[^+]+/, `at=/dns4/${"a".repeat(300)}/tcp/1`),
    body.replace(/at=[^+]+/, "$&+$&+$&+$&+$&"),
    body.replace(/genesis=[\w-]+/, "genesis=AAAA"),
    body.replace(/\+hash=[\w-]+/, ""),
    `${body}+minter=w1`,
    `${body}+http=0.0.0.0:80`,
    `minter=w1+${body}`,
    body.split("+").reverse().join("+"),
    "",
  ];
  for (const each of bad) refusal(() => readLink(forged(each)));
});

Deno.test("another version, a cut link and one that is too long: one clear line each", () => {
  const link = writeLink({ kind: "words", words: WORDS, entropy: ENTROPY }, {
    addresses: [],
    genesisId: asBlockId("0".repeat(64)),
    parametersHash: new Uint8Array(32),
  });
  assert.match(
    refusal(() => readLink(link.replace("moim:1+", "moim:2+"))),
    /of version 2 and this program reads version 1; update moim/,
  );
  for (let length = 5; length < link.length; length++) {
    assert.match(refusal(() => readLink(link.slice(0, length))), /damaged/);
  }
  const long = refusal(() => readLink(link + "A".repeat(3_000)));
  assert.match(long, /at most 2048/);
  assert.match(refusal(() => readLink(link + "A".repeat(1_000_000))), /at most 2048/);
});

Deno.test("the parameters' hash is that of their canonical JSON", () => {
  const json = '{"name":"tuto","timeMs":1767225600000,"spacingMs":15000,"minGapMs":1500,' +
    '"reward":20000000,"halvingInterval":0,"coinbaseMaturity":1,"limitBits":"0x1e400000",' +
    '"allocations":[],"message":""}';
  const network = networkFromPhrase("tuto");
  assert.deepEqual(parametersHash(network), nobleSha256(new TextEncoder().encode(json)));
  assert.notDeepEqual(parametersHash(network), parametersHash({ ...network, message: "x" }));
  assert.equal(genesisBlock(network).header.id.length, 64);
});

Deno.test("a link takes the addresses that help elsewhere, and loopback only in need", () => {
  const id = (address: string) => `${address}/p2p/${PEER}`;
  const loopback = ["/ip4/127.0.0.1/tcp/3000", "/ip6/::1/tcp/3000"];
  const home = ["/ip4/192.168.0.7/tcp/3000", "/ip4/10.1.2.3/tcp/3000"];
  const outside = [1, 2, 3].map((number) => `/ip4/93.184.216.${number}/tcp/3000`);
  assert.deepEqual(addressesForLink(loopback.map(id)), loopback);
  assert.deepEqual(addressesForLink([...loopback, ...home].map(id)), home);
  assert.deepEqual(addressesForLink([...loopback, ...home, ...outside].map(id)), [
    ...outside.slice(0, 2),
    ...home,
  ]);
  const relayed = [1, 2, 3].map((number) =>
    `/ip4/45.0.0.${number}/tcp/3000/p2p/${PEER}/p2p-circuit`
  );
  assert.deepEqual(addressesForLink([...home, ...relayed].map(id)), [
    ...relayed.slice(0, 2),
    ...home,
  ]);
  assert.deepEqual(addressesForLink([...outside, ...relayed, ...home].map(id)), [
    ...outside.slice(0, 2),
    relayed[0],
    home[0],
  ]);
  assert.deepEqual(addressesForLink(["/ip6/fe80::1/tcp/3000"].map(id)), []);
  assert.deepEqual(addressesForLink(["nonsense", "/ip4/1.2.3.4/udp/1/quic-v1"]), []);
});
