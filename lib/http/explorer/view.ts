/** How one reader sees a page: language, theme, and the moment of reading. */
import { getCookie, setCookie } from "hono/cookie";
import type { Context } from "hono";
import { type Language, LANGUAGES, type Texts, textsOf } from "./texts.ts";

export const THEMES = ["auto", "light", "dark"] as const;
/** `auto` follows the system. */
export type Theme = (typeof THEMES)[number];

/** Everything that a page may depend on besides its data. */
export type View = {
  language: Language;
  texts: Texts;
  theme: Theme;
  /** Wall time in milliseconds, for "3 minutes ago". */
  nowMs: number;
  /** The page's own address from the root, with its query: what switches lead back to. */
  address: string;
};

/** A choice of language or theme is kept for a year. */
const COOKIE_SECONDS = 365 * 24 * 3600;

/** The view of a request: `?lang` and `?theme` are remembered in cookies and win over them. */
export function viewOf(context: Context, nowMs: number): View {
  const url = new URL(context.req.url);
  const language = chosen(context, "lang", LANGUAGES) ??
    accepted(context.req.header("accept-language"));
  const theme = chosen(context, "theme", THEMES) ?? "auto";
  return {
    language,
    texts: textsOf(language),
    theme,
    nowMs,
    address: url.pathname + url.search,
  };
}

/** The same address with one parameter set. */
export function addressWith(address: string, name: string, value: string): string {
  const [path = "/", query = ""] = address.split("?", 2);
  const search = new URLSearchParams(query);
  for (const choice of ["lang", "theme"]) search.delete(choice);
  search.set(name, value);
  return `${path}?${search}`;
}

function chosen<Choice extends string>(
  context: Context,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const known = (text: string | undefined) => choices.find((choice) => choice === text);
  const asked = known(context.req.query(name));
  if (asked === undefined) return known(getCookie(context, name));
  setCookie(context, name, asked, { path: "/", maxAge: COOKIE_SECONDS, sameSite: "Lax" });
  return asked;
}

/** The first language of an Accept-Language header that there are texts in; English if none is. */
function accepted(header: string | undefined): Language {
  const weighted = (header ?? "").split(",").map((part) => {
    const [tag = "", ...parameters] = part.split(";").map((each) => each.trim().toLowerCase());
    const weight = parameters.find((each) => each.startsWith("q="))?.slice(2);
    return { language: tag.split("-")[0], weight: weight === undefined ? 1 : Number(weight) };
  });
  weighted.sort((a, b) => b.weight - a.weight);
  for (const { language, weight } of weighted) {
    const known = LANGUAGES.find((each) => each === language);
    if (known !== undefined && weight > 0) return known;
  }
  return "en";
}
