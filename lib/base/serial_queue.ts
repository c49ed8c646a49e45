/** Runs tasks one after another, in the order given: the owner's queue of a piece of state. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();
  #length = 0;

  /** Tasks that have not finished, the running one included. */
  get length(): number {
    return this.#length;
  }

  /** Queues `task`; resolves or rejects as it does. A failed task does not stop the next. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    this.#length++;
    const result = this.#last.then(task, task);
    this.#last = result.then(() => this.#length--, () => this.#length--);
    return result;
  }

  /** Resolves when everything queued so far has finished. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
