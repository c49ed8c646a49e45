/**
 * Which inbound session makes room when all slots are taken. An attacker can open many sessions at
 * once, from few subnets; he cannot have been here long, cannot be near to everyone, and does not
 * send useful blocks first. Those are protected; the youngest of the most crowded subnet goes.
 * (After Bitcoin Core's reasoning in `SelectNodeToEvict`; the numbers are for 32 slots.)
 */
import { publicSubnet } from "./address_class.ts";
import { whatMakesRoom } from "./fair_share.ts";

const PROTECT_OLDEST = 8;
const PROTECT_NEAREST = 4;
const PROTECT_USEFUL = 4;
const PROTECT_SCORED = 4;

export interface InboundView {
  readonly peerId: string;
  readonly address: string;
  readonly connectedAtMs: number;
  readonly latencyMs: number;
  /** When it last gave us something new and right; 0 for never. */
  readonly lastUsefulMs: number;
  readonly score: number;
}

/** The session to close for a newcomer; undefined when all are worth more than a stranger. */
export function chooseEviction<View extends InboundView>(
  sessions: readonly View[],
): View | undefined {
  let rest = [...sessions];
  const protect = (count: number, order: (a: View, b: View) => number) => {
    rest = rest.sort(order).slice(count);
  };
  protect(PROTECT_SCORED, (a, b) => b.score - a.score);
  protect(PROTECT_USEFUL, (a, b) => b.lastUsefulMs - a.lastUsefulMs);
  protect(PROTECT_NEAREST, (a, b) => a.latencyMs - b.latencyMs);
  protect(PROTECT_OLDEST, (a, b) => a.connectedAtMs - b.connectedAtMs);
  return whatMakesRoom(rest.map((view) => ({
    thing: view,
    // Addresses that are not public never count as a crowd: a class shares its range.
    origin: publicSubnet(view.address) ?? view.peerId,
    sinceMs: view.connectedAtMs,
  })));
}
