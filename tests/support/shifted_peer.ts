/** A peer over libp2p that speaks the protocol, with a clock and a network that a test chooses. */
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import { systemRandom } from "../../lib/base/random.ts";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import { networkFromPhrase } from "../../lib/consensus/network.ts";
import { Libp2pTransport } from "../../lib/net/libp2p/transport.ts";
import { PeerManager } from "../../lib/net/peer_manager.ts";
import { PeerBook } from "../../lib/peers/peer_book.ts";

export type ShiftedPeer = { address: string; stop(): Promise<void> };

/** Listens on loopback. `aheadMs`: how far its clock is before ours. */
export async function startShiftedPeer(
  { phrase, aheadMs = 0 }: { phrase: string; aheadMs?: number },
): Promise<ShiftedPeer> {
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const transport = await Libp2pTransport.start({
    identitySeed: systemRandom.bytes(32),
    port: 0,
    listenHost: "127.0.0.1",
    rendezvous: phrase,
    clock,
  });
  const genesis = genesisBlock(networkFromPhrase(phrase));
  const manager = new PeerManager({
    transport,
    book: new PeerBook({ random: systemRandom }),
    clock,
    random: systemRandom,
    gossip: false,
    local: () => ({
      genesisId: genesis.id,
      networkName: phrase,
      agent: "moim/shifted",
      tipId: genesis.id,
      tipHeight: 0,
      totalWork: 0n,
    }),
  });
  manager.start();
  return {
    address: `/ip4/127.0.0.1/tcp/${transport.port}`,
    stop: async () => {
      await manager.stop();
      await transport.stop();
    },
  };
}
