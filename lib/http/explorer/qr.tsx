/** QR codes as vector drawings: dark on white in both themes, as readers want them. */
import { encode } from "uqr";

/** Modules of white around the code (ISO/IEC 18004 asks for four). */
const QUIET = 4;

/** The code of `text`, named `label` for screen readers. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, path } = drawn(text);
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#14211d" />
    </svg>
  );
}

/** The same as a file of its own. */
export function qrSvg(text: string): string {
  const { size, path } = drawn(text);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" ` +
    `shape-rendering="crispEdges"><rect width="${size}" height="${size}" fill="#fff"/>` +
    `<path d="${path}" fill="#14211d"/></svg>`;
}

/** One run of dark modules is one rectangle of the path. */
function drawn(text: string): { size: number; path: string } {
  const { data, size } = encode(text, { ecc: "M", border: 0 });
  let path = "";
  for (const [y, row] of data.entries()) {
    for (let x = 0; x < size; x++) {
      if (!row[x]) continue;
      const start = x;
      while (row[x + 1]) x++;
      path += `M${start + QUIET} ${y + QUIET}h${x + 1 - start}v1h-${x + 1 - start}z`;
    }
  }
  return { size: size + 2 * QUIET, path };
}
