import assert from "node:assert/strict";
import { createServer } from "node:net";
import { utf8 } from "../../../lib/base/bytes.ts";
import { Libp2pTransport, type Libp2pTransportOptions } from "../../../lib/net/libp2p/transport.ts";
import { PortBusyError } from "../../../lib/net/libp2p/free_port.ts";
import { DialError, type PeerStream } from "../../../lib/net/transport.ts";
import { DhtProcess } from "../../support/dht_process.ts";

/** libp2p's peer store keeps a BroadcastChannel open for the life of the process. */
const LEAKY = { sanitizeOps: false, sanitizeResources: false };

const STRANGER = "12D3KooWHHN8wwMU2fkAPSr7DpQ3MZgmycitqZm62FScPQGGfnF1";

let lastSeed = 0;

function start(options: Partial<Libp2pTransportOptions> = {}): Promise<Libp2pTransport> {
  return Libp2pTransport.start({
    identitySeed: new Uint8Array(32).fill(++lastSeed),
    port: 0,
    listenHost: "127.0.0.1",
    rendezvous: "transport test",
    ...options,
  });
}

/** Runs `test` with started transports and stops them whatever happens. */
async function withTransports(
  count: number,
  test: (...transports: Libp2pTransport[]) => Promise<void>,
): Promise<void> {
  const transports = await Promise.all(Array.from({ length: count }, () => start()));
  try {
    await test(...transports);
  } finally {
    await Promise.all(transports.map((transport) => transport.stop()));
  }
}

function nextStream(transport: Libp2pTransport): Promise<PeerStream> {
  return new Promise((resolve) => transport.onStream(resolve));
}

async function read(stream: PeerStream, length: number): Promise<string> {
  let text = "";
  for await (const chunk of stream.incoming) {
    text += new TextDecoder().decode(chunk);
    if (text.length >= length) break;
  }
  return text;
}

async function dialFailure(dial: Promise<unknown>): Promise<DialError> {
  const error = await dial.then(() => undefined, (reason) => reason);
  assert(error instanceof DialError, String(error));
  return error;
}

Deno.test(
  "a stream opens by an address without id and carries bytes both ways",
  LEAKY,
  () =>
    withTransports(2, async (a, b) => {
      const opened = nextStream(a);
      const bare = a.addresses()[0]!.split("/p2p/")[0]!;
      const ours = await b.open({ addresses: [bare] });
      ours.send(utf8("ping"));
      const theirs = await opened;
      assert.equal(await read(theirs, 4), "ping");
      theirs.send(utf8("pong"));
      assert.equal(await read(ours, 4), "pong");
      assert.deepEqual([ours.peerId, theirs.peerId], [a.peerId, b.peerId]);
      assert.deepEqual([ours.openedBy, theirs.openedBy], ["us", "them"]);
      assert.equal(ours.remoteAddress, bare);
      assert.equal(ours.bufferedBytes, 0);
    }),
);

Deno.test(
  "close lets what was sent arrive first; reset is an error there",
  LEAKY,
  () =>
    withTransports(2, async (a, b) => {
      const first = nextStream(a);
      const closing = await b.open({ addresses: a.addresses() });
      closing.send(utf8("x".repeat(300_000)));
      const reading = read(await first, Infinity);
      await closing.close();
      assert.equal((await reading).length, 300_000);
      closing.send(utf8("ignored"));

      const second = nextStream(a);
      const resetting = await b.open({ addresses: a.addresses() });
      resetting.send(utf8("y"));
      const theirs = await second;
      assert.equal(await read(theirs, 1), "y");
      const end = assert.rejects(async () => {
        for await (const _ of theirs.incoming);
      });
      resetting.reset();
      await end;
    }),
);

Deno.test(
  "a reader that does not read makes the sender's buffer grow, and loses nothing",
  LEAKY,
  () =>
    withTransports(2, async (a, b) => {
      const opened = nextStream(a);
      const sender = await b.open({ addresses: a.addresses() });
      sender.send(utf8("!"));
      const reader = await opened;
      const chunk = new Uint8Array(1 << 20);
      const chunks = 16;
      for (let at = 0; at < chunks; at++) {
        sender.send(chunk);
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      assert(sender.bufferedBytes > 4 << 20, `${sender.bufferedBytes} bytes wait`);
      let received = 0;
      for await (const bytes of reader.incoming) {
        received += bytes.length;
        if (received > chunks * chunk.length) break;
      }
      assert.equal(received, 1 + chunks * chunk.length);
      assert.equal(sender.bufferedBytes, 0);
    }),
);

Deno.test(
  "small messages keep flowing past the first window, in both directions",
  LEAKY,
  () =>
    withTransports(2, async (a, b) => {
      const opened = nextStream(a);
      const ours = await b.open({ addresses: a.addresses() });
      ours.send(utf8("!"));
      const theirs = await opened;
      const [count, length] = [2_000, 500];
      const all = Promise.all([read(ours, count * length), read(theirs, 1 + count * length)]);
      for (let at = 0; at < count; at++) {
        ours.send(utf8("x".repeat(length)));
        theirs.send(utf8("y".repeat(length)));
      }
      const [toUs, toThem] = await all;
      assert.equal(toUs, "y".repeat(count * length));
      assert.equal(toThem, "!" + "x".repeat(count * length));
    }),
);

Deno.test(
  "identify tells both sides of a peer that speaks the protocol, once",
  LEAKY,
  () =>
    withTransports(2, async (a, b) => {
      const told: string[] = [];
      const both = Promise.all([a, b].map((transport) =>
        new Promise<string[]>((resolve) =>
          transport.onProtocolPeer((peerId, addresses) => {
            told.push(peerId);
            resolve(addresses);
          })
        )
      ));
      await b.open({ addresses: a.addresses() });
      const [ofB, ofA] = await both;
      assert.deepEqual(told.sort(), [a.peerId, b.peerId].sort());
      assert.deepEqual(
        ofA,
        a.addresses().map((address) =>
          address.split("/p2p/")[0]
        ),
      );
      assert.equal(ofB!.length, b.addresses().length);
      assert((await b.recordOf(a.peerId)) !== undefined);
      assert.equal((await b.openRecord((await b.recordOf(a.peerId))!)).peerId, a.peerId);
    }),
);

Deno.test("dial failures are told apart", LEAKY, () =>
  withTransports(2, async (a, b) => {
    await using server = await DhtProcess.start();
    const noProtocol = await dialFailure(b.open({ addresses: [server.address] }));
    assert.equal(noProtocol.failure, "no-protocol");
    assert.equal(noProtocol.peerId, server.address.split("/p2p/")[1]);

    const nobody = await dialFailure(b.open({ addresses: ["/ip4/127.0.0.1/tcp/1"] }));
    assert.equal(nobody.failure, "unreachable");

    const unknown = await dialFailure(b.open({ peerId: a.peerId, addresses: [] }));
    assert.equal(unknown.failure, "unreachable");

    const wrongId = await dialFailure(b.open({ peerId: STRANGER, addresses: a.addresses() }));
    assert.equal(wrongId.failure, "unreachable");
    const bare = a.addresses()[0]!.split("/p2p/")[0]!;
    const otherAnswers = await dialFailure(b.open({ peerId: STRANGER, addresses: [bare] }));
    assert.equal(otherAnswers.failure, "unreachable");

    const self = await dialFailure(b.open({ addresses: [b.addresses()[0]!.split("/p2p/")[0]!] }));
    assert.equal(self.failure, "unreachable");
    assert.equal(self.peerId, b.peerId);

    const aborted = await dialFailure(
      b.open({ addresses: ["/ip4/127.0.0.1/tcp/1"] }, AbortSignal.abort()),
    );
    assert.equal(aborted.failure, "aborted");
  }));

Deno.test(
  "an address where somebody else answers does not keep us from the right one",
  LEAKY,
  () =>
    withTransports(3, async (a, b, c) => {
      const opened = nextStream(a);
      const wrong = b.addresses()[0]!.split("/p2p/")[0]!;
      const right = a.addresses()[0]!.split("/p2p/")[0]!;
      const target = { peerId: a.peerId, addresses: ["/ip4/127.0.0.1/tcp/1", wrong, right] };
      const stream = await c.open(target);
      assert.equal(stream.peerId, a.peerId);
      stream.send(utf8("x"));
      await opened;
    }),
);

Deno.test(
  "a second stream goes over the connection that exists",
  LEAKY,
  () =>
    withTransports(2, async (a, b) => {
      const opened = nextStream(a);
      (await b.open({ addresses: a.addresses() })).send(utf8("x"));
      const theirs = await opened;
      // We know no address that b can be dialled at but the connection itself.
      const back = await a.open({ peerId: b.peerId, addresses: [] });
      assert.equal(back.remoteAddress, theirs.remoteAddress);
      await a.disconnect(b.peerId);
      assert.equal(
        (await dialFailure(a.open({ peerId: b.peerId, addresses: ["/ip4/127.0.0.1/tcp/1"] })))
          .failure,
        "unreachable",
      );
    }),
);

Deno.test("a busy port is an error of its own", LEAKY, async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    await assert.rejects(start({ port }), (error) => {
      assert(error instanceof PortBusyError, String(error));
      assert.equal(error.port, port);
      assert.equal(error.message, `Cannot listen on port ${port}: another program uses it`);
      return true;
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

Deno.test(
  "a signed record is opened, and any changed byte is noticed",
  LEAKY,
  () =>
    withTransports(1, async (a) => {
      const record = await a.signedRecord();
      const content = await a.openRecord(record);
      assert.equal(content.peerId, a.peerId);
      assert.deepEqual(content.addresses, a.addresses().map((text) => text.split("/p2p/")[0]));
      assert(content.sequence > 1_700_000_000_000n);
      for (let at = 0; at < record.length; at += 7) {
        const changed = record.slice();
        changed[at]! ^= 1;
        await assert.rejects(a.openRecord(changed), `byte ${at}`);
      }
      await assert.rejects(a.openRecord(new Uint8Array()));
    }),
);

Deno.test("announced addresses are told and make the node reachable", LEAKY, async () => {
  const announce = ["/ip4/93.184.216.34/tcp/3000", "/dns/node.example/tcp/3000"];
  const transport = await start({ announce: [announce[0]!, "node.example:3000"] });
  try {
    assert(transport.addresses().includes(`${announce[0]}/p2p/${transport.peerId}`));
    assert.equal(transport.reachability().text, `reachable at ${announce[0]} (announced)`);
    assert(
      (await transport.openRecord(await transport.signedRecord())).addresses.includes(announce[0]!),
    );
  } finally {
    await transport.stop();
  }
});

Deno.test(
  "the identity seed gives the same id each time, and stop can be called twice",
  LEAKY,
  async () => {
    const identitySeed = new Uint8Array(32).fill(200);
    const first = await start({ identitySeed });
    await Promise.all([first.stop(), first.stop()]);
    const second = await start({ identitySeed, port: first.port });
    await second.stop();
    assert.equal(first.peerId, second.peerId);
  },
);
