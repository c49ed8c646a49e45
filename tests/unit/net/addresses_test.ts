import assert from "node:assert/strict";
import fc from "fast-check";
import { UserError } from "../../../lib/base/errors.ts";
import { classOf, isDialable, parsePeerArgument, splitPeerId } from "../../../lib/net/addresses.ts";

const ID = "12D3KooWHHN8wwMU2fkAPSr7DpQ3MZgmycitqZm62FScPQGGfnF1";

Deno.test("parsePeerArgument takes every form that a user may have", () => {
  const cases: [string, { peerId?: string; addresses: string[] }][] = [
    ["/ip4/192.0.2.7/tcp/3000", { addresses: ["/ip4/192.0.2.7/tcp/3000"] }],
    [`/ip4/192.0.2.7/tcp/3000/p2p/${ID}`, {
      peerId: ID,
      addresses: [`/ip4/192.0.2.7/tcp/3000/p2p/${ID}`],
    }],
    ["/dns4/node.example/tcp/3000", { addresses: ["/dns4/node.example/tcp/3000"] }],
    [`/dnsaddr/bootstrap.example/p2p/${ID}`, {
      peerId: ID,
      addresses: [`/dnsaddr/bootstrap.example/p2p/${ID}`],
    }],
    ["192.0.2.7:3000", { addresses: ["/ip4/192.0.2.7/tcp/3000"] }],
    ["[2001:db8::7]:3000", { addresses: ["/ip6/2001:db8::7/tcp/3000"] }],
    ["node.example:3000", { addresses: ["/dns/node.example/tcp/3000"] }],
    ["localhost:3000", { addresses: ["/ip4/127.0.0.1/tcp/3000"] }],
    [ID, { peerId: ID, addresses: [] }],
    [`/p2p/${ID}`, { peerId: ID, addresses: [] }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parsePeerArgument(text), expected, text);
});

Deno.test("parsePeerArgument refuses with one line of exit code 2", () => {
  const wrong = [
    "",
    "3000",
    "node.example",
    "192.0.2.7:0",
    "192.0.2.7:70000",
    "999.0.2.7:3000",
    "1.2.3:3000",
    "[2001:db8::zz]:3000",
    "2001:db8::7:3000",
    "/ip4/192.0.2.7",
    "/ip4/192.0.2.7/udp/3000/quic-v1",
    "/ip4/192.0.2.777/tcp/3000",
    "/ip4/192.0.2.7/tcp/3000/p2p/nonsense",
    "/ip4/192.0.2.7/tcp/3000/p2p",
    "12D3KooW",
    "a\nb:3000",
  ];
  for (const text of wrong) {
    assert.throws(() => parsePeerArgument(text), (error) => {
      assert(error instanceof UserError, text);
      assert.equal(error.exitCode, 2);
      assert(!error.message.includes("\n"), text);
      return true;
    }, text);
  }
});

Deno.test("parsePeerArgument never throws anything but a usage error", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      const target = parsePeerArgument(text);
      assert(target.peerId !== undefined || target.addresses.length > 0);
    } catch (error) {
      assert(error instanceof UserError);
    }
  }));
});

Deno.test("splitPeerId takes off the last id, in the old form too", () => {
  const base = "/ip4/192.0.2.7/tcp/3000";
  assert.deepEqual(splitPeerId(base), { base });
  assert.deepEqual(splitPeerId(`${base}/p2p/${ID}`), { base, peerId: ID });
  assert.deepEqual(splitPeerId(`${base}/ipfs/${ID}`), { base, peerId: ID });
});

Deno.test("only TCP is dialable, and an id at the end changes nothing", () => {
  assert(isDialable(`/ip6/::1/tcp/1/p2p/${ID}`));
  assert(isDialable("/dnsaddr/bootstrap.example"));
  assert(!isDialable("/ip4/192.0.2.7/udp/1/quic-v1"));
  assert(!isDialable("/ip4/192.0.2.7/tcp/1/ws"));
  assert.equal(classOf(`/ip4/127.0.0.1/tcp/1/p2p/${ID}`), "loopback");
  assert.equal(classOf("/ip4/100.64.1.1/tcp/1"), "private");
});
