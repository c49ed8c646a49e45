/**
 * Two real nodes of the dev network that know each other, and the means to fill their chain with
 * something to look at. Loopback only.
 */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { BlockMaker, NETWORK } from "../../scripts/bench/payment_chain.ts";
import { decodeAddress } from "../../lib/primitives/address.ts";
import { asBlockId } from "../../lib/primitives/ids.ts";
import { freePort, MoimNode, until } from "./moim.ts";

/** A running node, its API and its explorer. */
export class Website {
  private constructor(
    readonly node: MoimNode,
    /** http://127.0.0.1:port */
    readonly origin: string,
    readonly token: string,
    readonly p2pPort: number,
  ) {}

  /** Starts a node of the dev network in a folder of its own; `peers` are host:port. */
  static async start(dataDir: string, peers: string[] = []): Promise<Website> {
    const p2pPort = freePort();
    const args = ["start", "--network", "dev", "--port", String(p2pPort)];
    for (const peer of peers) args.push("--peer", peer);
    const node = await MoimNode.start(args, { dataDir });
    const api = JSON.parse(await Deno.readTextFile(join(dataDir, "api.json")));
    return new Website(node, `http://${api.host}:${api.port}`, api.token, p2pPort);
  }

  /** Where another node finds this one. */
  get peerAddress(): string {
    return `127.0.0.1:${this.p2pPort}`;
  }

  /** GET below /api/v1; a failure fails the test. */
  // deno-lint-ignore no-explicit-any
  async read(path: string): Promise<any> {
    return await this.#call(path, { headers: this.#headers() });
  }

  /** POST below /api/v1; gives the last line of an answer that comes in lines. */
  // deno-lint-ignore no-explicit-any
  async act(path: string, body: unknown): Promise<any> {
    const headers = { ...this.#headers(), "content-type": "application/json" };
    return await this.#call(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  /** A key of the keystore; its address. */
  async newKey(alias: string): Promise<string> {
    return (await this.act("wallet/new", { alias })).key.address;
  }

  /** Puts an empty block on `parent`; its coinbase goes to `address`. */
  async addBlock(parent: ChainPoint, address: string, timeMs: number): Promise<ChainPoint> {
    // The maker puts a block one spacing after its parent's time.
    const before = { ...parent, id: asBlockId(parent.id), timeMs: timeMs - NETWORK.spacingMs };
    const maker = new BlockMaker(before);
    const { bytes } = maker.next([], decodeAddress(address));
    const headers = { ...this.#headers(), "content-type": "application/octet-stream" };
    const body = new Uint8Array(bytes);
    const { id } = await this.#call("blocks", { method: "POST", headers, body });
    return { id, height: parent.height + 1, timeMs };
  }

  /** The block at a height of the main chain. */
  async point(height: number): Promise<ChainPoint> {
    const { id, timeMs } = await this.read(`blocks/${height}`);
    return { id, height, timeMs };
  }

  /** Waits until this node's tip is `id`. */
  async tipIs(id: string): Promise<void> {
    await until(async () => (await this.read("status")).tipId === id, { what: `tip ${id}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.kill();
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.token}` };
  }

  // deno-lint-ignore no-explicit-any
  async #call(path: string, init: RequestInit): Promise<any> {
    const response = await fetch(`${this.origin}/api/v1/${path}`, init);
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${text}`);
    const last = JSON.parse(text.trim().split("\n").at(-1)!);
    assert.ok(last.problem === undefined, `${path}: ${text}`);
    return last.result ?? last;
  }
}

/** What a block builds on. */
export type ChainPoint = { id: string; height: number; timeMs: number };
