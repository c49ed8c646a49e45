/** QR codes on a terminal: two rows of modules in one line of half blocks. */
import { QR_QUIET, qrModules } from "../base/qr.ts";

/** Black on white whatever the terminal's theme: the fixed cube of 256 colours has both. */
const BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m";
const RESET = "\x1b[0m";

export type QrOptions = {
  /** Whether colours may be set; else the code is drawn in light blocks, for a dark screen. */
  hasColours: boolean;
  /** Characters that fit in a line. */
  columns: number;
};

/** The lines that show `text`, or undefined when the code is wider than the screen. */
export function qrLines(text: string, { hasColours, columns }: QrOptions): string[] | undefined {
  const rows = qrModules(text, "L");
  const size = rows.length + 2 * QR_QUIET;
  if (size > columns) return undefined;
  const isDark = (x: number, y: number) => rows[y - QR_QUIET]?.[x - QR_QUIET] ?? false;
  const lines: string[] = [];
  for (let y = 0; y < size; y += 2) {
    let line = "";
    for (let x = 0; x < size; x++) {
      // Below the last of an odd number of rows there is white as well.
      line += halfBlock(isDark(x, y) === hasColours, isDark(x, y + 1) === hasColours);
    }
    lines.push(hasColours ? BLACK_ON_WHITE + line + RESET : line);
  }
  return lines;
}

/** A character whose halves have the colour of writing where they are inked. */
function halfBlock(isUpperInked: boolean, isLowerInked: boolean): string {
  if (isUpperInked) return isLowerInked ? "█" : "▀";
  return isLowerInked ? "▄" : " ";
}
