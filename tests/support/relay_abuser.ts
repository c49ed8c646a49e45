/**
 * Fifty libp2p hosts in one process that take from a relay what they can: places, connections through
 * it, bytes. Strangers know nothing of the network; insiders know its phrase, exchange `version` like
 * any member, and then behave like this. Prints what they got as one JSON line twice a second.
 *
 * deno run -A tests/support/relay_abuser.ts --relay ADDR --victim PEER_ID [--genesis ID --network NAME]
 */
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify } from "@libp2p/identify";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { parseArgs } from "node:util";
import { ByteWriter } from "../../lib/base/bytes.ts";
import { framed, readFields, writeBytes } from "../../lib/net/libp2p/protobuf.ts";
import { readMessage } from "../../lib/net/libp2p/stream_message.ts";
import { PROTOCOL } from "../../lib/net/transport.ts";
import { encodeFrame } from "../../lib/wire/frame.ts";
import type { MessageOf } from "../../lib/wire/messages.ts";
import { PROTOCOL_VERSION } from "../../lib/wire/version.ts";

/** libp2p specifications, relay/circuit-v2: messages `HopMessage` and `StopMessage`. */
const HOP = "/libp2p/circuit/relay/0.2.0/hop";
const STOP = "/libp2p/circuit/relay/0.2.0/stop";
const RESERVE = 0;
const CONNECT = 1;
const STATUS_OK = 100;
const STOP_STATUS_OK = framed(new Uint8Array([0x08, 0x01, 0x20, STATUS_OK]));

const HOSTS = 50;
/** Each tries as many ways through at a time. */
const WAYS_PER_HOST = 8;
/** So many of the ways are filled with bytes; the others are only held. */
const PUMPED = 4;
/** They come first: the others would hold every way before. */
const PUMPS_FIRST_MS = 6_000;
const CHUNK = new Uint8Array(64 << 10);
const AGAIN_MS = 200;
const BRIM_MS = 1;
const ANSWER_MS = 5_000;

const { values } = parseArgs({
  options: {
    relay: { type: "string", default: "" },
    victim: { type: "string", default: "" },
    genesis: { type: "string" },
    network: { type: "string", default: "" },
  },
});

const seen = {
  members: 0,
  places: 0,
  placesRefused: 0,
  ways: 0,
  waysMost: 0,
  waysRefused: 0,
  waysCut: 0,
  /** Received at the other ends. */
  bytes: 0,
  /** The same of the way that took most. */
  bytesMost: 0,
};
const hosts: Libp2p[] = [];
let pumps = 0;
const { promise: pumping, resolve: onPumping } = Promise.withResolvers<void>();
// Strangers have no way to fill.
if (values.genesis === undefined) onPumping();
else setTimeout(onPumping, PUMPS_FIRST_MS);

async function abuse(place: number): Promise<void> {
  const node = await createLibp2p({
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  });
  hosts[place] = node;
  await node.handle(STOP, (stream) => void letIn(stream), { maxInboundStreams: 1_000 });
  for (;;) {
    try {
      const connection = await node.dial(multiaddr(values.relay));
      if (values.genesis !== undefined) await join(connection, values.genesis);
      const ended = new Promise((resolve) => connection.addEventListener("close", resolve));
      void reserveForEver(connection);
      for (let way = 0; way < WAYS_PER_HOST; way++) void connectForEver(connection, place, way);
      await ended;
    } catch {
      // The relay is full, or has had enough of us: try again.
    }
    await pause();
  }
}

/** A session of the chain's protocol, held open and never used. */
async function join(connection: Connection, genesisId: string): Promise<void> {
  const stream = await connection.newStream(PROTOCOL);
  const version = {
    type: "version",
    protocol: PROTOCOL_VERSION,
    genesisId,
    networkName: values.network,
    tipId: genesisId,
    tipHeight: 0,
    totalWork: 1n,
    agent: "abuser",
    timeMs: Date.now(),
    nonce: crypto.getRandomValues(new BigUint64Array(1))[0]!,
    flags: 0,
  } as MessageOf<"version">;
  stream.send(encodeFrame(version));
  stream.addEventListener("message", () => {});
  seen.members++;
}

async function reserveForEver(connection: Connection): Promise<void> {
  let holds = false;
  connection.addEventListener("close", () => holds && seen.places--);
  while (connection.status === "open") {
    const status = await ask(connection, hopMessage(RESERVE)).catch(() => undefined);
    if (status?.code === STATUS_OK && !holds) {
      holds = true;
      seen.places++;
    }
    if (status?.code !== STATUS_OK) seen.placesRefused++;
    status?.stream.abort(new Error("Enough"));
    await pause();
  }
}

async function connectForEver(connection: Connection, place: number, way: number): Promise<void> {
  const isPumped = place < PUMPED && way === 1;
  if (!isPumped) await pumping;
  while (connection.status === "open") {
    const other = hosts[(place + 1 + way) % HOSTS];
    const peerId = way === 0 || other === undefined ? values.victim : other.peerId.toString();
    const answer = await ask(connection, hopMessage(CONNECT, peerId)).catch(() => undefined);
    if (answer?.code === STATUS_OK) await hold(answer.stream, isPumped);
    else seen.waysRefused++;
    answer?.stream.abort(new Error("Enough"));
    await pause();
  }
}

/** Keeps the way for as long as the relay lets it, filled to the brim if wanted. */
async function hold(stream: Stream, isPumped: boolean): Promise<void> {
  seen.ways++;
  seen.waysMost = Math.max(seen.ways, seen.waysMost);
  if (isPumped && ++pumps === PUMPED) onPumping();
  const cut = new Promise((resolve) => stream.addEventListener("close", resolve));
  while (isPumped && stream.status === "open") {
    if (stream.writeBufferLength < CHUNK.length) stream.send(CHUNK);
    else await pause(BRIM_MS);
  }
  await cut;
  seen.waysCut++;
  seen.ways--;
}

/** The other end of a way: takes everything, says nothing. */
async function letIn(stream: Stream): Promise<void> {
  try {
    await readMessage(stream, AbortSignal.timeout(ANSWER_MS));
    let bytes = 0;
    stream.addEventListener("message", ({ data }) => {
      bytes += data.byteLength;
      seen.bytes += data.byteLength;
      seen.bytesMost = Math.max(bytes, seen.bytesMost);
    });
    stream.send(STOP_STATUS_OK);
  } catch {
    stream.abort(new Error("Enough"));
  }
}

async function ask(connection: Connection, message: Uint8Array) {
  const signal = AbortSignal.timeout(ANSWER_MS);
  const stream = await connection.newStream(HOP, { signal, maxOutboundStreams: 1_000 });
  stream.inactivityTimeout = Number.MAX_SAFE_INTEGER;
  stream.send(message);
  let code = 0;
  readFields(await readMessage(stream, signal), {
    onNumber: (field, value) => code = field === 5 << 3 ? value : code,
  });
  return { code, stream };
}

function hopMessage(type: number, peerId?: string): Uint8Array {
  const writer = new ByteWriter(128).varint(1 << 3).varint(type);
  if (peerId !== undefined) {
    const id = peerIdFromString(peerId).toMultihash().bytes;
    const peer = writeBytes(new ByteWriter(64), (1 << 3) + 2, id).finish();
    writeBytes(writer, (2 << 3) + 2, peer);
  }
  return framed(writer.finish());
}

function pause(lengthMs = AGAIN_MS): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, lengthMs));
}

for (let place = 0; place < HOSTS; place++) void abuse(place);
setInterval(() => console.log(JSON.stringify(seen)), 500);
