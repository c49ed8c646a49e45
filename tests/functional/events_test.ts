/** A client of a real node's events that dies again and again while the chain reorganises. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { type Random, randomBelow, seededRandom } from "../../lib/base/random.ts";
import { DEV_NETWORK } from "../../lib/consensus/network.ts";
import type { Block } from "../../lib/primitives/block.ts";
import { BlockTree } from "../support/chain_builder.ts";
import { moimJson, MoimNode, withTempDir } from "../support/moim.ts";

const ROUNDS = 20;
const KILLS = 100;
const SEED = Number(Deno.env.get("MOIM_SIM_SEED") ?? 7);
/** Some events, so that many a client dies within one. */
const LIFE_BYTES_MAX = 1_500;
const LIFE_MS_MAX = 40;

type Step = { number: number; kind: string; id: string; height: number };

/** What the chain must do with each block, by its rules alone: all blocks here weigh the same. */
class Expected {
  readonly steps: Step[] = [];
  readonly #blocks = new Map<string, Block>();
  #tip: Block;
  reorganizations = 0;

  constructor(genesis: Block) {
    this.#tip = genesis;
    this.#blocks.set(genesis.id, genesis);
    this.#add("connected", genesis);
  }

  accept(block: Block): void {
    this.#blocks.set(block.id, block);
    const isHigher = block.header.height > this.#tip.header.height;
    const winsTie = block.header.height === this.#tip.header.height && block.id < this.#tip.id;
    if (!isHigher && !winsTie) return;
    const up: Block[] = [];
    let [left, right] = [this.#tip, block];
    if (right.header.previous !== left.id) this.reorganizations++;
    while (left.id !== right.id) {
      if (left.header.height >= right.header.height) {
        this.#add("disconnected", left);
        left = this.#blocks.get(left.header.previous)!;
      } else {
        up.push(right);
        right = this.#blocks.get(right.header.previous)!;
      }
    }
    for (const each of up.reverse()) this.#add("connected", each);
    this.#tip = block;
  }

  #add(kind: string, { id, header: { height } }: Block): void {
    this.steps.push({ number: this.steps.length, kind, id, height });
  }
}

/** Branches that each overtake the one before, by one block, from up to three below its end. */
function rivalBranches(random: Random): { blocks: Block[]; genesis: Block } {
  const tree = new BlockTree(DEV_NETWORK);
  const path = ["genesis"];
  const blocks: Block[] = [];
  const extend = (name: string) => {
    blocks.push(tree.add(name, path.at(-1)!));
    path.push(name);
  };
  for (let height = 1; height <= 3; height++) extend(`start${height}`);
  for (let round = 0; round < ROUNDS; round++) {
    const depth = 1 + randomBelow(random, 3);
    path.splice(-depth);
    for (let made = 0; made <= depth; made++) extend(`r${round}-${made}`);
  }
  return { blocks, genesis: tree.block("genesis") };
}

/** The block at a height, once all steps are made. */
function blockAt(steps: readonly Step[], height: number): string {
  return steps.findLast((step) => step.height === height && step.kind === "connected")!.id;
}

/** A client that keeps what it was told, whole events only, over all of its lives. */
class Client {
  readonly steps: Step[] = [];
  lives = 0;
  #lastId: string | undefined;

  constructor(readonly url: string) {}

  /** Follows until it has read `bytes` bytes, or for `ms`, or until `isDone`. */
  async live({ bytes, ms, isDone }: { bytes: number; ms?: number; isDone?: () => boolean }) {
    const end = new AbortController();
    const timer = ms === undefined ? undefined : setTimeout(() => end.abort(), ms);
    try {
      const headers: HeadersInit = this.#lastId === undefined
        ? {}
        : { "last-event-id": this.#lastId };
      const response = await fetch(this.url, { headers, signal: end.signal });
      assert.equal(response.status, 200);
      let rest = "";
      let left = bytes;
      const decoder = new TextDecoder();
      for await (const chunk of response.body!) {
        // Dying in the middle of a piece, it never saw what follows.
        const seen = chunk.subarray(0, left);
        left -= seen.length;
        const events = (rest + decoder.decode(seen, { stream: true })).split("\n\n");
        rest = events.pop()!;
        for (const event of events) this.#take(event);
        if (left === 0 || isDone?.()) break;
      }
    } catch (error) {
      if (!end.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
      end.abort();
      this.lives++;
    }
  }

  /** As browsers do: the id counts when its event is whole. */
  #take(event: string): void {
    const fields = new Map(
      event.split("\n").map((line) => {
        const [name, ...value] = line.split(": ");
        return [name, value.join(": ")];
      }),
    );
    if (fields.has("id")) this.#lastId = fields.get("id");
    if (!fields.has("data") || !fields.has("id")) return;
    const step = JSON.parse(fields.get("data")!);
    assert.deepEqual([String(step.number), step.kind], [fields.get("id"), fields.get("event")]);
    this.steps.push(step);
  }
}

Deno.test(
  `a client killed ${KILLS} times through ${ROUNDS} reorganisations has all of it (SEED=${SEED})`,
  () =>
    withTempDir(async (dataDir) => {
      const random = seededRandom(SEED);
      const { blocks, genesis } = rivalBranches(random);
      const expected = new Expected(genesis);
      await using node = await MoimNode.start(["start", "--network", "dev", "--port", "0"], {
        dataDir,
      });
      const { host, port, token } = JSON.parse(
        await Deno.readTextFile(join(dataDir, "api.json")),
      );
      const api = `http://${host}:${port}/api/v1`;
      const client = new Client(`${api}/events?since=0`);
      const lives = (async () => {
        while (client.lives < KILLS) {
          await client.live({
            bytes: randomBelow(random, LIFE_BYTES_MAX),
            ms: randomBelow(random, LIFE_MS_MAX),
          });
        }
      })();
      for (const [at, block] of blocks.entries()) {
        expected.accept(block);
        const response = await fetch(`${api}/blocks`, {
          method: "POST",
          headers: {
            "authorization": `Bearer ${token}`,
            "content-type": "application/octet-stream",
          },
          body: Uint8Array.from(block.bytes),
        });
        assert.equal(response.status, 200, await response.text());
        // The kills are spread over the whole run.
        while (client.lives < KILLS * (at + 1) / blocks.length - 2) {
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }
      await lives;
      const isDone = () => client.steps.length >= expected.steps.length;
      if (!isDone()) await client.live({ bytes: Infinity, isDone });
      assert.equal(expected.reorganizations, ROUNDS);
      assert.deepEqual(client.steps, expected.steps);
      const page = await node.get("events?format=json&since=0&limit=500");
      assert.deepEqual(page.events, expected.steps);
      assert.deepEqual([page.oldest, page.next], [0, expected.steps.length]);

      assert.match(node.output, new RegExp(`^explorer {4}http://${host}:${port}/ `, "m"));
      const { url } = await moimJson(["open", "1"], { dataDir });
      assert.equal(url, `http://${host}:${port}/block/${blockAt(client.steps, 1)}#token=${token}`);
      assert.equal(await node.interrupt(), 0);
    }),
);
