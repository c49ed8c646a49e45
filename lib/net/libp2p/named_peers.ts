/**
 * Addresses of peers that a DHT's servers name, put into libp2p's peer store so that they can be
 * asked in turn; the store itself would keep any number for two days.
 */
import type { Libp2p, PeerId, PeerInfo } from "@libp2p/interface";

/** A look-up in the public DHT meets some hundreds; those named longest ago go. */
const NAMED_MAX = 2_000;

export class NamedPeers {
  readonly #node: Libp2p;
  /** In the order of the last naming. */
  readonly #named = new Map<string, PeerId>();

  constructor(node: Libp2p) {
    this.#node = node;
  }

  keep(peer: PeerInfo): void {
    const peerId = peer.id.toString();
    this.#node.peerStore.merge(peer.id, { multiaddrs: peer.multiaddrs }).catch(() => {});
    this.#named.delete(peerId);
    this.#named.set(peerId, peer.id);
    if (this.#named.size <= NAMED_MAX) return;
    const [oldest, id] = this.#named.entries().next().value!;
    this.#named.delete(oldest);
    void this.#forget(id).catch(() => {});
  }

  /** Whoever was ever connected has told its protocols, and stays. */
  async #forget(id: PeerId): Promise<void> {
    const { peerStore } = this.#node;
    const peer = await peerStore.get(id);
    if (peer.protocols.length === 0) await peerStore.delete(id);
  }
}
