/** Hands the messages of sessions to whoever listens: to one after the other. */
import type { Unsubscribe } from "../base/signals.ts";
import type { SyncMessage } from "./hub.ts";
import type { Session } from "./session.ts";

export type MessageListener = (session: Session, message: SyncMessage) => void | Promise<void>;

export class MessageListeners {
  readonly #listeners = new Set<MessageListener>();

  add(listener: MessageListener): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** At once as long as no listener makes the next one wait. */
  hand(session: Session, message: SyncMessage): void | Promise<void> {
    let waits: Promise<void> | undefined;
    for (const listener of this.#listeners) {
      const handled = waits === undefined
        ? listener(session, message)
        : waits.then(() => listener(session, message));
      waits = handled ?? undefined;
    }
    return waits;
  }
}
