/** What `sync` and the facade see of the network: sessions with peers of our own genesis. */
import type { Unsubscribe } from "../base/signals.ts";
import type { Fault } from "../consensus/rules.ts";
import type { GoodbyeCode } from "../wire/goodbye.ts";
import type { Message } from "../wire/messages.ts";
import type { VersionBody } from "../wire/version.ts";
import type { PeerSource } from "./transport.ts";

/** A peer that has exchanged `version` with us. `Session` is the real one. */
export type PeerSession = {
  readonly peerId: string;
  readonly direction: "outbound" | "inbound";
  /** How this node first learned of the peer. */
  readonly found: PeerSource;
  /** Multiaddr in use, without `/p2p/…`. */
  readonly address: string;
  /** Whether it goes through another peer. */
  readonly isRelayed: boolean;
  /** The peer's `version`: its tip and work as they were at the start of the session. */
  readonly remote: VersionBody;
  readonly connectedAtMs: number;
  /** Round trip of the handshake in milliseconds. */
  readonly latencyMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** False once the session has ended; `send` then does nothing. */
  readonly isOpen: boolean;
  /** Queues a message; false when the session is over or has just been dropped as a slow reader. */
  send(message: Message): boolean;
  /**
   * For long answers (blocks): sends each message as soon as little is queued. False when the session
   * has ended, or was dropped because the peer read nothing for 20 s.
   */
  sendPaced(...messages: Message[]): Promise<boolean>;
  /**
   * Tells of a fault in what the peer sent: `invalid` ends the session and discourages the peer.
   */
  punish(fault: Fault, why: string): void;
  /** Tells that the peer gave us something new and right: such peers are evicted last. */
  creditUseful(): void;
  /** Ends the session politely. */
  close(code: GoodbyeCode, text: string): void;
};

/** Everything that `sync` needs of `PeerManager`. */
export type SessionHub = {
  /** Open sessions, oldest first; never one to a peer of another network. */
  sessions(): readonly PeerSession[];
  onSession(listener: (session: PeerSession) => void): Unsubscribe;
  onSessionEnd(listener: (session: PeerSession) => void): Unsubscribe;
  /**
   * Messages other than version, getaddr, addr and goodbye. They are handed over one at a time and
   * in order for each session: the next is not read before the promise settles, so a handler must
   * not wait for another message of the same session. A handler that throws ends the session.
   */
  onMessage(
    listener: (session: PeerSession, message: SyncMessage) => void | Promise<void>,
  ): Unsubscribe;
};

/** What a session does not answer itself. */
export type SyncMessage = Exclude<
  Message,
  {
    readonly type:
      | "version"
      | "share"
      | "confirm"
      | "getnetwork"
      | "network"
      | "getaddr"
      | "addr"
      | "goodbye";
  }
>;
