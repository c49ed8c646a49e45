/** The network side of a node while it comes up: the chain and the API are there before it. */
import { EXIT, UserError } from "../base/errors.ts";
import type { Online } from "./online.ts";

export class Network {
  readonly #open: () => Promise<Online>;
  #starting: Promise<Online> | undefined;
  #online: Online | undefined;
  #isClosing = false;

  /** `open` loads and starts everything; it is called once, by the first `start`. */
  constructor(open: () => Promise<Online>) {
    this.#open = open;
  }

  /** What is up; undefined while it is not. */
  get online(): Online | undefined {
    return this.#online;
  }

  /**
   * Waits until the network is up, and begins with it if nobody has. Throws `UserError`: what its
   * start threw (such as a busy port), or interrupted when the node closes first.
   */
  start(): Promise<Online> {
    return this.#starting ??= this.#begin();
  }

  /** Ends it, in whatever state it is. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#online !== undefined) return await this.#online.stop();
    await this.#starting?.catch(() => {}); // Told to whoever waits for it.
  }

  async #begin(): Promise<Online> {
    if (this.#isClosing) throw closed();
    const online = await this.#open();
    if (this.#isClosing) {
      await online.stop();
      throw closed();
    }
    return this.#online = online;
  }
}

function closed(): UserError {
  return new UserError(EXIT.interrupted, "The node was stopped before its network was up");
}
