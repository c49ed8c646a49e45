/**
 * Sockets for multicast DNS. One receives; each interface has one to send by, since the system sends
 * by the default route alone, and not at all on a network without a router.
 */
import { createSocket, type Socket } from "node:dgram";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";

/** RFC 6762 section 3. */
const GROUP = "224.0.0.251";
const PORT = 5353;
/** RFC 6762 section 11: whoever checks it wants to see that a packet passed no router. */
const HOPS = 255;
const LOOPBACK = "127.0.0.1";
/** Containers and virtual machines may have given the machine many interfaces. */
const INTERFACES_MAX = 8;

const log = getLogger("net", "lan");

export type MulticastOptions = {
  /** IPv4 addresses of the interfaces to speak on; loopback when there are none. */
  readonly ips: readonly string[];
  readonly onMessage: (bytes: Uint8Array) => void;
  readonly onReady: () => void;
  /** Nothing can be received. Told at most once. */
  readonly onError: (error: Error) => void;
};

export class Multicast {
  readonly #options: MulticastOptions;
  readonly #receiver: Socket;
  readonly #senders: Socket[] = [];
  /** Sockets that the system has not bound yet. */
  #opening: number;
  #isClosed = false;

  /** Opens the sockets of the interfaces that there are now; another network needs another one. */
  constructor(options: MulticastOptions) {
    this.#options = options;
    const ips = options.ips.length === 0 ? [LOOPBACK] : options.ips.slice(0, INTERFACES_MAX);
    this.#opening = 1 + ips.length;
    this.#receiver = createSocket({ type: "udp4", reuseAddr: true });
    this.#receiver.once("error", (error) => this.#fail(error));
    this.#receiver.on("message", (message) => {
      if (!this.#isClosed) options.onMessage(message);
    });
    // Bound to the group, so that what other programs are sent on this port is left to them;
    // Windows binds to own addresses only.
    const bindIp = Deno.build.os === "windows" ? "0.0.0.0" : GROUP;
    this.#receiver.bind(PORT, bindIp, () => this.#join([...new Set([...ips, LOOPBACK])]));
    for (const ip of ips) this.#openSender(ip);
  }

  /** To everybody on each network. What cannot be sent is not: the next query follows soon. */
  send(bytes: Uint8Array): void {
    for (const sender of this.#senders) {
      sender.send(bytes, PORT, GROUP, (error) => {
        if (error) log.debug("Cannot send by multicast: {reason}", { reason: messageOf(error) });
      });
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const socket of [this.#receiver, ...this.#senders]) closeQuietly(socket);
    this.#senders.length = 0;
  }

  #join(ips: readonly string[]): void {
    if (this.#isClosed) return;
    for (const ip of ips) {
      try {
        this.#receiver.addMembership(GROUP, ip);
      } catch (error) {
        log.debug("No multicast at {ip}: {reason}", { ip, reason: messageOf(error) });
      }
    }
    this.#onOpened();
  }

  #onOpened(): void {
    if (--this.#opening === 0 && !this.#isClosed) this.#options.onReady();
  }

  /**
   * Its own port is any: on 5353 it would take away what is sent to other programs of this machine.
   */
  #openSender(ip: string): void {
    const sender = createSocket({ type: "udp4" });
    sender.once("error", (error) => {
      log.debug("Cannot send from {ip}: {reason}", { ip, reason: messageOf(error) });
      closeQuietly(sender);
      this.#onOpened();
    });
    sender.bind(0, ip, () => {
      if (this.#isClosed) return closeQuietly(sender);
      sender.removeAllListeners("error");
      sender.on(
        "error",
        (error) => log.debug("Sending failed: {reason}", { reason: error.message }),
      );
      try {
        sender.setMulticastInterface(ip);
        sender.setMulticastTTL(HOPS);
        sender.setMulticastLoopback(true);
        this.#senders.push(sender);
      } catch (error) {
        log.debug("Cannot send from {ip}: {reason}", { ip, reason: messageOf(error) });
        closeQuietly(sender);
      }
      this.#onOpened();
    });
  }

  #fail(error: Error): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.onError(error);
  }
}

function closeQuietly(socket: Socket): void {
  socket.removeAllListeners();
  socket.on("error", () => {});
  try {
    socket.close();
  } catch {
    return; // It was never opened.
  }
}
