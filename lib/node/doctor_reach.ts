/** What the doctor says of how others reach this node: port, addresses, routers. Pure. */
import type { Finding } from "./api.ts";
import { classOfIp, finding, ipOf, type Judged, ok, some } from "./doctor_facts.ts";
import { isInSubnet } from "./subnet.ts";

/** The DHT is told of new addresses at once; what is older than this did not get there. */
const STALE_MS = 60_000;
/** So many who agree are not mistaken about where they see us. */
const OBSERVERS_MIN = 2;
/** Addresses behind a provider's own router (RFC 6598). */
const CARRIER_NET = { ip: "100.64.0.0", prefixBits: 10 };

export function judgePort({ node }: Judged): Finding[] {
  const { port: { port, state, by }, reach, addresses, peers } = node;
  if (state === "busy") {
    return [finding("port-busy", "problem", [
      `port ${port} is in use${by === undefined ? "" : ` by ${by}`}`,
      "a node cannot listen there: it will not start, or not be found under its old address",
      by?.startsWith("moim/")
        ? "end that node, or run this one beside it with another --port (or NODE_ID)"
        : "end that program, or give this node another --port (0 picks a free one)",
    ])];
  }
  const isOwnPublic = addresses.some((address) => {
    const ip = ipOf(address);
    return ip !== undefined && classOfIp(ip) === "public" && !address.includes("/p2p-circuit");
  });
  if (isOwnPublic && (reach?.state === "closed" || reach?.state === "relayed")) {
    return [finding("port-blocked", peers > 0 ? "note" : "problem", [
      `this machine has a public address, but peers outside cannot dial port ${port}`,
      "a firewall, of this machine or of the network, keeps them out",
      `let TCP port ${port} in: in this machine's firewall, and in the router's`,
    ])];
  }
  return [ok("port", state === "ours" ? `listening on ${port}` : `port ${port} is free`)];
}

export function judgeAddresses(judged: Judged): Finding[] {
  const stale = [...staleAnnounced(judged), ...staleOwn(judged), ...staleStored(judged)];
  return stale.slice(0, 1);
}

/** What the user announces by hand is believed, until others see us elsewhere. */
function staleAnnounced({ node: { settings, observed } }: Judged): Finding[] {
  const voices = observed.reduce((sum, { peers }) => sum + peers, 0);
  const wrong = settings.announce.map(ipOf).find((ip) =>
    ip !== undefined && classOfIp(ip) === "public" &&
    observed.some((seen) => isSameKind(seen.ip, ip)) && !observed.some((seen) => seen.ip === ip)
  );
  if (wrong === undefined) return [];
  const level = voices >= OBSERVERS_MIN ? "problem" : "note";
  return [finding("stale-address", level, [
    `--announce says ${wrong}, but ${some(voices, "peer")} see this node at ` +
    observed.map(({ ip }) => ip).join(", "),
    "the address outside has changed, or was never this one: whoever dials it finds nobody",
    `announce ${observed[0]!.ip}, or leave out --announce`,
  ])];
}

/** An address that is told to others and that no interface has any more. */
function staleOwn({ node, probes }: Judged): Finding[] {
  if (!node.running) return [];
  const others = new Set([
    ...probes.interfaces.map(({ ip }) => ip),
    ...node.settings.announce.map(ipOf),
    ...node.observed.map(({ ip }) => ip),
    ...[node.portMapping?.externalAddress].map((address) => address && ipOf(address)),
  ]);
  const wrong = node.addresses.find((address) => {
    const ip = ipOf(address);
    if (ip === undefined || address.includes("/p2p-circuit")) return false;
    return classOfIp(ip) !== "loopback" && !others.has(ip);
  });
  if (wrong === undefined) return [];
  return [finding("stale-address", "problem", [
    `the node tells others ${wrong}, which this machine does not have now`,
    "the network changed and the node has not noticed yet",
    "look again in a minute; if it stays, start the node again",
  ])];
}

function staleStored({ node: { staleSinceMs }, hasInternet, hasPeers }: Judged): Finding[] {
  if (staleSinceMs === undefined || staleSinceMs < STALE_MS || hasInternet === false) return [];
  return [finding("stale-address", hasPeers ? "note" : "problem", [
    `this machine's addresses changed ${
      Math.round(staleSinceMs / 1_000)
    } s ago, and the DHT still ` +
    "has those of before",
    "newcomers who look for this node there dial where it was",
    "it is told again every minute; if that does not help, start the node again",
  ])];
}

export function judgeNat({ node, probes, hasInternet }: Judged): Finding[] {
  const { portMapping, observed, reach } = node;
  const isOpen = reach?.state === "open";
  const carrier = probes.interfaces.find(({ ip }) => isInSubnet(ip, CARRIER_NET));
  const outside = portMapping?.routerIp;
  if (carrier !== undefined || (outside !== undefined && isInSubnet(outside, CARRIER_NET))) {
    if (isOpen) return [];
    return [finding("carrier-nat", "note", [
      `${carrier === undefined ? "the router's" : "this machine's"} address ` +
      `${carrier?.ip ?? outside} is one of the provider's own network`,
      "many customers share one public address (carrier NAT): nobody outside can dial this node",
      "nothing must be done: it dials others, and members with a public address pass data on; some " +
      "providers give a public address when asked, and IPv6 is not affected",
    ])];
  }
  const mapped = portMapping?.externalAddress && ipOf(portMapping.externalAddress);
  const isElsewhere = mapped !== undefined && observed.some(({ ip }) => isSameKind(ip, mapped)) &&
    !observed.some(({ ip }) => ip === mapped);
  if (portMapping?.state === "double-nat" || isElsewhere) {
    const where = isElsewhere
      ? `the router says it is ${mapped} outside, peers see this node at ` +
        observed.map(({ ip }) => ip).join(", ")
      : `the router's own address${outside === undefined ? "" : ` ${outside}`} is private too`;
    return [finding("double-nat", "note", [
      where,
      "there are two routers in a row (double NAT): a port mapped in the first leads nowhere",
      "nothing must be done: members with a public address pass data on; to be dialled, set the " +
      "second router to work as an access point (bridge), or map the port in both",
    ])];
  }
  if (portMapping === undefined || isOpen) return [];
  if (portMapping.state === "mapped") return [ok("port-mapping", portMapping.text)];
  const isBehindRouter = hasInternet === true && probes.gateways.length > 0;
  if (portMapping.state !== "none" || !isBehindRouter) return [];
  return [finding("port-mapping", "note", [
    portMapping.text,
    "the router was asked for a way in (UPnP, NAT-PMP) and gives none",
    "switch UPnP on in the router, or map the port there by hand and say so with --announce; " +
    "without it members with a public address pass data on",
  ])];
}

export function judgeReach({ node: { reach, running } }: Judged): Finding[] {
  if (!running || reach === undefined) return [];
  const { state, text } = reach;
  if (state === "open" || state === "mapped") return [ok("reach", text)];
  if (state === "unknown") {
    return [
      finding("reach", "unknown", [text, "whether others can dial this node is not known", ""]),
    ];
  }
  const isRelayed = state === "relayed";
  return [finding("reach", "note", [
    text,
    isRelayed
      ? "others reach this node through members that pass data on"
      : "others outside cannot dial this node; it dials them",
    isRelayed
      ? ""
      : "nothing must be done while one member of the network can be dialled from outside",
  ])];
}

function isSameKind(left: string, right: string): boolean {
  return left.includes(":") === right.includes(":");
}
