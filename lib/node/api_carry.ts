/** Answers of the calls by which blocks and payments are carried by file. */

/** What became of one block of many that were handed in. */
export type BlockIntake =
  | {
    kind: "connected" | "reorganized" | "side-branch" | "known";
    id: string;
    height: number;
  }
  /** Kept for a while; connects by itself once block `missing` is here. */
  | { kind: "orphan"; id: string; missing: string }
  /** It breaks `rule`; `id` where a header could be read. */
  | { kind: "refused"; id?: string; rule: string; detail: string };

/** What `export` has written. */
export type ExportReport = {
  network: string;
  genesisId: string;
  blocks: number;
  /** Heights of the first and the last block; absent where payments were written. */
  from?: number;
  to?: number;
  /** Ids of the payments, those first that others spend coins of. */
  payments: string[];
  bytes: number;
  elapsedMs: number;
};

/** How many were in a file, and what became of them. */
export type ImportCounts = { read: number; new: number; known: number; refused: number };

/** What `import` has done; what was good before a problem is kept. */
export type ImportReport = {
  network: string;
  genesisId: string;
  blocks: ImportCounts;
  payments: ImportCounts;
  /** Height of the chain afterwards. */
  height: number;
  elapsedMs: number;
  /** Why reading ended before the file did: damaged (7) or refused (5), with the next step. */
  problem?: { kind: "damaged" | "refused"; rule?: string; text: string };
};
