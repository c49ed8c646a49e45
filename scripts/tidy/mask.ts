/** After one of these characters a slash begins a regular expression; after others it divides. */
const BEFORE_REGEX = new Set("(,=:[!&|?{};+-*%<>~^");
const WORD_BEFORE_REGEX = /\b(?:return|typeof|case|in|of|delete|void|throw|await|yield)\s*$/;

/**
 * Blanks comments and the insides of strings, templates and regular expressions, so that what is
 * left can be searched for code. Positions and line breaks stay, quotes too; so does the code in a
 * template's `${}`.
 */
export function maskText(text: string): string {
  const masker = new Masker(text);
  masker.code(undefined);
  return masker.out.join("");
}

class Masker {
  readonly out: string[];
  #at = 0;

  constructor(readonly text: string) {
    this.out = [...text.split("")];
  }

  /** Walks over code up to the end, or past the brace that closes a template's expression. */
  code(end: "}" | undefined): void {
    let depth = 0;
    while (this.#at < this.text.length) {
      const char = this.text[this.#at]!;
      if (end !== undefined && char === "}" && depth === 0) {
        this.#at++;
        return;
      }
      if (char === "{") depth++;
      if (char === "}") depth--;
      if (!this.#skipText(char)) this.#at++;
    }
  }

  /** Walks over a comment, string, template or regular expression, if one begins here. */
  #skipText(char: string): boolean {
    const pair = char + (this.text[this.#at + 1] ?? "");
    if (pair === "//") this.#blankUntil(this.#indexOf("\n"));
    else if (pair === "/*") this.#blankUntil(this.#indexOf("*/") + 2);
    else if (char === '"' || char === "'") this.#string(char);
    else if (char === "`") this.#template();
    else if (char === "/" && this.#regexMayBegin()) this.#regex();
    else return false;
    return true;
  }

  #string(quote: string): void {
    this.#at++;
    while (this.#at < this.text.length) {
      const char = this.text[this.#at]!;
      if (char === quote || char === "\n") break; // No string goes over a line's end.
      this.#blank(char === "\\" ? 2 : 1);
    }
    this.#at++;
  }

  #template(): void {
    this.#at++;
    while (this.#at < this.text.length && this.text[this.#at] !== "`") {
      if (this.text.startsWith("${", this.#at)) {
        this.#at += 2;
        this.code("}");
      } else {
        this.#blank(this.text[this.#at] === "\\" ? 2 : 1);
      }
    }
    this.#at++;
  }

  #regex(): void {
    let inClass = false;
    this.#at++;
    while (this.#at < this.text.length) {
      const char = this.text[this.#at]!;
      if ((char === "/" && !inClass) || char === "\n") break;
      if (char === "[") inClass = true;
      if (char === "]") inClass = false;
      this.#blank(char === "\\" ? 2 : 1);
    }
    this.#at++;
  }

  #regexMayBegin(): boolean {
    // What stands before is read as masked, so that a comment there counts as space.
    const before = this.out.slice(Math.max(0, this.#at - 200), this.#at).join("").trimEnd();
    return before === "" || BEFORE_REGEX.has(before.at(-1)!) || WORD_BEFORE_REGEX.test(before);
  }

  #indexOf(mark: string): number {
    const found = this.text.indexOf(mark, this.#at);
    return found === -1 ? this.text.length : found;
  }

  #blankUntil(end: number): void {
    this.#blank(Math.min(end, this.text.length) - this.#at);
  }

  #blank(count: number): void {
    for (const end = this.#at + count; this.#at < end; this.#at++) {
      if (this.text[this.#at] !== "\n") this.out[this.#at] = " ";
    }
  }
}
