/** QR codes as modules and as drawings: dark on white, as readers want them. */
import { encode } from "uqr";

/** Modules of white around a code (ISO/IEC 18004 asks for four). */
export const QR_QUIET = 4;

/** How much of a picture may be spoiled: about 7 % or 15 %; less makes fewer modules. */
export type QrRecovery = "L" | "M";

/** The modules of a code, row by row, without the white around: true is dark. */
export function qrModules(text: string, recovery: QrRecovery): boolean[][] {
  return encode(text, { ecc: recovery, border: 0 }).data;
}

/** A code as the path of its dark modules, in a square of `size` that has the white around. */
export function qrPath(text: string, recovery: QrRecovery): { size: number; path: string } {
  const rows = qrModules(text, recovery);
  let path = "";
  for (const [y, row] of rows.entries()) {
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue;
      const start = x;
      while (row[x + 1]) x++; // One run of dark modules is one rectangle.
      path += `M${start + QR_QUIET} ${y + QR_QUIET}h${x + 1 - start}v1h-${x + 1 - start}z`;
    }
  }
  return { size: rows.length + 2 * QR_QUIET, path };
}

/** A code as an SVG file. */
export function qrSvg(text: string, recovery: QrRecovery = "M"): string {
  const { size, path } = qrPath(text, recovery);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" ` +
    `shape-rendering="crispEdges"><rect width="${size}" height="${size}" fill="#fff"/>` +
    `<path d="${path}" fill="#14211d"/></svg>`;
}
