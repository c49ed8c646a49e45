/** Every bound of this room, with its reason. Tests hand in smaller ones. */
import { MAX_BLOCK_BYTES } from "../consensus/limits.ts";

export const SYNC_LIMITS = {
  /** Headers in one `headers` message: the wire's limit, 184 kB. A shorter answer is the last. */
  headersPerMessage: 2_000,
  /** The next headers are asked for before the last are checked, this far ahead of blocks. */
  headersAhead: 20_000,
  /**
   * Messages of a branch too weak to keep that are weighed before its sender's claim is set aside:
   * 32 bytes are kept of each, so 10 million headers cost 160 kB.
   */
  weighedMessagesMax: 5_000,
  /** A side branch may lack this many blocks' work of ours and is kept all the same. */
  sideBranchBlocks: 144,
  /** Blocks asked for ahead of the first missing one. */
  windowBlocks: 2_048,
  /** Bytes of blocks held that wait for an earlier one: keeps 2,048 large ones off the heap. */
  windowBytes: 2 * 1024 * 1024,
  /** Blocks asked of one peer at a time, and their bytes as far as those can be guessed. */
  inFlightPerPeer: 256,
  bytesInFlightPerPeer: 2 * 1024 * 1024,
  /** What a block may have: the guess before the first has come. */
  blockBytesMax: MAX_BLOCK_BYTES,
  /** A request without news for this long goes to another peer; doubles with every try. */
  blockStallMs: 2_000,
  blockStallMsMax: 64_000,
  /** Stalls in a row after which a peer is asked last, and for how long (doubling). */
  stallsInARow: 3,
  benchMs: 30_000,
  benchMsMax: 10 * 60_000,
  /** Blocks and bytes handed to the chain and not judged yet: enough for its workers and it. */
  checkingBlocks: 256,
  checkingBytes: 1024 * 1024,
  /** Smaller blocks are read as they come: the chain gives its workers none that small. */
  readAheadBytes: 1_000,
  /** Blocks not fetched again before the tip moves: refused through no fault of their sender. */
  blocksSetAside: 256,
  /** From this many missing blocks on, blocks are committed by the run and nothing is relayed. */
  bulkBlocks: 16,
  /** Without an answer to `getheaders` for this long another peer is asked beside. */
  headerStallMs: 2_000,
  /** Without an answer for this long the peer's claim of more work counts for nothing. */
  headerGiveUpMs: 10_000,
  /** Answers in a row without anything new, after which a peer is not asked on. */
  fruitlessRounds: 20,
  /** Missing blocks fetched of a branch that is not the best: the best body may be withheld. */
  sideFetchBlocks: 16,
  /** New headers told in one announcement; a longer branch is asked for. */
  announceHeaders: 8,
  /** Ids remembered a peer, so that nothing is told twice: 150 bytes each. */
  knownBlocksPerPeer: 1_024,
  knownTransactionsPerPeer: 8_192,
  /** Transactions announced to one peer and not told yet. */
  outboxTransactions: 5_000,
  relayEveryMs: 200,
  /** Own unconfirmed payments are told again. */
  repeatOwnEveryMs: 10 * 60_000,
  /** Announced transactions asked of one peer at a time; room for two of its answers is below. */
  transactionsInFlightPerPeer: 400,
  transactionStallMs: 5_000,
  /** Bytes of asked transactions judged while their senders' next messages are read. */
  transactionBytesAside: 4 * 1024 * 1024,
  /** Announced transactions remembered in all, and announcers of each. */
  announcedTransactions: 10_000,
  announcersPerTransaction: 8,
  /** Ids of refused transactions that are not asked for again before the next block. */
  refusedTransactions: 5_000,
  /** Things asked of us by one peer and not sent yet; more ends the session. */
  servedPerPeer: 2_000,
  /** Blocks read for a peer at a time, and their bytes as far as those can be guessed. */
  servedBlocksAtOnce: 128,
  servedBytesAtOnce: 1024 * 1024,
  /** Blocks kept for peers that ask right after an announcement. */
  recentBodies: 4,
  /** Up to this size a new block is sent along whole: short ids could save no round trip. */
  compactWholeBytes: 16 * 1024,
  /** Of a larger one, bytes of payments that the peer seems to lack; the coinbase comes on top. */
  compactPlacedBytes: 32 * 1024,
  /** New blocks sent to a peer as compact blocks at once; more are told by their headers. */
  compactBlocksAtOnce: 3,
  /** Compact blocks that wait for missing transactions: half a megabyte each at most. */
  rebuildsAtOnce: 8,
  /** Own payments that a block is looked for in, the oldest first: about 20 ms. */
  rebuildPoolEntries: 16_384,
  /** Without the missing transactions for this long the block is fetched whole. */
  rebuildStallMs: 1_000,
  /** Blocks asked of us while we still check them, answered when we know. */
  awaitedPerPeer: 16,
  /** A header from the future is asked for again after its time, but not later than this. */
  earlyRetryMsMax: 10 * 60_000,
  /** How often requests are looked at for stalls while any is open. */
  tickMs: 250,
  /** Progress is told at most this often. */
  progressEveryMs: 250,
} as const;

export type SyncLimits = { readonly [Name in keyof typeof SYNC_LIMITS]: number };
