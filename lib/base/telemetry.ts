/**
 * What parts of the program tell those who measure it: a meter for each thing that is measured,
 * found by its name. Without anybody who listens, telling costs two additions.
 */
import type { Unsubscribe } from "./signals.ts";

export type Observer = (value: number) => void;

export class Meter {
  #count = 0;
  #total = 0;
  #observers: readonly Observer[] = [];

  /** How often something was told since the program began. */
  get count(): number {
    return this.#count;
  }

  /** The sum of all that was told since the program began. */
  get total(): number {
    return this.#total;
  }

  /** Whether anybody listens: what takes effort to find out is found out only then. */
  get isObserved(): boolean {
    return this.#observers.length > 0;
  }

  tell(value: number): void {
    this.#count++;
    this.#total += value;
    for (const observer of this.#observers) observer(value);
  }

  /** `observer` hears of every value from now on; it must not throw. */
  observe(observer: Observer): Unsubscribe {
    this.#observers = [...this.#observers, observer];
    return () => {
      this.#observers = this.#observers.filter((other) => other !== observer);
    };
  }
}

const meters = new Map<string, Meter>();

/** The one meter of that name. Its unit belongs to the name: seconds where it is a time. */
export function meter(name: string): Meter {
  let found = meters.get(name);
  if (found === undefined) meters.set(name, found = new Meter());
  return found;
}
