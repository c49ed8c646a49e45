/** What an attack of a stranger is, for tests. */
import type { Libp2pTransport } from "../../lib/net/libp2p/transport.ts";
import type { Refusal } from "../../lib/net/session.ts";
import type { WirePeer } from "./wire_peer.ts";

/** One thing that a stranger does wrong, after which its session must end. */
export interface Attack {
  readonly name: string;
  /** Whether `version` is exchanged before; it is unless said otherwise. */
  readonly isGreeted?: boolean;
  readonly send: (peer: WirePeer, transport: Libp2pTransport) => void | Promise<void>;
  /** The counter that must rise by one. */
  readonly refusal: Refusal;
  /** It may happen to an honest node: it is greeted again. */
  readonly isForgiven?: boolean;
}
