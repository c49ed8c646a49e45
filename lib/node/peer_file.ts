/** Keeps the peer book on disk: changes are gathered and written together. */
import { type Cancel, type Clock } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import type { BookChange } from "../peers/peer_book.ts";
import type { PeerRecord, PeerSource } from "../peers/peer_record.ts";
import { decodeRecord, encodeRecord } from "../peers/record_codec.ts";
import type { Store } from "../store/store.ts";
import type { PeerInfo } from "./api.ts";

/** A crash forgets at most so much of what was learned of peers. */
const SAVE_AFTER_MS = 500;

export class PeerFile {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #queue = new SerialQueue();
  #changes = new Map<string, PeerRecord | undefined>();
  #cancel: Cancel | undefined;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** What was kept; a damaged record is left out, it will be learned again. */
  async load(): Promise<PeerRecord[]> {
    const kept = await this.#store.loadPeers();
    return [...kept.values()].flatMap((bytes) => decodeRecord(bytes) ?? []);
  }

  note({ peerId, record }: BookChange): void {
    this.#changes.set(peerId, record);
    this.#cancel ??= this.#clock.after(SAVE_AFTER_MS, () => void this.#save());
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.#cancel?.();
    await this.#save();
  }

  async #save(): Promise<void> {
    this.#cancel = undefined;
    const changes = this.#changes;
    this.#changes = new Map();
    if (changes.size === 0) return;
    const records = new Map(
      [...changes].map(([peerId, record]) => [peerId, record && encodeRecord(record)]),
    );
    try {
      await this.#queue.run(() => this.#store.savePeers(records));
    } catch (error) {
      getLogger("node").warn("Cannot keep the peer book: {error}", { error });
    }
  }
}

/** A peer that is not connected, as `peers` lists it. */
export function rememberedPeer(record: PeerRecord, found: PeerSource = "known"): PeerInfo {
  return {
    peerId: record.peerId,
    connected: false,
    found,
    addresses: record.addresses.map(({ address }) => address),
    ...(record.lastSuccessMs > 0 && { lastSeenMs: record.lastSuccessMs }),
    failuresInARow: record.failuresInARow,
  };
}
