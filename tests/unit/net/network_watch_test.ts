import assert from "node:assert/strict";
import {
  type NetworkChange,
  networkNotice,
  NetworkWatch,
  type OwnAddress,
} from "../../../lib/net/libp2p/network_watch.ts";
import { SimClock } from "../../support/sim_clock.ts";

const LOOPBACK = [{ name: "lo", ip: "127.0.0.1" }, { name: "lo", ip: "::1" }];
const WIFI = [{ name: "wlan0", ip: "192.168.1.5" }, { name: "wlan0", ip: "fe80::1" }];
const CABLE = [{ name: "eth0", ip: "10.0.0.5" }, { name: "eth0", ip: "fe80::2" }];

function watching(first: OwnAddress[]) {
  const clock = new SimClock();
  const changes: NetworkChange[] = [];
  const state = { interfaces: [...LOOPBACK, ...first] };
  const watch = new NetworkWatch({
    clock,
    onChange: (change) => changes.push(change),
    interfaces: () => state.interfaces,
  });
  watch.start();
  const become = (next: OwnAddress[]) => void (state.interfaces = [...LOOPBACK, ...next]);
  return { clock, changes, watch, become };
}

Deno.test("network watch: another address is noticed within two seconds, and told in a line", async () => {
  const { clock, changes, watch, become } = watching(WIFI);
  await clock.advance(60_000);
  assert.deepEqual(changes, []);
  become(CABLE);
  await clock.advance(2_000);
  assert.deepEqual(changes, [{
    kind: "moved",
    addresses: ["10.0.0.5"],
    hasNewAddresses: true,
    hasNetwork: true,
    sleptMs: 0,
  }]);
  assert.equal(
    networkNotice(changes[0]!),
    "network changed: now 10.0.0.5; looking for peers again",
  );
  watch.stop();
  become(WIFI);
  await clock.advance(60_000);
  assert.equal(changes.length, 1);
});

Deno.test("network watch: no network at all is told, and its return", async () => {
  const { clock, changes, watch, become } = watching(WIFI);
  become([]);
  await clock.advance(2_000);
  assert.equal(changes[0]!.hasNetwork, false);
  assert.equal(
    networkNotice(changes[0]!),
    "network lost: this machine has no address; waiting for one",
  );
  become(WIFI);
  await clock.advance(2_000);
  assert.equal(changes.length, 2);
  assert.equal(changes[1]!.hasNetwork, true);
  watch.stop();
});

Deno.test("network watch: a card that goes dark but keeps its address is noticed, without a line", async () => {
  const { clock, changes, watch, become } = watching(WIFI);
  become(WIFI.slice(0, 1)); // As Linux does: only the link-local address goes.
  await clock.advance(2_000);
  assert.equal(changes.length, 1);
  assert.equal(changes[0]!.hasNewAddresses, false);
  assert.equal(networkNotice(changes[0]!), undefined);
  watch.stop();
});

Deno.test("network watch: the order of interfaces is no change", async () => {
  const { clock, changes, watch, become } = watching([...WIFI, ...CABLE]);
  become([...CABLE, ...WIFI]);
  await clock.advance(10_000);
  assert.deepEqual(changes, []);
  watch.stop();
});

Deno.test("network watch: sleep is noticed by either clock, a busy machine is none", async () => {
  const { clock, changes, watch } = watching(WIFI);
  clock.skewMs += 3_600_000; // Timers and the monotonic clock stood still for an hour.
  await clock.advance(2_000);
  assert.equal(changes.length, 1);
  assert.equal(changes[0]!.kind, "woke");
  assert.equal(networkNotice(changes[0]!), "awake again after 60 min; looking for peers again");
  clock.skewMs -= 3_600_000; // Set back by hand: nothing to do with sleep.
  await clock.advance(10_000);
  assert.equal(changes.length, 1);
  watch.stop();
});

Deno.test("network watch: a timer that is far too late is sleep as well", () => {
  const clock = {
    now: 0,
    nowMs: () => clock.now,
    monotonicMs: () => clock.now,
    after: () => () => {},
  };
  const changes: NetworkChange[] = [];
  const watch = new NetworkWatch({
    clock,
    onChange: (change) => changes.push(change),
    interfaces: () => WIFI,
  });
  watch.start();
  clock.now += 2_000 + 8_000;
  watch.look();
  assert.deepEqual(changes, []);
  clock.now += 2_000 + 40_000;
  watch.look();
  assert.deepEqual(changes.map(({ sleptMs }) => sleptMs), [40_000]);
});
