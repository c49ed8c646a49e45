/** QR codes within pages: dark on white in both themes. */
import { qrPath } from "../../base/qr.ts";

/** The code of `text`, named `label` for screen readers. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, path } = qrPath(text, "M");
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
