import assert from "node:assert/strict";
import { multiaddr } from "@multiformats/multiaddr";
import { type Clock, systemClock } from "../../../lib/base/clock.ts";
import { Heartbeat } from "../../../lib/net/libp2p/heartbeat.ts";
import { Host } from "../../../lib/net/libp2p/host.ts";
import { until } from "../../support/moim.ts";

/** libp2p's peer store keeps a BroadcastChannel open for the life of the process. */
const LEAKY = { sanitizeOps: false, sanitizeResources: false };

/** The heartbeat's seconds in a fortieth of the time. */
const fast: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, action) => systemClock.after(delayMs / 40, action),
};

/** The same without the rounds, which would notice a dead connection too. */
const withoutRounds: Clock = {
  ...fast,
  after: (delayMs, action) => delayMs < 10_000 ? fast.after(delayMs, action) : () => {},
};

/** A way to `port` that can be cut without a word to either end, as by a pulled cable. */
class Cable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #ends: Deno.Conn[] = [];
  isCut = false;

  constructor(port: number) {
    void this.#accept(port);
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async #accept(port: number): Promise<void> {
    for await (const near of this.#listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#ends.push(near, far);
      void this.#carry(near, far).catch(() => {});
      void this.#carry(far, near).catch(() => {});
    }
  }

  async #carry(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    for await (const bytes of from.readable) {
      if (!this.isCut) await to.write(bytes);
    }
  }

  close(): void {
    this.#listener.close();
    for (const end of this.#ends) {
      try {
        end.close();
      } catch {
        continue; // Its other side was first.
      }
    }
  }
}

async function host(seed: number): Promise<Host> {
  const identitySeed = new Uint8Array(32).fill(seed);
  const made = await Host.create({ identitySeed, announce: [], agent: "test" });
  await made.internals.transportManager.listen([multiaddr("/ip4/127.0.0.1/tcp/0")]);
  return made;
}

function portOf(of: Host): number {
  return Number(of.internals.transportManager.getAddrs()[0]!.getComponents()[1]!.value);
}

Deno.test("heartbeat: who falls silent is let go, who answers stays", LEAKY, async () => {
  const [near, dead, alive] = [await host(71), await host(72), await host(73)];
  const cable = new Cable(portOf(dead));
  const heartbeat = new Heartbeat(near, fast);
  try {
    heartbeat.start();
    const dial = (port: number) =>
      near.dialAddress(multiaddr(`/ip4/127.0.0.1/tcp/${port}`), AbortSignal.timeout(10_000));
    const lost = await dial(cable.port);
    const kept = await dial(portOf(alive));
    await until(() => (kept.rtt ?? -1) >= 0 && (lost.rtt ?? -1) >= 0, { what: "round trips" });
    cable.isCut = true;
    await until(() => lost.status !== "open", { what: "the end of the silent connection" });
    assert.equal(kept.status, "open");
    assert.equal(near.connectionTo(dead.peerId), undefined);
  } finally {
    heartbeat.stop();
    cable.close();
    await Promise.all([near, dead, alive].map((each) => each.stop(systemClock, 1_000)));
  }
});

Deno.test(
  "heartbeat: who connects again loses a dead connection, however young",
  LEAKY,
  async () => {
    const [near, far] = [await host(76), await host(77)];
    const cable = new Cable(portOf(far));
    const heartbeat = new Heartbeat(near, withoutRounds);
    try {
      heartbeat.start();
      const dial = (port: number) =>
        near.dialAddress(multiaddr(`/ip4/127.0.0.1/tcp/${port}`), AbortSignal.timeout(10_000));
      const lost = await dial(cable.port);
      cable.isCut = true;
      const again = await dial(portOf(far));
      await until(() => lost.status !== "open", { what: "the end of the dead connection" });
      assert.equal(again.status, "open");
    } finally {
      heartbeat.stop();
      cable.close();
      await Promise.all([near, far].map((each) => each.stop(systemClock, 1_000)));
    }
  },
);

Deno.test("heartbeat: a connection from an address that is gone ends at once", LEAKY, async () => {
  const [near, far] = [await host(74), await host(75)];
  const heartbeat = new Heartbeat(near, systemClock);
  try {
    heartbeat.start();
    const address = multiaddr(`/ip4/127.0.0.1/tcp/${portOf(far)}`);
    const connection = await near.dialAddress(address, AbortSignal.timeout(10_000));
    heartbeat.checkAll(new Set(["192.0.2.1"]));
    assert.equal(connection.status, "open", "loopback is always ours");
    pretendLocalAddress(connection, "192.0.2.7");
    heartbeat.checkAll(new Set(["192.0.2.7"]));
    assert.equal(connection.status, "open");
    heartbeat.checkAll(new Set(["192.0.2.8"]));
    assert.notEqual(connection.status, "open");
  } finally {
    heartbeat.stop();
    await Promise.all([near, far].map((each) => each.stop(systemClock, 1_000)));
  }
});

/** Also shows that the heartbeat reads what libp2p and Deno really offer. */
function pretendLocalAddress(connection: object, ip: string): void {
  const { socket } = (connection as { maConn: { socket: { localAddress?: string } } }).maConn;
  assert.equal(socket.localAddress, "127.0.0.1");
  Object.defineProperty(socket, "localAddress", { value: ip, configurable: true });
}
