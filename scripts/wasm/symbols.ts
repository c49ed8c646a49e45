/**
 * Writes straight-line AssemblyScript from formulas over 32-bit words, in two parts: what is the
 * same for every pass of a loop (`prelude`, computed once, one word at a time) and what is not
 * (`body`, perhaps in several lanes at once). Which is which follows from the operands.
 */

/** A 32-bit word: an expression, and whether it is the same in every pass. */
export interface Word {
  code: string;
  fixed: boolean;
}

/** How the body's operations are spelled. The prelude's are spelled in `SCALAR`. */
interface Dialect {
  type: string;
  add(left: string, right: string): string;
  and(left: string, right: string): string;
  or(left: string, right: string): string;
  xor(left: string, right: string): string;
  not(word: string): string;
  shiftRight(word: string, bits: number): string;
  rotateRight(word: string, bits: number): string;
  /** The bits of `yes` where `mask` has ones, those of `no` elsewhere. */
  select(mask: string, yes: string, no: string): string;
}

export const SCALAR: Dialect = {
  type: "u32",
  add: (left, right) => `(${left} + ${right})`,
  and: (left, right) => `(${left} & ${right})`,
  or: (left, right) => `(${left} | ${right})`,
  xor: (left, right) => `(${left} ^ ${right})`,
  not: (word) => `~${word}`,
  shiftRight: (word, bits) => `(${word} >>> ${bits})`,
  rotateRight: (word, bits) => `rotr<u32>(${word}, ${bits})`,
  select: (mask, yes, no) => `(${no} ^ (${mask} & (${yes} ^ ${no})))`,
};

/** Four words at a time (WebAssembly's 128-bit SIMD, which cannot rotate). */
export const FOUR_LANES: Dialect = {
  type: "v128",
  add: (left, right) => `i32x4.add(${left}, ${right})`,
  and: (left, right) => `v128.and(${left}, ${right})`,
  or: (left, right) => `v128.or(${left}, ${right})`,
  xor: (left, right) => `v128.xor(${left}, ${right})`,
  not: (word) => `v128.not(${word})`,
  shiftRight: (word, bits) => `i32x4.shr_u(${word}, ${bits})`,
  rotateRight: (word, bits) =>
    `v128.or(i32x4.shr_u(${word}, ${bits}), i32x4.shl(${word}, ${32 - bits}))`,
  select: (mask, yes, no) => `v128.bitselect(${yes}, ${no}, ${mask})`,
};

export const fixed = (code: string | number): Word => ({ code: String(code), fixed: true });
export const varying = (code: string): Word => ({ code, fixed: false });

/** Gathers the two parts; its operations take and give words. */
export class Writer {
  readonly prelude: string[] = [];
  readonly body: string[] = [];
  readonly #dialect: Dialect;
  /** Where the prelude keeps fixed words for the lanes; each is read from there when needed. */
  readonly #table: string;
  readonly #lifted = new Map<string, string>();
  #names = 0;

  constructor(dialect: Dialect, table = "") {
    this.#dialect = dialect;
    this.#table = table;
  }

  /** The sum; the fixed ones are added up once, the others to that in the order given. */
  add(...words: Word[]): Word {
    const same = words.filter(({ fixed }) => fixed);
    const other = words.filter(({ fixed }) => !fixed);
    const first = same.length > 0 ? [this.name(this.#fold(SCALAR.add, same))] : [];
    return this.#fold(this.#dialect.add, [...first, ...other]);
  }

  xor(...words: Word[]): Word {
    return words.reduce((left, right) =>
      this.#apply((spelled, [a, b]) => spelled.xor(a!, b!), left, right)
    );
  }

  and(left: Word, right: Word): Word {
    return this.#apply((spelled, [a, b]) => spelled.and(a!, b!), left, right);
  }

  or(left: Word, right: Word): Word {
    return this.#apply((spelled, [a, b]) => spelled.or(a!, b!), left, right);
  }

  not(word: Word): Word {
    return this.#apply((spelled, [a]) => spelled.not(a!), word);
  }

  shiftRight(word: Word, bits: number): Word {
    return this.#apply((spelled, [a]) => spelled.shiftRight(a!, bits), word);
  }

  rotateRight(word: Word, bits: number): Word {
    return this.#apply((spelled, [a]) => spelled.rotateRight(a!, bits), word);
  }

  select(mask: Word, yes: Word, no: Word): Word {
    return this.#apply((spelled, [a, b, c]) => spelled.select(a!, b!, c!), mask, yes, no);
  }

  /** The same word under a name: computed once, however often it is used. */
  name(word: Word): Word {
    if (/^\w+$/.test(word.code)) return word;
    const name = `t${this.#names++}`;
    const lines = word.fixed ? this.prelude : this.body;
    const type = word.fixed ? SCALAR.type : this.#dialect.type;
    lines.push(`const ${name}: ${type} = ${word.code};`);
    return { ...word, code: name };
  }

  /** A word as the body reads it. */
  read(word: Word): string {
    if (!word.fixed || this.#dialect === SCALAR) return word.code;
    let place = this.#lifted.get(word.code);
    if (place === undefined) {
      place = `${this.#table} + ${4 * this.#lifted.size}`;
      this.#lifted.set(word.code, place);
      this.prelude.push(`store<u32>(${place}, ${word.code});`);
    }
    return `v128.load_splat<u32>(${place})`;
  }

  #fold(add: Dialect["add"], words: Word[]): Word {
    return words.reduce((left, right) => {
      if (left.fixed && right.fixed) return fixed(add(left.code, right.code));
      return varying(add(this.read(left), this.read(right)));
    });
  }

  #apply(spell: (dialect: Dialect, words: string[]) => string, ...words: Word[]): Word {
    if (words.every(({ fixed }) => fixed)) {
      return fixed(spell(SCALAR, words.map(({ code }) => code)));
    }
    return varying(spell(this.#dialect, words.map((word) => this.read(word))));
  }
}
