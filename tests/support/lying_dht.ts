/**
 * A DHT server that lies, for tests: whatever is looked up, it names peers that do not exist, and
 * among them, if it is told to keep records at all, the true ones. Prints one JSON line when ready.
 *
 * deno run -A tests/support/lying_dht.ts [--host IP] [--port N] [--protocol ID] [--lies N]
 *   [--changing] [--keeping] [--at ADDR]… [--closer N]
 *
 * --lies N    invented peers in each answer (1000)
 * --changing  others in each answer
 * --keeping   keeps provider records and names them too, and once more at wrong addresses
 * --closer N  invented servers, said to be nearer to whatever is looked up (0)
 * --at ADDR   where the invented peers are said to be, in turn; otherwise nowhere
 */
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify } from "@libp2p/identify";
import type { Connection, Stream } from "@libp2p/interface";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { parseArgs } from "node:util";
import { ByteWriter } from "../../lib/base/bytes.ts";
import { framed, readFields, takeFrame, writeBytes } from "../../lib/net/libp2p/protobuf.ts";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" },
    protocol: { type: "string", default: "/ipfs/kad/1.0.0" },
    lies: { type: "string", default: "1000" },
    changing: { type: "boolean", default: false },
    keeping: { type: "boolean", default: false },
    closer: { type: "string", default: "0" },
    at: { type: "string", multiple: true, default: [] },
  },
});

/** Message types and fields (number times eight plus wire type) of kad-dht's `dht.proto`. */
const ADD_PROVIDER = 2;
const GET_PROVIDERS = 3;
const FIELD = { type: 0x08, key: 0x12, closer: 0x42, providers: 0x4a, id: 0x0a, address: 0x12 };
/** Identity multihash of an Ed25519 public key in protobuf, without the key. */
const ID_HEAD = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
const LIES = Number(values.lies);
const WRONG_ADDRESSES = 8;

const CLOSER = Number(values.closer);

/** Records by key in hex: the encoded providers by id in hex. */
const records = new Map<string, Map<string, Uint8Array>>();
let lies = inventPeers(LIES);
const closer = inventPeers(CLOSER);

/** The encoding of a peer. */
function peer(id: Uint8Array, addresses: string[]): Uint8Array {
  const writer = new ByteWriter();
  writeBytes(writer, FIELD.id, id);
  for (const address of addresses) writeBytes(writer, FIELD.address, multiaddr(address).bytes);
  return writer.finish();
}

function inventPeers(length: number): Uint8Array[] {
  return Array.from({ length }, (_, number) => {
    const id = Uint8Array.of(...ID_HEAD, ...crypto.getRandomValues(new Uint8Array(32)));
    // One in two where the test says, the others where nobody is.
    const said = values.at[number % (2 * Math.max(1, values.at.length))];
    return peer(id, [said ?? nowhere()]);
  });
}

/** A public address that nobody has. */
function nowhere(): string {
  const [a, b, c] = crypto.getRandomValues(new Uint8Array(3));
  return `/ip4/${80 + a! % 20}.${b}.${c}.9/tcp/4001`;
}

function answer(key: Uint8Array, asker: Uint8Array): Uint8Array {
  if (values.changing) lies = inventPeers(LIES);
  const known = records.get(key.toHex()) ?? new Map<string, Uint8Array>();
  const wrong = [...known.keys(), asker.toHex()].map((id) =>
    peer(Uint8Array.fromHex(id), Array.from({ length: WRONG_ADDRESSES }, nowhere))
  );
  const all = [...lies];
  if (values.keeping) {
    for (const each of [...known.values(), ...wrong]) {
      all.splice(Math.floor(Math.random() * all.length), 0, each);
    }
  }
  const writer = new ByteWriter().varint(FIELD.type).varint(GET_PROVIDERS);
  writeBytes(writer, FIELD.key, key);
  for (const each of closer) writeBytes(writer, FIELD.closer, each);
  for (const each of all) writeBytes(writer, FIELD.providers, each);
  return framed(writer.finish());
}

/** To everything but look-ups it answers that nothing is found, and who is said to be nearer. */
function reply(message: Uint8Array, asker: Uint8Array): Uint8Array | undefined {
  let type = 0;
  let key: Uint8Array = new Uint8Array();
  const told: Uint8Array[] = [];
  readFields(message, {
    onNumber: (field, value) => {
      if (field === FIELD.type) type = value;
    },
    onBytes: (field, bytes) => {
      if (field === FIELD.key) key = bytes;
      if (field === FIELD.providers) told.push(bytes);
    },
  });
  if (type === GET_PROVIDERS) return answer(key, asker);
  if (type !== ADD_PROVIDER) {
    const writer = new ByteWriter().varint(FIELD.type).varint(type);
    writeBytes(writer, FIELD.key, key);
    for (const each of closer) writeBytes(writer, FIELD.closer, each);
    return framed(writer.finish());
  }
  const ofKey = records.get(key.toHex()) ?? new Map<string, Uint8Array>();
  for (const provider of told) ofKey.set(asker.toHex(), provider);
  records.set(key.toHex(), ofKey);
  return undefined;
}

async function serve(stream: Stream, connection: Connection): Promise<void> {
  let received = new Uint8Array();
  for await (const chunk of stream) {
    received = Uint8Array.from([...received, ...chunk.subarray()]);
    for (let message = takeFrame(received); message; message = takeFrame(received)) {
      const end = message.byteOffset + message.length - received.byteOffset;
      const replied = reply(message, connection.remotePeer.toMultihash().bytes);
      if (replied !== undefined) stream.send(replied);
      received = received.slice(end);
      if (received.length === 0) break;
    }
  }
  await stream.close();
}

const node = await createLibp2p({
  addresses: {
    listen: [`/ip4/${values.host}/tcp/${values.port}`],
    announce: values.port === "0" ? [] : [`/ip4/${values.host}/tcp/${values.port}`],
  },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionManager: { inboundConnectionThreshold: 200 },
  services: { identify: identify(), ping: ping() },
});
await node.handle(values.protocol, (stream, connection) => {
  serve(stream, connection).catch(() => stream.abort(new Error("Cannot serve")));
});
const address = `${node.getMultiaddrs()[0]!.toString().split("/p2p/")[0]}/p2p/${node.peerId}`;
console.log(JSON.stringify({ address, peerId: node.peerId.toString() }));
