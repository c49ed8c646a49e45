import assert from "node:assert/strict";
import { multiaddr } from "@multiformats/multiaddr";
import { utf8 } from "../../../lib/base/bytes.ts";
import { Libp2pTransport, type Libp2pTransportOptions } from "../../../lib/net/libp2p/transport.ts";
import { relayedAddress } from "../../../lib/net/relay/client.ts";
import { DialError, type PeerStream } from "../../../lib/net/transport.ts";
import { relayOf } from "../../../lib/peers/address_class.ts";
import { freePort, until } from "../../support/moim.ts";

/** libp2p's peer store keeps a BroadcastChannel open for the life of the process. */
const LEAKY = { sanitizeOps: false, sanitizeResources: false };

let lastSeed = 100;

/** A relay, and nodes that nobody reaches; `members` is what the relay knows of them. */
class Surroundings {
  readonly members = new Set<string>();
  readonly #all: Libp2pTransport[] = [];

  async relay(options: Partial<Libp2pTransportOptions> = {}): Promise<Libp2pTransport> {
    const port = freePort();
    const announce = [`/ip4/127.0.0.1/tcp/${port}`];
    const isMember = (peerId: string) => this.members.has(peerId);
    return await this.#start({ port, announce, isMember, ...options });
  }

  /** A node that is connected to the relay, to which it has a protocol stream. */
  async node(relay: Libp2pTransport, isMember = true): Promise<Libp2pTransport> {
    const node = await this.#start({ port: 0, isMember: () => true });
    if (isMember) this.members.add(node.peerId);
    await node.open({ addresses: [relay.addresses()[0]!] });
    return node;
  }

  async #start(options: Partial<Libp2pTransportOptions> & { port: number }) {
    const transport = await Libp2pTransport.start({
      identitySeed: new Uint8Array(32).fill(++lastSeed),
      listenHost: "127.0.0.1",
      rendezvous: "relay test",
      ...options,
    });
    this.#all.push(transport);
    return transport;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((transport) => transport.stop()));
  }
}

function relayedAddressOf(node: Libp2pTransport): string | undefined {
  return node.addresses().find((address) => relayOf(address) !== undefined);
}

async function untilRelayed(node: Libp2pTransport): Promise<string> {
  return await until(() => relayedAddressOf(node), { what: "a place at the relay" });
}

function nextStream(transport: Libp2pTransport): Promise<PeerStream> {
  return new Promise((resolve) => transport.onStream(resolve));
}

async function firstText(stream: PeerStream): Promise<string> {
  for await (const chunk of stream.incoming) return new TextDecoder().decode(chunk);
  return "";
}

async function dialFailure(dial: Promise<unknown>): Promise<string> {
  const error = await dial.then(() => undefined, (reason) => reason);
  assert(error instanceof DialError, String(error));
  return error.message;
}

Deno.test("members reach each other through a member that others can reach", LEAKY, async () => {
  await using world = new Surroundings();
  const relay = await world.relay();
  const [a, b] = [await world.node(relay), await world.node(relay)];
  const address = await untilRelayed(a);
  assert.equal(relayOf(address), relay.peerId);
  await until(() => a.reachability().state === "relayed", { what: "the word for it" });
  assert.deepEqual(a.reachability().relays, [relay.peerId]);
  assert.equal(relay.reachability().state, "open");
  const record = await a.openRecord(await a.signedRecord());
  assert.ok(record.addresses.some((text) => relayOf(text) === relay.peerId), "its record names it");

  const coming = nextStream(a);
  const ours = await b.open({ peerId: a.peerId, addresses: [address] });
  const theirs = await coming;
  assert.deepEqual([ours.isRelayed, theirs.isRelayed], [true, true]);
  assert.equal(relayOf(theirs.remoteAddress), relay.peerId);
  ours.send(utf8("through"));
  assert.equal(await firstText(theirs), "through");

  const direct = a.addresses().find((text) => relayOf(text) === undefined)!;
  const told = new Promise<string>((resolve) => a.onDirect(resolve));
  const better = await b.open({
    peerId: a.peerId,
    addresses: [direct, address],
    isDirectOnly: true,
  });
  assert.equal(better.isRelayed, false, "a direct way is taken although there is another one");
  assert.equal(await told, b.peerId);
  const again = await b.open({ peerId: a.peerId, addresses: [address] });
  assert.equal(again.isRelayed, false, "and is preferred from then on");
});

Deno.test("strangers get no place, and go through to nobody", LEAKY, async () => {
  await using world = new Surroundings();
  const relay = await world.relay();
  const a = await world.node(relay);
  const stranger = await world.node(relay, false);
  const address = await untilRelayed(a);
  const target = { peerId: a.peerId, addresses: [address] };
  assert.match(await dialFailure(stranger.open(target)), /PERMISSION_DENIED/);
  const isCounted = () => (relay.relayRefusals()["relay-stranger"] ?? 0) >= 2;
  await until(isCounted, { what: () => JSON.stringify(relay.relayRefusals()) });
  assert.equal(relayedAddressOf(stranger), undefined);
  world.members.add(stranger.peerId);
  assert.equal((await stranger.open(target)).isRelayed, true, "who has proven itself may");
});

Deno.test("a relay that goes is announced no longer", LEAKY, async () => {
  await using world = new Surroundings();
  const relay = await world.relay();
  const a = await world.node(relay);
  await untilRelayed(a);
  await relay.stop();
  await until(() => relayedAddressOf(a) === undefined, { what: "the end of the address" });
  await until(() => a.reachability().state === "closed", { what: "the word for it" });
});

Deno.test("--relay off: nobody is served", LEAKY, async () => {
  await using world = new Surroundings();
  const relay = await world.relay({ relay: false });
  const other = await world.relay();
  const a = await world.node(relay);
  await a.open({ addresses: [other.addresses()[0]!] });
  assert.equal(relayOf(await untilRelayed(a)), other.peerId);
});

Deno.test("the address through a relay is its public one, where it has one", () => {
  const id = "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf";
  const ways = [
    "/ip6/fe80::1/tcp/1",
    `/ip4/10.0.0.1/tcp/1/p2p/${id}`,
    `/ip4/45.1.2.3/tcp/1/p2p/${id}`,
  ];
  assert.equal(relayedAddress(id, ways), `/ip4/45.1.2.3/tcp/1/p2p/${id}/p2p-circuit`);
  assert.equal(relayedAddress(id, ways.slice(0, 2)), `/ip4/10.0.0.1/tcp/1/p2p/${id}/p2p-circuit`);
  assert.equal(relayedAddress(id, ways.slice(0, 1)), undefined);
  assert.equal(multiaddr(relayedAddress(id, ways)!).toString(), relayedAddress(id, ways));
});
