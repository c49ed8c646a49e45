/** So many at once, then one each `everyMs`. Pure: time is handed in. */
export class RefillingBudget {
  readonly #max: number;
  readonly #everyMs: number;
  #left: number;
  #countedMs: number | undefined;

  constructor(options: { readonly max: number; readonly everyMs: number }) {
    this.#max = options.max;
    this.#everyMs = options.everyMs;
    this.#left = options.max;
  }

  has(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#left >= 1;
  }

  take(nowMs: number): void {
    this.#refill(nowMs);
    this.#left = Math.max(0, this.#left - 1);
  }

  /** When the next one may be taken: now, or later. */
  nextMs(nowMs: number): number {
    this.#refill(nowMs);
    return this.#left >= 1 ? nowMs : nowMs + (1 - this.#left) * this.#everyMs;
  }

  #refill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - (this.#countedMs ?? nowMs));
    this.#countedMs = nowMs;
    this.#left = Math.min(this.#max, this.#left + passedMs / this.#everyMs);
  }
}
