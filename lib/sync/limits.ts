/** Every bound of this room, with its reason. Tests hand in smaller ones. */

export const SYNC_LIMITS = {
  /** Headers in one `headers` message: the wire's limit, 184 kB. A shorter answer is the last. */
  headersPerMessage: 2_000,
  /**
   * Messages of a branch too weak to keep that are weighed before its sender's claim is set aside:
   * 32 bytes are kept of each, so 10 million headers cost 160 kB.
   */
  weighedMessagesMax: 5_000,
  /** A side branch may lack this many blocks' work of ours and is kept all the same. */
  sideBranchBlocks: 144,
  /** Blocks asked for ahead of the first missing one. */
  windowBlocks: 512,
  /** Bytes of blocks held that wait for an earlier one: keeps 512 large blocks off the heap. */
  windowBytes: 16 * 1024 * 1024,
  /** Blocks asked of one peer at a time: 8 MB at the most. */
  inFlightPerPeer: 16,
  /** A request without news for this long goes to another peer; doubles with every try. */
  blockStallMs: 2_000,
  blockStallMsMax: 64_000,
  /** Stalls in a row after which a peer is asked last, and for how long (doubling). */
  stallsInARow: 3,
  benchMs: 30_000,
  benchMsMax: 10 * 60_000,
  /** Blocks and bytes handed to the chain at once while far behind. */
  runBlocks: 64,
  runBytes: 4 * 1024 * 1024,
  /** Runs the chain works on at a time: one is checked while the other is written. */
  runsAtOnce: 2,
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
  /** Announced transactions asked of one peer at a time; each at most 100 kB. */
  transactionsInFlightPerPeer: 100,
  transactionStallMs: 5_000,
  /** Announced transactions remembered in all, and announcers of each. */
  announcedTransactions: 10_000,
  announcersPerTransaction: 8,
  /** Ids of refused transactions that are not asked for again before the next block. */
  refusedTransactions: 5_000,
  /** Things asked of us by one peer and not sent yet; more ends the session. */
  servedPerPeer: 2_000,
  /** Bodies kept for peers that ask right after an announcement. */
  recentBodies: 4,
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
