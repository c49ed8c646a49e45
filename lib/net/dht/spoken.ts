/** What a peer that was dialled as a way into the DHT turns out to speak. */
import type { Connection, PeerId } from "@libp2p/interface";
import type { Clock } from "../../base/clock.ts";
import type { Host } from "../libp2p/host.ts";

const IDENTIFY_MS_MAX = 5_000;

/**
 * The DHT that the peer speaks where it speaks none of `ours`; undefined for a peer that is of use,
 * that speaks no DHT, or that has gone.
 */
export async function otherDhtOf(
  connection: Connection,
  ours: readonly string[],
  { host, clock }: { host: Host; clock: Clock },
): Promise<string | undefined> {
  const peerId = connection.remotePeer.toString();
  const protocols = await identified(peerId, host, clock);
  if (ours.some((id) => protocols.includes(id))) return undefined;
  const other = protocols.find((id) => /\/kad\/|\/kad$/.test(id));
  return host.connectionTo(peerId) === undefined ? undefined : other;
}

/** The protocols of a peer just connected, once identify has brought them (at most 5 s). */
function identified(peerId: string, host: Host, clock: Clock): Promise<string[]> {
  return new Promise((resolve) => {
    const finish = () => {
      cancel();
      host.node.removeEventListener("peer:identify", onIdentify);
      resolve(host.protocolsOf(peerId));
    };
    const onIdentify = (event: CustomEvent<{ peerId: PeerId }>) => {
      if (event.detail.peerId.toString() === peerId) finish();
    };
    const cancel = clock.after(IDENTIFY_MS_MAX, finish);
    host.node.addEventListener("peer:identify", onIdentify);
  });
}
