/** The terminal: data on stdout, talk on stderr, colours only where somebody looks. */
import { styleText } from "node:util";

export type Style = "bold" | "dim" | "green" | "yellow" | "red" | "cyan";

/** Nobody reads our output any more (`moim chain --all | head`): a quiet end. */
export class OutputClosed extends Error {}

/** Where a command writes; tests hand in their own. */
export type Terminal = {
  /** A line of data. */
  out(line: string): void;
  /** A line for the user's eyes only. */
  talk(line: string): void;
  style(style: Style, text: string): string;
  /** Whether stdout is a screen, so that it may be redrawn. */
  readonly isScreen: boolean;
};

/** The process's own streams. */
export function systemTerminal(): Terminal {
  const isScreen = Deno.stdout.isTerminal();
  const hasColours = isScreen && !Deno.env.get("NO_COLOR");
  return {
    isScreen,
    out: (line) => writeAll(Deno.stdout, line + "\n"),
    talk: (line) => writeAll(Deno.stderr, line + "\n"),
    style: (style, text) => hasColours ? styleText(style, text, { validateStream: false }) : text,
  };
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
    throw error;
  }
}
