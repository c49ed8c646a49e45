import assert from "node:assert/strict";
import type { Host } from "../../../lib/net/libp2p/host.ts";
import {
  type MappedPort,
  type PortGateway,
  PortTakenError,
} from "../../../lib/net/mapping/port_gateway.ts";
import { PortMapping } from "../../../lib/net/mapping/port_mapping.ts";
import { NatPmpSearch } from "../../../lib/net/mapping/port_search.ts";
import { isWithin, likelyGateways } from "../../../lib/net/mapping/private_networks.ts";
import { seededRandom } from "../../../lib/base/random.ts";
import { SimClock } from "../../support/sim_clock.ts";

const OWN = "192.168.1.7";
const MINUTE = 60_000;

/** A router in memory, an address manager that notes what is announced, and the mapping between. */
function makeHome(options: { outside?: string; taken?: number[]; whyOff?: string } = {}) {
  const clock = new SimClock();
  const announced = new Set<string>();
  const listened = [`/ip4/${OWN}/tcp/3000`];
  const router = {
    outside: options.outside ?? "45.1.2.3",
    taken: new Set(options.taken ?? []),
    ours: new Map<number, MappedPort>(),
    isOn: true,
    searches: 0,
    leases: [] as number[],
  };
  const gateway: PortGateway = {
    kind: "UPnP",
    host: "192.168.1.1",
    externalAddress: () =>
      router.isOn ? Promise.resolve(router.outside) : Promise.reject(new Error("No answer")),
    map(port, leaseS) {
      if (router.taken.has(port.externalPort)) {
        return Promise.reject(new PortTakenError(port.externalPort));
      }
      router.ours.set(port.externalPort, port);
      router.leases.push(leaseS);
      return Promise.resolve(port.externalPort);
    },
    unmap(port) {
      router.ours.delete(port.externalPort);
      return Promise.resolve();
    },
  };
  const announce = (_source: string, addresses: string[]) => {
    announced.clear();
    for (const address of addresses) announced.add(address);
  };
  const transportManager = { getAddrs: () => listened };
  const network = { ownAddress: OWN, prefixBits: 24 };
  const mapping = new PortMapping({
    host: { announce, internals: { transportManager } } as unknown as Host,
    port: () => 3000,
    clock,
    random: seededRandom(7),
    search: () => {
      router.searches++;
      return Promise.resolve(router.isOn ? [{ network, gateways: [gateway] }] : []);
    },
    ...(options.whyOff === undefined ? {} : { whyOff: options.whyOff }),
  });
  return { clock, mapping, router, announced, listened };
}

Deno.test("a port is mapped after some seconds, announced, renewed, and removed at stop", async () => {
  const { clock, mapping, router, announced } = makeHome();
  mapping.start();
  await clock.advance(1_000);
  assert.equal(router.searches, 0);
  await clock.advance(9_000);
  assert.deepEqual(mapping.state(), {
    state: "mapped",
    text: "mapped 45.1.2.3:3000 by UPnP, renewed every 10 minutes",
    externalAddress: "/ip4/45.1.2.3/tcp/3000",
  });
  assert.deepEqual([...announced], ["/ip4/45.1.2.3/tcp/3000"]);
  await clock.advance(60 * MINUTE);
  assert.equal(router.leases.length, 7);
  assert(router.leases.every((leaseS) => leaseS === 3_600));
  assert.equal(router.searches, 1);
  await mapping.stop();
  assert.equal(router.ours.size, 0);
  assert.equal(announced.size, 0);
});

Deno.test("a port that is somebody else's stays his; another one is mapped", async () => {
  const { clock, mapping, router, announced } = makeHome({ taken: [3000] });
  mapping.start();
  await clock.advance(10_000);
  const [port] = [...router.ours.keys()];
  assert(port !== undefined && port >= 20_000 && port < 60_000, `${port}`);
  assert.deepEqual([...announced], [`/ip4/45.1.2.3/tcp/${port}`]);
  assert.equal(router.ours.get(port)?.internalPort, 3000);
  await mapping.stop();
  assert.equal(router.ours.size, 0);
});

Deno.test("behind two routers nothing is mapped or announced, and the state says why", async () => {
  for (const outside of ["10.20.30.40", "100.70.1.2", "192.168.0.9"]) {
    const { clock, mapping, router, announced } = makeHome({ outside });
    mapping.start();
    await clock.advance(10_000);
    assert.equal(mapping.state().state, "double-nat");
    assert.match(mapping.state().text, /own address .* is not public either/);
    assert.equal(router.ours.size + announced.size, 0);
    await mapping.stop();
  }
});

Deno.test("a router that was off is found again, with its new address", async () => {
  const { clock, mapping, router, announced } = makeHome();
  mapping.start();
  await clock.advance(10_000);
  router.isOn = false;
  await clock.advance(11 * MINUTE);
  assert.equal(mapping.state().state, "none");
  assert.equal(announced.size, 0);
  Object.assign(router, { isOn: true, outside: "45.9.9.9" });
  mapping.redo();
  await clock.advance(3_000);
  assert.deepEqual([...announced], ["/ip4/45.9.9.9/tcp/3000"]);
  router.outside = "45.8.8.8";
  await clock.advance(11 * MINUTE);
  assert.deepEqual([...announced], ["/ip4/45.8.8.8/tcp/3000"]);
  await mapping.stop();
});

Deno.test("with another own address the old mapping goes and a new one is made", async () => {
  const { clock, mapping, router, listened } = makeHome();
  mapping.start();
  await clock.advance(10_000);
  listened[0] = "/ip4/192.168.5.5/tcp/3000";
  mapping.redo();
  await clock.advance(3_000);
  assert.equal(router.searches, 2);
  await mapping.stop();
});

Deno.test("no router: silent but for the state; off: nothing is asked", async () => {
  const { clock, mapping, router } = makeHome();
  router.isOn = false;
  mapping.start();
  await clock.advance(10_000);
  assert.equal(mapping.state().state, "none");
  await mapping.stop();
  const off = makeHome({ whyOff: "not wanted" });
  off.mapping.start();
  off.mapping.redo();
  await off.clock.advance(60 * MINUTE);
  assert.deepEqual(off.mapping.state(), { state: "off", text: "off: not wanted" });
  assert.equal(off.router.searches, 0);
  await off.mapping.stop();
});

Deno.test("a network knows its own addresses", () => {
  const network = { ownAddress: "192.168.40.7", prefixBits: 22 };
  assert(isWithin(network, "192.168.43.254"));
  for (const ip of ["192.168.44.1", "192.168.40.7", "8.8.8.8", "127.0.0.1", "::1", "nonsense"]) {
    assert(!isWithin(network, ip), ip);
  }
});

Deno.test("a router is sought at its usual places, and at a name server of the network first", () => {
  const gateways = (cidr: string, nameServers: string[] = []) => {
    const [ownAddress, bits] = cidr.split("/");
    return likelyGateways({ ownAddress: ownAddress!, prefixBits: Number(bits) }, nameServers);
  };
  assert.deepEqual(gateways("192.168.1.7/24"), ["192.168.1.1", "192.168.1.254"]);
  assert.deepEqual(gateways("192.168.1.1/24"), ["192.168.1.254"]);
  assert.deepEqual(
    gateways("192.168.1.7/24", ["8.8.8.8", "127.0.0.53", "fd00::1", "192.168.1.99", "192.168.1.7"]),
    ["192.168.1.99", "192.168.1.1", "192.168.1.254"],
  );
  assert.deepEqual(
    gateways("192.168.42.7/22", ["192.168.40.1"]),
    ["192.168.40.1", "192.168.42.1", "192.168.43.254", "192.168.42.254"],
  );
  assert.deepEqual(gateways("172.20.10.3/28"), ["172.20.10.1", "172.20.10.14"]);
  assert.deepEqual(gateways("10.9.8.7/8").slice(0, 2), ["10.0.0.1", "10.9.8.1"]);
  assert.deepEqual(gateways("10.9.8.7/32"), [], "a tunnel's end");
  const many = Array.from({ length: 30 }, (_, at) => `192.168.1.${at + 100}`);
  assert.equal(gateways("192.168.1.7/24", many).length, 6);
});

Deno.test("of several addresses asked by NAT-PMP the first that answers is the router", async () => {
  const asked = new Map<string, PromiseWithResolvers<PortGateway>>();
  const stops = new Map<string, AbortSignal>();
  const stop = new AbortController();
  const search = new NatPmpSearch((host, signal) => {
    const call = Promise.withResolvers<PortGateway>();
    asked.set(host, call);
    stops.set(host, signal);
    signal.addEventListener("abort", () => call.reject(new Error("No answer")));
    return call.promise;
  }, stop.signal);
  for (const host of ["192.168.1.1", "192.168.1.254", "192.168.1.1"]) search.ask(host);
  assert.equal(asked.size, 2);
  asked.get("192.168.1.1")!.reject(new Error("It does not speak this version"));
  // Heard of by SSDP meanwhile.
  search.ask("192.168.1.77");
  const gateway = { kind: "NAT-PMP", host: "192.168.1.77" } as PortGateway;
  asked.get("192.168.1.77")!.resolve(gateway);
  assert.equal(await search.found(), gateway);
  assert(stops.get("192.168.1.254")!.aborted, "the others are asked no more");
  for (let last = 2; last < 100; last++) search.ask(`192.168.1.${last}`);
  assert.equal(asked.size, 8);
});

Deno.test("where nobody answers by NAT-PMP there is no router", async () => {
  const none = new NatPmpSearch(() => Promise.reject(new Error("No answer")), limitless());
  assert.equal(await none.found(), undefined);
  none.ask("192.168.1.1");
  assert.equal(await none.found(), undefined);
});

function limitless(): AbortSignal {
  return new AbortController().signal;
}
