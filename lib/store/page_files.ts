/** The pages of one map in the key-value store: named, sealed, and read as few times as possible. */
import { ByteReader, ByteWriter, CodecError } from "../base/bytes.ts";
import { partMutations, readParts } from "./chunks.ts";
import { keys } from "./keys.ts";
import type { KvMutation, KvStore } from "./kv.ts";
import { recordBytes, type RecordShape } from "./packed_records.ts";
import { PageDirectory } from "./page_directory.ts";
import { DamagedRecord, opened, sealed } from "./records.ts";

/** One map: its name in the schema and what its records are like. */
export interface PagesKind extends RecordShape {
  readonly name: string;
}

export class PageFiles {
  readonly kind: PagesKind;
  readonly #kv: KvStore;

  constructor(kv: KvStore, kind: PagesKind) {
    this.#kv = kv;
    this.kind = kind;
  }

  /** The directory that the root tells, or undefined when there is no root. Throws `DamagedRecord`. */
  async readDirectory(): Promise<PageDirectory | undefined> {
    const { name, keyBytes } = this.kind;
    const record = `page-root ${name}`;
    const root = await readParts(this.#kv, record, (part) => keys.pageRoot(name, part));
    if (root === undefined) return undefined;
    try {
      const pages = decodeRoot(root);
      const sections = await this.#read(pages);
      const described = sections.map((bytes, at) => ({ page: pages[at]!, bytes }));
      return PageDirectory.decode(keyBytes, described);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      throw new DamagedRecord(record, { cause: error });
    }
  }

  /** The records of these leaves of `directory`. Throws `DamagedRecord`. */
  async readLeaves(directory: PageDirectory, leaves: readonly number[]): Promise<Uint8Array[]> {
    const stride = recordBytes(this.kind);
    const found = await this.#read(leaves.map((leaf) => directory.pages[leaf]!));
    for (const [at, records] of found.entries()) {
      const leaf = leaves[at]!;
      if (records.length !== directory.counts[leaf]! * stride) {
        throw new DamagedRecord(this.#record(directory.pages[leaf]!));
      }
    }
    return found;
  }

  pageMutation(page: number, bytes: Uint8Array): KvMutation & { readonly value: Uint8Array } {
    return { set: keys.page(this.kind.name, page), value: sealed(bytes) };
  }

  rootMutations({ sections }: PageDirectory): KvMutation[] {
    const writer = new ByteWriter(8 + 3 * sections.length).varint(sections.length);
    for (const { page } of sections) writer.varint(page);
    return partMutations(writer.finish(), (part) => keys.pageRoot(this.kind.name, part));
  }

  async #read(pages: readonly number[]): Promise<Uint8Array[]> {
    const values = await this.#kv.getMany(pages.map((page) => keys.page(this.kind.name, page)));
    return values.map((value, at) => opened(value, this.#record(pages[at]!)));
  }

  #record(page: number): string {
    return `page ${this.kind.name} ${page}`;
  }
}

function decodeRoot(root: Uint8Array): number[] {
  const reader = new ByteReader(root);
  const pages: number[] = [];
  for (let left = reader.varint(); left > 0; left--) pages.push(reader.varint());
  reader.end();
  return pages;
}
