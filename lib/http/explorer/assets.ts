/** The stylesheet, the script and the icon: one file each, named by its content. */
import { createHash } from "node:crypto";
import SCRIPT from "./app.js" with { type: "text" };
import { iconSvg } from "./mark.tsx";
import STYLE from "./style.css" with { type: "text" };

/** A file that never changes under its name. */
export type Asset = { path: string; type: string; content: string; integrity: string };

function asset(name: string, extension: string, type: string, content: string): Asset {
  const hash = createHash("sha384").update(content).digest();
  const short = hash.toString("hex").slice(0, 12);
  return {
    path: `/assets/${name}.${short}.${extension}`,
    type,
    content,
    integrity: `sha384-${hash.toString("base64")}`,
  };
}

export const STYLE_ASSET = asset("style", "css", "text/css; charset=utf-8", STYLE);
export const SCRIPT_ASSET = asset("app", "js", "text/javascript; charset=utf-8", SCRIPT);
export const ICON_ASSET = asset("icon", "svg", "image/svg+xml", iconSvg());

export const ASSETS: readonly Asset[] = [STYLE_ASSET, SCRIPT_ASSET, ICON_ASSET];
