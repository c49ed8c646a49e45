/** Reads QR codes as a camera would: draws them to pixels, which somebody else's library decodes. */
import jsQrModule from "jsqr";

// The package is CommonJS: its types name the function, its module holds it as `default`.
const jsQr = (jsQrModule as unknown as { default?: typeof jsQrModule.default }).default ??
  (jsQrModule as unknown as typeof jsQrModule.default);

/** Pixels of a module: enough for the library's search of the corners. */
const SCALE = 4;

/** The text of a square of modules (true is dark), white around included; undefined for none. */
export function readQr(rows: readonly (readonly boolean[])[]): string | undefined {
  const width = Math.max(...rows.map((row) => row.length)) * SCALE;
  const height = rows.length * SCALE;
  const pixels = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!rows[Math.floor(y / SCALE)]![Math.floor(x / SCALE)]) continue;
      pixels.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return jsQr(pixels, width, height, { inversionAttempts: "dontInvert" })?.data;
}

/** The text of a code drawn by `qrSvg`. */
export function readQrSvg(svg: string): string | undefined {
  const size = Number(/viewBox="0 0 (\d+) \1"/.exec(svg)![1]);
  const rows = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  for (const [, x, y, width] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    rows[Number(y)]!.fill(true, Number(x), Number(x) + Number(width));
  }
  return readQr(rows);
}

/** The text of a code in half blocks; `isInkDark` when they are drawn black on white. */
export function readQrBlocks(lines: readonly string[], isInkDark: boolean): string | undefined {
  // deno-lint-ignore no-control-regex
  const plain = lines.map((line) => [...line.replace(/\x1b\[[0-9;]*m/g, "")]);
  const rows = plain.flatMap((line) => [
    line.map((character) => "█▀".includes(character) === isInkDark),
    line.map((character) => "█▄".includes(character) === isInkDark),
  ]);
  return readQr(rows);
}
