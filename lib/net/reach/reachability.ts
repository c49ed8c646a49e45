/** Whether others can reach this node from outside its own network, and through whom, in words. */
import { classOf } from "../addresses.ts";

/**
 * `open`: others dial it. `mapped`: they do, through a port of the router. `relayed`: only through
 * peers that pass data on. `closed`: not at all. `unknown`: nobody has tried yet.
 */
export type ReachState = "open" | "mapped" | "relayed" | "closed" | "unknown";

export type Reachability = {
  state: ReachState;
  /** One line. */
  text: string;
  /** Peer ids of the relays, where there are some. */
  relays: string[];
};

/** An own address, and what peers outside found who dialled it. */
export type CheckedAddress = { address: string; verdict?: "open" | "closed" };

export type ReachabilityFacts = {
  /** What the user announced: trusted. */
  announced: string[];
  /** The router's port that leads here. */
  mapped?: CheckedAddress;
  /** Addresses of own interfaces. */
  own: CheckedAddress[];
  /** Somebody with a public address has connected to us. */
  wasReachedFromOutside: boolean;
  /** Where we have a place. */
  relays: string[];
};

const CLOSED =
  "not reachable from outside this network: use --announce, --peer or the local network";
const UNKNOWN = "unknown yet: no peer outside has tried to reach this node";
/** All peer ids begin alike; their end tells them apart. */
const ID_SHOWN = 8;

/** Judges by what is known now; the answer may change as peers come. */
export function reachabilityOf(facts: ReachabilityFacts): Reachability {
  const direct = directReach(facts);
  const { relays } = facts;
  const isReached = direct.state === "open" || direct.state === "mapped";
  if (isReached || relays.length === 0) return { ...direct, relays };
  const names = relays.map((id) => `…${id.slice(-ID_SHOWN)}`).join(" and ");
  return { state: "relayed", text: `reachable through ${names}, passing data on to it`, relays };
}

/** How this node can be reached without a relay. */
export function directReach(
  facts: Omit<ReachabilityFacts, "relays">,
): Omit<Reachability, "relays"> {
  const { announced, mapped, own, wasReachedFromOutside } = facts;
  if (announced.length > 0) return reachableAt("open", announced[0]!, "announced");
  const isPublic = ({ address }: CheckedAddress) => classOf(address) === "public";
  const open = own.filter(isPublic);
  const checked = open.find(({ verdict }) => verdict === "open");
  if (checked !== undefined) return reachableAt("open", checked.address, "checked by others");
  const isMapped = mapped !== undefined && isPublic(mapped) && mapped.verdict !== "closed";
  if (isMapped) return reachableAt("mapped", mapped.address, "mapped by the router");
  const [unchecked] = open.filter(({ verdict }) => verdict === undefined);
  if (unchecked === undefined) return { state: "closed", text: closedText(open) };
  if (wasReachedFromOutside) {
    return reachableAt("open", unchecked.address, "others have connected");
  }
  return { state: "unknown", text: UNKNOWN };
}

function closedText([refused]: CheckedAddress[]): string {
  if (refused === undefined) return CLOSED;
  return `a firewall keeps others out of ${refused.address}: open it there, or use --peer`;
}

function reachableAt(state: ReachState, address: string, why: string) {
  return { state, text: `reachable at ${address} (${why})` };
}
