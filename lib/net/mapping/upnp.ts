/**
 * A router asked by UPnP (Internet Gateway Device 1 and 2): the service `WANIPConnection` or
 * `WANPPPConnection` of the description it names, called by SOAP over HTTP. What a router says is
 * not trusted: short answers, from the router's own address only, no redirects.
 *
 * Version 1 of the service is spoken to all of them: version 2 contains it, and most routers at
 * home have nothing else. By hand, because no library does: @achingbrain/nat-port-mapper 4.0 knows
 * version 2 only, removes by the wrong port where the two ports differ, and dies of a short datagram;
 * @silentbot1/nat-api 0.4 starts other programs to find the gateway. None bounds what it reads.
 */
import { concatBytes } from "../../base/bytes.ts";
import { messageOf } from "../../base/errors.ts";
import { type MappedPort, type PortGateway, PortTakenError } from "./port_gateway.ts";

/** A description is some kilobytes, the answer to a call hundreds of bytes. */
const ANSWER_BYTES_MAX = 1 << 16;
const VALUE_CHARACTERS_MAX = 512;
const SERVICES_MAX = 64;
const SERVICE = /^urn:schemas-upnp-org:service:WAN(?:IP|PPP)Connection:[12]$/;
/** What a user may read of it in the router's list of mappings. */
const DESCRIPTION = "Moim";

/** Errors of the service (UPnP WANIPConnection:1 §2.4.16, WANIPConnection:2 §2.5.16). */
const CODE = { noSuchEntry: 714, conflict: 718, onlyPermanent: 725 } as const;

/** A call that the router answered with an error. */
class UpnpError extends Error {
  constructor(readonly code: number, action: string) {
    super(`The router refuses ${action} by UPnP: error ${code}`);
  }
}

type Control = { url: URL; service: string };

/**
 * The router whose description is at `location`, a URL it announced from its address `host`.
 * Throws when the description leads elsewhere or names no service that maps ports.
 */
export async function openUpnp(
  location: string,
  host: string,
  signal: AbortSignal,
): Promise<PortGateway> {
  const description = await read(urlAt(location, undefined, host), { signal });
  const control = controlOf(description, location, host);
  const call = (action: string, values: Values, stop: AbortSignal) =>
    callAction(control, { action, values }, stop);
  return {
    kind: "UPnP",
    host,
    async externalAddress(stop) {
      return valueOf(await call("GetExternalIPAddress", [], stop), "NewExternalIPAddress") ?? "";
    },
    async map(port, leaseS, stop) {
      if (await isForeign(call, port, stop)) throw new PortTakenError(port.externalPort);
      await addMapping(call, port, leaseS, stop);
      // Some routers give the port to whoever asked last: whose it is, is what they list.
      if (await isForeign(call, port, stop)) throw new PortTakenError(port.externalPort);
      return port.externalPort;
    },
    async unmap(port, stop) {
      if (await isForeign(call, port, stop)) return;
      await call("DeletePortMapping", keyOf(port), stop);
    },
  };
}

type Values = [name: string, value: string | number][];
type Call = (action: string, values: Values, stop: AbortSignal) => Promise<string>;

function keyOf({ externalPort }: MappedPort): Values {
  return [["NewRemoteHost", ""], ["NewExternalPort", externalPort], ["NewProtocol", "TCP"]];
}

/** Whether the router lists the external port as mapped to anything but our port. */
async function isForeign(call: Call, port: MappedPort, stop: AbortSignal): Promise<boolean> {
  try {
    const entry = await call("GetSpecificPortMappingEntry", keyOf(port), stop);
    const client = valueOf(entry, "NewInternalClient");
    return client !== undefined && (client !== port.internalAddress ||
      Number(valueOf(entry, "NewInternalPort")) !== port.internalPort);
  } catch (error) {
    // Nothing is mapped there, or the router does not tell: adding shows what it thinks of it.
    if (error instanceof UpnpError) return false;
    throw error;
  }
}

async function addMapping(call: Call, port: MappedPort, leaseS: number, stop: AbortSignal) {
  const values: Values = [
    ...keyOf(port),
    ["NewInternalPort", port.internalPort],
    ["NewInternalClient", port.internalAddress],
    ["NewEnabled", 1],
    ["NewPortMappingDescription", DESCRIPTION],
    ["NewLeaseDuration", leaseS],
  ];
  try {
    await call("AddPortMapping", values, stop);
  } catch (error) {
    const code = error instanceof UpnpError ? error.code : undefined;
    if (code === CODE.conflict) throw new PortTakenError(port.externalPort);
    // A lease of 0 has no end, but for ours: it is removed when the node stops.
    if (code !== CODE.onlyPermanent || leaseS === 0) throw error;
    await addMapping(call, port, 0, stop);
  }
}

/** The service that maps ports, out of a device description (UPnP Device Architecture §2.3). */
function controlOf(description: string, location: string, host: string): Control {
  for (const part of description.split("</service>", SERVICES_MAX)) {
    const text = part.slice(part.lastIndexOf("<service>") + 1);
    const service = valueOf(text, "serviceType");
    const path = valueOf(text, "controlURL");
    if (service === undefined || !SERVICE.test(service) || path === undefined) continue;
    const base = valueOf(description, "URLBase") ?? location;
    return { url: urlAt(path, base === "" ? location : base, host), service };
  }
  throw new Error("The router has no service that maps ports");
}

/** Calls one action of the service (UPnP Device Architecture §3.2); gives the answer's text. */
async function callAction(
  { url, service }: Control,
  { action, values }: { action: string; values: Values },
  signal: AbortSignal,
): Promise<string> {
  const inner = values.map(([name, value]) => `<${name}>${value}</${name}>`).join("");
  const body = '<?xml version="1.0"?>\r\n' +
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${service}">${inner}</u:${action}></s:Body></s:Envelope>\r\n`;
  const headers = {
    "content-type": 'text/xml; charset="utf-8"',
    "soapaction": `"${service}#${action}"`,
  };
  const answer = await read(url, { method: "POST", headers, body, signal }, true);
  const code = valueOf(answer, "errorCode");
  if (code !== undefined) throw new UpnpError(Number(code), action);
  return answer;
}

/** The text at the address, of a router's own pages only. SOAP's faults come with status 500. */
async function read(url: URL, options: RequestInit, withFaults = false): Promise<string> {
  const response = await fetch(url, { ...options, redirect: "manual" });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    if (!response.ok && !(withFaults && response.status === 500)) {
      throw new Error(`The router answers with status ${response.status}`);
    }
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > ANSWER_BYTES_MAX) throw new Error("The router's answer is too long");
      chunks.push(chunk);
    }
  } catch (error) {
    await response.body?.cancel().catch(() => {});
    throw error instanceof Error ? error : new Error(messageOf(error));
  }
  return new TextDecoder().decode(concatBytes(...chunks));
}

/** An http address on the router itself. Throws for any other. */
function urlAt(text: string, base: string | undefined, host: string): URL {
  const url = new URL(text, base);
  if (url.protocol !== "http:" || url.hostname !== host || url.username !== "") {
    throw new Error(`The router at ${host} names an address that is not its own`);
  }
  return url;
}

/** The text of the first element of this name, which must hold nothing but text. */
function valueOf(xml: string, name: string): string | undefined {
  let at = 0;
  while ((at = xml.indexOf(`<${name}`, at)) >= 0) {
    at += name.length + 1;
    const open = xml.indexOf(">", at);
    if (open < 0) return undefined;
    // Another element whose name merely begins the same, or one without content.
    if (!/^[\s>]/.test(xml[at]!) || xml[open - 1] === "/") continue;
    const end = xml.indexOf("<", open);
    if (end < 0 || end - open > VALUE_CHARACTERS_MAX) return undefined;
    return xml.slice(open + 1, end).trim();
  }
  return undefined;
}
