/** Whether others can reach this node from outside its own network, in words for the user. */
import { classOf } from "./addresses.ts";

export type Reachability = {
  state: "reachable" | "unreachable" | "unknown";
  /** One line. */
  text: string;
};

export type ReachabilityFacts = {
  /** What the user announced: trusted. */
  announced: string[];
  /** Own addresses, and those that others see us at. */
  known: {
    address: string;
    /** Others have dialled it (autonat). */
    isVerified: boolean;
    /** Others have tried and failed (autonat). */
    wasRefused: boolean;
  }[];
  /** Somebody with a public address has connected to us. */
  wasReachedFromOutside: boolean;
};

const UNREACHABLE: Reachability = {
  state: "unreachable",
  text: "not reachable from outside this network: use --announce, --peer or the local network",
};

/** Judges by what is known now; the answer may change as peers come. */
export function reachabilityOf(facts: ReachabilityFacts): Reachability {
  if (facts.announced.length > 0) return reachableAt(facts.announced[0]!, "announced");
  const open = facts.known.filter(({ address }) => classOf(address) === "public");
  const verified = open.find((known) => known.isVerified);
  if (verified !== undefined) return reachableAt(verified.address, "checked by others");
  const candidates = open.filter((known) => !known.wasRefused);
  if (candidates.length === 0) return UNREACHABLE;
  if (facts.wasReachedFromOutside) {
    return reachableAt(candidates[0]!.address, "others have connected");
  }
  return { state: "unknown", text: "unknown yet: no peer outside has tried to reach this node" };
}

function reachableAt(address: string, why: string): Reachability {
  return { state: "reachable", text: `reachable at ${address} (${why})` };
}
