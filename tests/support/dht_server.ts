/**
 * A plain Kademlia server for tests: libp2p with kad-dht and nothing of ours, so that nodes that
 * meet through it share nothing but the phrase. Prints one JSON line when it is ready.
 *
 * deno run -A tests/support/dht_server.ts [--port N] [--bootstrap ADDR]… [--protocol ID]
 */
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify, identifyPush } from "@libp2p/identify";
import { kadDHT, passthroughMapper } from "@libp2p/kad-dht";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    bootstrap: { type: "string", multiple: true, default: [] },
    protocol: { type: "string", default: "/moim/kad/1.0.0" },
  },
});

const node = await createLibp2p({
  addresses: { listen: [`/ip4/127.0.0.1/tcp/${values.port}`] },
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
const address = node.getMultiaddrs()[0]!.toString();
console.log(JSON.stringify({ address, peerId: node.peerId.toString() }));
