/** Whether the Wi-Fi keeps its clients from each other. Pure. */
import type { Finding, Neighbour } from "./api.ts";
import { classOfIp, finding, ipOf, type Judged, some } from "./doctor_facts.ts";
import { isInSubnet } from "./subnet.ts";

/**
 * Peers that are in this very network and yet cannot be dialled, while others can. That a private
 * address is of our own subnet says little (most homes use the same); that outsiders see the peer at
 * the same address as us says that it is behind the same router.
 */
export function judgeIsolation(judged: Judged): Finding[] {
  const { node, probes, hasInternet } = judged;
  const worksElsewhere = hasInternet === true || probes.gateways.some(({ answers }) => answers);
  if (!worksElsewhere) return [];
  const here = node.neighbours.filter((neighbour) => isHere(neighbour, judged));
  const silent = here.filter((neighbour) =>
    neighbour.connection !== "direct" && isSilent(neighbour, judged)
  );
  if (silent.length === 0) return [];
  const shown = silent.slice(0, 3).map(({ peerId, addresses }) =>
    `…${peerId.slice(-8)} (${addresses.map(ipOf).join(", ")})`
  );
  const relayed = silent.filter(({ connection }) => connection === "relayed").length;
  return [finding("isolated-wifi", node.peers > 0 ? "note" : "problem", [
    `${some(silent.length, "peer")} in this very network cannot be dialled, while others can: ` +
    shown.join(", "),
    "this Wi-Fi keeps its clients apart (client isolation, as guest networks do), or firewalls on " +
    "those machines do" + (relayed > 0 ? `; ${some(relayed, "session")} goes through a relay` : ""),
    "use a cable, another Wi-Fi or a phone's hotspot for all, or ask whoever runs it to switch off " +
    "client isolation; through a relay it works meanwhile, slower",
  ])];
}

function isHere({ outside, addresses }: Neighbour, { node, probes }: Judged): boolean {
  const isSameOutside = outside.some((ip) => node.observed.some((seen) => seen.ip === ip));
  return isSameOutside && addresses.some((address) => isNear(address, probes.interfaces));
}

function isSilent({ addresses }: Neighbour, { probes }: Judged): boolean {
  const near = addresses.filter((address) => isNear(address, probes.interfaces));
  const dialled = probes.neighbours.filter(({ address }) => near.includes(address));
  return dialled.length > 0 && dialled.every(({ answers }) => !answers);
}

/** Whether a multiaddr is a private one of a network that this machine is in. */
export function isNear(
  address: string,
  interfaces: readonly { ip: string; prefixBits: number }[],
): boolean {
  const ip = ipOf(address);
  if (ip === undefined || classOfIp(ip) !== "private") return false;
  return interfaces.some((own) => own.ip !== ip && isInSubnet(ip, own));
}
