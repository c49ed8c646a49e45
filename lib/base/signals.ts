/** A list of listeners: told in order, each kept from the errors of the others. */
import { getLogger } from "./log.ts";

export type Unsubscribe = () => void;

export class Signal<Event> {
  readonly #listeners = new Set<(event: Event) => void>();

  subscribe(listener: (event: Event) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: Event): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        getLogger("signal").error("A listener failed: {error}", { error });
      }
    }
  }
}
