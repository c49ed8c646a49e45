/** What becomes of a place and of a way with time, and with a crowd: over real connections. */
import assert from "node:assert/strict";
import { multiaddr } from "@multiformats/multiaddr";
import { systemClock } from "../../../lib/base/clock.ts";
import { Host } from "../../../lib/net/libp2p/host.ts";
import { RelayClient } from "../../../lib/net/relay/client.ts";
import { type RelayLimits, RESERVATION_MS } from "../../../lib/net/relay/reservations.ts";
import { RelayServer } from "../../../lib/net/relay/server.ts";
import { until } from "../../support/moim.ts";

/** libp2p leaves timers and sockets to the garbage collector. */
const REAL = { sanitizeOps: false, sanitizeResources: false };
/** libp2p's client asks again so long before the end of its place. */
const RENEWAL_MS = 5 * 60_000;
const STOP_MS = 1_000;

let lastSeed = 200;

async function listening(): Promise<Host> {
  const identitySeed = new Uint8Array(32).fill(++lastSeed);
  const host = await Host.create({ identitySeed, announce: [], agent: "moim" });
  await host.internals.transportManager.listen([multiaddr("/ip4/127.0.0.1/tcp/0")]);
  return host;
}

/** A host behind an imagined router. */
type Guest = { host: Host; client: RelayClient; lost: string[] };

/** A relay with such limits, and those who use it. */
class Surroundings {
  readonly #hosts: Host[] = [];
  #server: RelayServer | undefined;

  async relay(limits: Partial<RelayLimits>): Promise<Host> {
    const host = await this.#host();
    this.#server = new RelayServer({ host, clock: systemClock, isMember: () => true, limits });
    await this.#server.start();
    return host;
  }

  async guest(relay: Host): Promise<Guest> {
    const host = await this.#host();
    const lost: string[] = [];
    const client = new RelayClient({
      host,
      onLost: (relayId) => void lost.push(relayId),
      onChange: () => {},
    });
    await host.node.dial(multiaddr(relay.addresses()[0]!));
    return { host, client, lost };
  }

  async #host(): Promise<Host> {
    const host = await listening();
    this.#hosts.push(host);
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.stop();
    await Promise.all(this.#hosts.map((host) => host.stop(systemClock, STOP_MS)));
  }
}

/** Timers of about this length fire when told to, and not before. */
function holdTimers(lengthMs: number, toleranceMs: number) {
  const { setTimeout: original } = globalThis;
  const held: (() => void)[] = [];
  const replaced = (action: () => void, ms?: number, ...rest: []) => {
    if (Math.abs((ms ?? 0) - lengthMs) > toleranceMs) return original(action, ms, ...rest);
    held.push(action);
    return original(() => {}, 0);
  };
  globalThis.setTimeout = replaced as unknown as typeof setTimeout;
  return { held, [Symbol.dispose]: () => void (globalThis.setTimeout = original) };
}

function relayedVia(relay: Host, guest: Guest): string {
  return `${relay.addresses()[0]}/p2p-circuit/p2p/${guest.host.peerId}`;
}

Deno.test("a place is renewed five minutes before its end", REAL, async () => {
  using timers = holdTimers(RESERVATION_MS - RENEWAL_MS, 5_000);
  await using world = new Surroundings();
  const relay = await world.relay({});
  const a = await world.guest(relay);
  await a.client.reserve(relay.peerId);
  assert.equal(timers.held.length, 1);
});

Deno.test("who renews its place keeps it, and what goes through it", REAL, async () => {
  const placeMs = RENEWAL_MS + 60_000;
  using renewals = holdTimers(placeMs - RENEWAL_MS, 5_000);
  using ends = holdTimers(placeMs, 5_000);
  await using world = new Surroundings();
  const relay = await world.relay({ placeMs });
  const [a, b] = [await world.guest(relay), await world.guest(relay)];
  await a.client.reserve(relay.peerId);
  const signal = AbortSignal.timeout(10_000);
  const way = await b.host.dialAddress(multiaddr(relayedVia(relay, a)), signal);
  const [renew, end] = [renewals.held[0]!, ends.held[0]!];
  renew();
  await until(() => ends.held.length === 2, { what: "the second place" });
  await until(() => renewals.held.length === 2, { what: "the next renewal" });
  assert.equal(way.status, "open");
  assert.equal(a.lost.length, 0);
  end();
  assert.equal(way.status, "open", "the end of the first place is not that of the second");
  ends.held[1]!();
  await until(() => way.status !== "open", { what: "the end of the way with the place" });
});

Deno.test("a relayed connection ends with its time, and another one may follow", REAL, async () => {
  await using world = new Surroundings();
  const relay = await world.relay({ relayedMs: 500 });
  const [a, b] = [await world.guest(relay), await world.guest(relay)];
  await a.client.reserve(relay.peerId);
  const dial = () => {
    const signal = AbortSignal.timeout(10_000);
    return b.host.dialAddress(multiaddr(relayedVia(relay, a)), signal);
  };
  const first = await dial();
  assert.equal(first.limits !== undefined, true);
  await until(() => first.status !== "open", { what: "the end of the connection" });
  assert.equal((await dial()).status, "open", "the place is still there");
});

Deno.test("a relayed connection ends with its bytes", REAL, async () => {
  await using world = new Surroundings();
  const relay = await world.relay({ relayedBytesMax: 1n << 20n });
  const [a, b] = [await world.guest(relay), await world.guest(relay)];
  await a.client.reserve(relay.peerId);
  let received = 0;
  await a.host.node.handle("/sink", (stream) => {
    stream.addEventListener("message", ({ data }) => void (received += data.byteLength));
  }, { runOnLimitedConnection: true });
  const signal = AbortSignal.timeout(10_000);
  const way = await b.host.dialAddress(multiaddr(relayedVia(relay, a)), signal);
  const stream = await way.newStream("/sink", { runOnLimitedConnection: true });
  const chunk = new Uint8Array(64 << 10);
  await until(() => {
    if (stream.status === "open" && stream.writeBufferLength === 0) stream.send(chunk);
    return way.status !== "open";
  }, { what: () => `the end of the way after ${received} bytes` });
  assert.ok(received > 1 << 18 && received < 1 << 20, `${received} bytes came through`);
});

Deno.test("who must make room at a relay learns of it, and others do not", REAL, async () => {
  await using world = new Surroundings();
  const relay = await world.relay({ placesMax: 2 });
  const [a, b, c] = [
    await world.guest(relay),
    await world.guest(relay),
    await world.guest(relay),
  ];
  await a.client.reserve(relay.peerId);
  await b.client.reserve(relay.peerId);
  await assert.rejects(c.client.reserve(relay.peerId), /RESERVATION_REFUSED/);
  assert.deepEqual([a.lost, b.lost], [[], []], "all are of one network");
  seenFrom(relay, c, "/ip4/45.1.2.3/tcp/3000");
  await c.client.reserve(relay.peerId);
  await until(() => b.lost.length > 0, { what: "the loss of the younger place" });
  assert.deepEqual([a.lost, b.lost, c.lost], [[], [relay.peerId], []]);
});

/** The relay takes the guest for one that comes from there. */
function seenFrom(relay: Host, guest: Guest, address: string): void {
  const connection = relay.connectionTo(guest.host.peerId) as { remoteAddr: unknown };
  connection.remoteAddr = multiaddr(address);
}
