/**
 * What makes one network differ from another: its parameters. The genesis block is a function of
 * them alone, so whoever types the same phrase holds the same genesis without a message sent.
 */
import { ByteWriter, utf8 } from "../base/bytes.ts";
import { type Amount, amount, GRAINS_PER_COIN } from "../primitives/amount.ts";
import { idBytes, type Lock } from "../primitives/ids.ts";

/** Coins that exist from the start. */
export interface Allocation {
  readonly lock: Lock;
  readonly amount: Amount;
}

export interface Network {
  /** The rendezvous phrase, unless a network file says otherwise. */
  readonly name: string;
  /** Time of the genesis block, milliseconds since 1970. */
  readonly timeMs: number;
  /** T, the wanted time between blocks. */
  readonly spacingMs: number;
  /** A block's time is at least this much after its parent's. */
  readonly minGapMs: number;
  /** New coins of a block before the first halving. */
  readonly reward: Amount;
  /** Blocks between halvings; 0 = never. */
  readonly halvingInterval: number;
  /** A coinbase's outputs are spendable this many blocks later. */
  readonly coinbaseMaturity: number;
  /** The easiest target, compact. */
  readonly limitBits: number;
  readonly allocations: readonly Allocation[];
  /** Stands in the genesis block; at most 255 bytes. */
  readonly message: string;
}

/** Parameters that make no network. `field` names the one at fault, as the file spells it. */
export class NetworkError extends Error {
  constructor(readonly field: string, message: string) {
    super(message);
    this.name = "NetworkError";
  }
}

export const MAX_NAME_BYTES = 200;
export const MAX_MESSAGE_BYTES = 255;
const PARAMETERS_TAG = utf8("moim/network/1");

/** What a network has that does not say otherwise. Changing one changes every genesis id. */
export const DEFAULTS = {
  timeMs: 1_767_225_600_000, // 2026-01-01T00:00:00Z
  spacingMs: 15_000,
  minGapMs: 1_500,
  reward: amount(20 * GRAINS_PER_COIN),
  halvingInterval: 0,
  coinbaseMaturity: 1,
  limitBits: 0x1e40_0000, // 2^18 hashes a block.
  allocations: [],
  message: "",
} as const satisfies Omit<Network, "name">;

/** For trying things out: a block takes 2^8 hashes and may follow its parent at once. */
export const DEV_NETWORK: Network = {
  ...DEFAULTS,
  name: "dev",
  minGapMs: 0,
  limitBits: 0x2001_0000,
};

/** The network of everyone who types this phrase. Throws `NetworkError` for an unusable phrase. */
export function networkFromPhrase(phrase: string): Network {
  return { ...DEFAULTS, name: normalizeName(phrase) };
}

/** NFC and trimmed, case kept: the same phrase typed on two systems gives the same bytes. */
export function normalizeName(phrase: string): string {
  const name = phrase.normalize("NFC").trim();
  if (!name.isWellFormed()) {
    throw new NetworkError("name", "Cannot use name: it has half a character in it, type it again");
  }
  const bytes = utf8(name).length;
  if (bytes === 0) throw new NetworkError("name", "Cannot use name: it is empty, choose a phrase");
  if (bytes > MAX_NAME_BYTES) {
    throw new NetworkError(
      "name",
      `Cannot use name: it takes ${bytes} bytes, choose one of at most ${MAX_NAME_BYTES}`,
    );
  }
  return name;
}

/**
 * The canonical form: `"moim/network/1"`, then each field in the order of `Network`: integers as
 * varints, strings as length ‖ UTF-8, allocations as count, then lock and amount as given.
 */
export function encodeNetwork(network: Network): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().bytes(PARAMETERS_TAG);
  writeText(writer, network.name);
  writer
    .varint(network.timeMs)
    .varint(network.spacingMs)
    .varint(network.minGapMs)
    .varint(network.reward)
    .varint(network.halvingInterval)
    .varint(network.coinbaseMaturity)
    .varint(network.limitBits)
    .varint(network.allocations.length);
  for (const allocation of network.allocations) {
    writer.bytes(idBytes(allocation.lock)).varint(allocation.amount);
  }
  writeText(writer, network.message);
  return writer.finish();
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = utf8(text);
  writer.varint(bytes.length).bytes(bytes);
}
