import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { systemClock } from "../../../lib/base/clock.ts";
import { findNatPmp, readAnswer } from "../../../lib/net/mapping/nat_pmp.ts";
import { PortTakenError } from "../../../lib/net/mapping/port_gateway.ts";
import { locationOf, searchSsdp, type SsdpAnswer } from "../../../lib/net/mapping/ssdp.ts";
import { openUpnp } from "../../../lib/net/mapping/upnp.ts";
import { utf8 } from "../../../lib/base/bytes.ts";

const HOST = "127.0.0.1";
const CONTROL = "/ctl";
const PORT = { internalAddress: "192.168.1.7", internalPort: 3000, externalPort: 3000 };
const limit = () => AbortSignal.timeout(5_000);

/** A router of version 1 that speaks HTTP; `answer` may say anything else. */
function startRouter(answer: (path: string, action: string, body: string) => Response | undefined) {
  const entries = new Map<string, { client: string; port: string; lease: string }>();
  const server = Deno.serve({ hostname: HOST, port: 0, onListen: () => {} }, async (request) => {
    const path = new URL(request.url).pathname;
    const body = await request.text();
    const action = /#(\w+)/.exec(request.headers.get("soapaction") ?? "")?.[1] ?? "";
    const other = answer(path, action, body);
    if (other !== undefined) return other;
    if (path === "/root.xml") return new Response(describe(CONTROL));
    const value = (name: string) => new RegExp(`<${name}>(.*?)</${name}>`).exec(body)?.[1] ?? "";
    const port = value("NewExternalPort");
    const entry = entries.get(port);
    switch (action) {
      case "GetExternalIPAddress":
        return soap("<NewExternalIPAddress dt='string'>45.1.2.3</NewExternalIPAddress>");
      case "GetSpecificPortMappingEntry":
        return entry === undefined ? fault(714) : soap(
          `<NewInternalPort>${entry.port}</NewInternalPort>` +
            `<NewInternalClient>${entry.client}</NewInternalClient>`,
        );
      case "AddPortMapping":
        if (value("NewLeaseDuration") !== "0" && port === "4000") return fault(725);
        entries.set(port, {
          client: value("NewInternalClient"),
          port: value("NewInternalPort"),
          lease: value("NewLeaseDuration"),
        });
        return soap("");
      case "DeletePortMapping":
        entries.delete(port);
        return soap("");
    }
    return new Response("", { status: 404 });
  });
  const { port } = server.addr;
  return {
    entries,
    location: `http://${HOST}:${port}/root.xml`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function describe(control: string, base = ""): string {
  const service = (type: string, url: string) =>
    `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType>` +
    `<controlURL>${url}</controlURL></service>`;
  return `<?xml version="1.0"?><root>${base}<device><serviceList>` +
    service("Layer3Forwarding:1", "/no") + service("WANIPConnection:1", control) +
    "</serviceList></device></root>";
}

function soap(inner: string): Response {
  return new Response(
    `<s:Envelope><s:Body><u:Response>${inner}</u:Response></s:Body></s:Envelope>`,
  );
}

function fault(code: number): Response {
  const detail = `<detail><UPnPError><errorCode>${code}</errorCode></UPnPError></detail>`;
  return new Response(`<s:Envelope><s:Fault>${detail}</s:Fault></s:Envelope>`, { status: 500 });
}

Deno.test("a router of version 1 maps, renews and unmaps by UPnP", async () => {
  await using router = startRouter(() => undefined);
  const gateway = await openUpnp(router.location, HOST, limit());
  assert.equal(await gateway.externalAddress(limit()), "45.1.2.3");
  assert.equal(await gateway.map(PORT, 3_600, limit()), 3000);
  assert.equal(await gateway.map(PORT, 3_600, limit()), 3000);
  assert.deepEqual(router.entries.get("3000"), {
    client: "192.168.1.7",
    port: "3000",
    lease: "3600",
  });
  await gateway.unmap(PORT, limit());
  assert.equal(router.entries.size, 0);
  // A router that knows only mappings without an end.
  await gateway.map({ ...PORT, externalPort: 4000 }, 3_600, limit());
  assert.equal(router.entries.get("4000")?.lease, "0");
});

Deno.test("another machine's mapping is neither taken nor removed", async () => {
  await using router = startRouter(() => undefined);
  const entry = { client: "192.168.1.8", port: "3000", lease: "0" };
  router.entries.set("3000", entry);
  const gateway = await openUpnp(router.location, HOST, limit());
  await assert.rejects(gateway.map(PORT, 3_600, limit()), PortTakenError);
  await gateway.unmap(PORT, limit());
  assert.deepEqual(router.entries.get("3000"), entry);
});

Deno.test("a router that leads elsewhere, or says too much, is refused", async () => {
  const big = new Uint8Array(1 << 17).fill(0x20);
  const pages: Record<string, () => Response> = {
    "/elsewhere.xml": () => new Response(describe("http://192.0.2.1/ctl")),
    "/base.xml": () => new Response(describe("/ctl", "<URLBase>http://192.0.2.1/</URLBase>")),
    "/scheme.xml": () => new Response(describe("file:///etc/passwd")),
    "/redirect.xml": () => Response.redirect("http://192.0.2.1/root.xml"),
    "/none.xml": () => new Response("<root></root>"),
    "/open.xml": () => new Response("<service>".repeat(5_000)),
    "/big.xml": () => new Response(big),
    "/lost.xml": () => new Response("", { status: 404 }),
  };
  await using router = startRouter((path) => pages[path]?.());
  for (const page of Object.keys(pages)) {
    const location = router.location.replace("/root.xml", page);
    await assert.rejects(openUpnp(location, HOST, limit()), Error, page);
  }
  await assert.rejects(openUpnp("http://192.0.2.1/root.xml", HOST, limit()), /not its own/);
  await assert.rejects(openUpnp(router.location, "127.0.0.2", limit()), /not its own/);
});

Deno.test("a search hears answers of the accepted address only, each once", async () => {
  const device = await udp((message, reply) => {
    const wanted = /^ST: (.*)\r$/m.exec(message)![1]!;
    for (const st of [wanted, "urn:schemas-upnp-org:device:MediaServer:1"]) {
      const place = st === wanted ? "root" : "media";
      reply(
        utf8(`HTTP/1.1 200 OK\r\nST: ${st}\r\nLocation: http://127.0.0.1/${place}.xml\r\n\r\n`),
      );
    }
    reply(new Uint8Array(5_000));
    reply(new Uint8Array(3));
  });
  try {
    const heard: SsdpAnswer[] = [];
    const stop = new AbortController();
    const search = {
      ownAddress: HOST,
      targets: [HOST],
      port: device.address().port,
      accepts: (ip: string) => ip === HOST,
      clock: systemClock,
    };
    await searchSsdp(search, (answer) => {
      heard.push(answer);
      stop.abort();
    }, AbortSignal.any([stop.signal, limit()]));
    assert.deepEqual(heard, [{ host: HOST, location: "http://127.0.0.1/root.xml" }]);
  } finally {
    device.close();
  }
  assert.equal(
    locationOf(utf8("NOTIFY * HTTP/1.1\r\nLocation: http://127.0.0.1/\r\n\r\n")),
    undefined,
  );
});

Deno.test("a router maps by NAT-PMP; what it garbles is passed over", async () => {
  let lease = -1;
  const router = await udp((_, reply, bytes) => {
    reply(Uint8Array.of(0));
    reply(Uint8Array.of(0, 128 + bytes[1]!, 0));
    if (bytes[1] === 0) return reply(Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 9, 45, 1, 2, 3));
    lease = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8);
    reply(Uint8Array.of(0, 130, 0, 0, 0, 0, 0, 9, 0x0b, 0xb8, 0x0b, 0xb9, 0, 0, 0x0e, 0x10));
  });
  try {
    const target = { host: HOST, port: router.address().port, clock: systemClock };
    const gateway = await findNatPmp(target, limit());
    assert.equal(await gateway.externalAddress(limit()), "45.1.2.3");
    assert.equal(await gateway.map(PORT, 3_600, limit()), 3001);
    assert.equal(lease, 3_600);
    await gateway.unmap(PORT, limit());
    assert.equal(lease, 0);
    await assert.rejects(
      findNatPmp({ ...target, host: "127.0.0.2" }, AbortSignal.timeout(300)),
      /No answer/,
    );
  } finally {
    router.close();
  }
  assert.match(String(readAnswer(Uint8Array.of(0, 130, 0, 2), 2)), /does not allow/);
  assert.equal(readAnswer(new Uint8Array(0), 2), undefined);
});

/** A UDP socket on loopback that answers each message. */
async function udp(
  onMessage: (text: string, reply: (bytes: Uint8Array) => void, bytes: Uint8Array) => void,
): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.on("message", (bytes: Uint8Array, from) => {
    const reply = (answer: Uint8Array) => socket.send(answer, from.port, from.address);
    onMessage(new TextDecoder().decode(bytes), reply, bytes);
  });
  await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
  return socket;
}
