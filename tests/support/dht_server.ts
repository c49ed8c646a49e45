/**
 * A plain Kademlia server for tests: libp2p with kad-dht and nothing of ours, so that nodes that
 * meet through it share nothing but the phrase. Prints one JSON line when it is ready.
 *
 * deno run -A tests/support/dht_server.ts [--host IP] [--port N] [--bootstrap ADDR]… [--protocol ID]
 */
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify, identifyPush } from "@libp2p/identify";
import { kadDHT, passthroughMapper } from "@libp2p/kad-dht";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" },
    bootstrap: { type: "string", multiple: true, default: [] },
    protocol: { type: "string", default: "/moim/kad/1.0.0" },
  },
});

/** What we use of libp2p's inside. */
type Components = {
  addressManager: {
    getAddressesWithMetadata(): { multiaddr: Multiaddr; verified: boolean }[];
    confirmObservedAddr(address: Multiaddr, options: { type: string }): void;
  };
};

const node = await createLibp2p({
  addresses: { listen: [`/ip4/${values.host}/tcp/${values.port}`] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionManager: { inboundConnectionThreshold: 200 },
  services: {
    identify: identify(),
    identifyPush: identifyPush(),
    ping: ping(),
    dht: kadDHT({
      protocol: values.protocol,
      clientMode: false,
      peerInfoMapper: passthroughMapper,
      allowQueryWithZeroPeers: true,
    }),
  },
});
await Promise.all(values.bootstrap.map((address) => node.dial(multiaddr(address))));
// libp2p keeps a public address to itself until others have dialled it back.
const { addressManager } = (node as unknown as { components: Components }).components;
for (const { multiaddr, verified } of addressManager.getAddressesWithMetadata()) {
  if (!verified) addressManager.confirmObservedAddr(multiaddr, { type: "transport" });
}
const address = node.getMultiaddrs()[0]!.toString();
console.log(JSON.stringify({ address, peerId: node.peerId.toString() }));
