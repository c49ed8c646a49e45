/** The places themselves: what can be reached from where, before any node is asked about it. */
import assert from "node:assert/strict";
import { type Host, placeTest } from "../support/places.ts";
import { type MoimNode, until } from "../support/moim.ts";

/** How a connection to the node's port ends: what bash says, or silence after a second. */
async function connect(
  from: Host,
  ip: string,
  port = 3000,
): Promise<"open" | "refused" | "silent"> {
  const script = `exec 3<>/dev/tcp/${ip}/${port}`;
  const { code } = await from.run(["timeout", "1", "bash", "-c", script]);
  return code === 0 ? "open" : code === 124 ? "silent" : "refused";
}

async function expect(what: string, from: Host, ip: string): Promise<void> {
  assert.equal(await connect(from, ip), what, `${from.ip} to ${ip}`);
}

async function get(node: MoimNode, path: string) {
  return await until(() => node.get(path), { what: () => `${path} of\n${node.output}` });
}

placeTest(
  "homes reach the internet, nobody reaches into them, dead addresses are silent",
  async (world) => {
    const member = await world.publicHost();
    const home = await world.home({ nat: "symmetric" });
    const strict = await world.home({ inbound: "reject" });
    const wifi = await world.home({ isolated: true });
    const [one, two] = [await home.host(), await home.host()];
    const [phone, tablet] = [await wifi.host(), await wifi.host()];
    await Promise.all([member, one, two, phone, tablet].map((host) => host.start()));
    const nobody = ["45.200.0.1", "45.10.0.77", "192.0.2.1", "10.0.0.1"];
    await Promise.all([
      expect("open", one, member.ip),
      expect("open", phone, member.ip),
      expect("open", one, two.ip),
      expect("silent", phone, tablet.ip),
      expect("silent", member, home.ip),
      expect("refused", member, strict.ip),
      expect("silent", member, one.ip),
      ...nobody.map((ip) => expect("silent", one, ip)),
    ]);
    await home.forward(3001, two, 3000);
    assert.equal(await connect(member, home.ip, 3001), "open");
    assert.notEqual(await home.changePublicIp(), "45.11.0.10");
    assert.equal(await connect(member, home.ip, 3001), "open");
  },
);

placeTest("a card goes dark, comes back with another address, and moves", async (world) => {
  const member = await world.publicHost();
  const home = await world.home({ upnp: true });
  const laptop = await home.host();
  await member.start();
  const node = await laptop.start([], { MOIM_MAP_PORT: "off" });
  assert.equal(await connect(laptop, member.ip), "open");
  const before = await laptop.bytes();
  assert.ok(before.sent > 0 && before.received > 0);
  await laptop.linkDown();
  assert.notEqual(await connect(laptop, member.ip), "open");
  assert.ok((await get(node, "status")).running);
  await laptop.linkUp();
  assert.equal(await connect(laptop, member.ip), "open");
  assert.equal(await laptop.changeIp(), "192.168.1.11");
  assert.equal(await connect(laptop, member.ip), "open");
  await laptop.moveTo((await world.home()).plug());
  assert.equal(laptop.ip, "192.168.1.10");
  assert.equal(await connect(laptop, member.ip), "open");
  assert.deepEqual(await home.mappedPorts(), []);
});

placeTest("a router with NAT-PMP opens the port it is asked for", async (world) => {
  const member = await world.publicHost();
  const home = await world.home({ upnp: true });
  const laptop = await home.host();
  await laptop.start([], { MOIM_MAP_PORT: "off" });
  assert.equal(await connect(member, home.ip), "silent");
  // RFC 6886 section 3.3: map TCP, inside port 3000, outside port 3000, for 120 s.
  const ask = String.raw`\0\2\0\0\x0b\xb8\x0b\xb8\0\0\0\x78`;
  await laptop.run(["bash", "-c", `printf '${ask}' > /dev/udp/192.168.1.1/5351`]);
  await until(async () => (await home.mappedPorts()).includes(3000), { what: "the mapping" });
  assert.equal(await connect(member, home.ip), "open");
});
