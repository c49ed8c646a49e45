/** Numbers, amounts, times and texts of strangers, as a reader sees them. */
import { GRAINS_PER_COIN } from "../../primitives/amount.ts";
import type { Language } from "./texts.ts";

const DECIMALS = 6;

const SPAN_UNITS = ["second", "minute", "hour", "day"] as const;

type Formats = {
  number: Intl.NumberFormat;
  short: Intl.NumberFormat;
  ago: Intl.RelativeTimeFormat;
  span: Record<(typeof SPAN_UNITS)[number], Intl.NumberFormat>;
};

const FORMATS: Record<Language, Formats> = { ko: formatsOf("ko"), en: formatsOf("en") };

function formatsOf(language: Language): Formats {
  const spans = SPAN_UNITS.map((unit) => {
    const options = { style: "unit", unit, unitDisplay: "narrow" } as const;
    return [unit, new Intl.NumberFormat(language, options)];
  });
  return {
    span: Object.fromEntries(spans),
    number: new Intl.NumberFormat(language),
    short: new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 3 }),
    ago: new Intl.RelativeTimeFormat(language, { style: "short", numeric: "auto" }),
  };
}

/** A count with the language's grouping. */
export function formatNumber(count: number | bigint, language: Language): string {
  return FORMATS[language].number.format(count);
}

/** Above it words for powers of ten are longer than the powers. */
const SHORT_MAX = 1e15;

/** A count in few characters: `1.2M`, `120만`. */
export function formatShort(count: number, language: Language): string {
  if (count >= SHORT_MAX) return count.toExponential(2).replace("e+", "e");
  return FORMATS[language].short.format(count);
}

/** Grains as coins in exact integer arithmetic: sign, grouped whole coins, and six decimals. */
export function coinParts(
  grains: number,
  language: Language,
): { sign: string; whole: string; digits: string; zeros: string } {
  const size = BigInt(Math.abs(grains));
  const unit = BigInt(GRAINS_PER_COIN);
  const decimals = String(size % unit).padStart(DECIMALS, "0");
  const digits = decimals.replace(/0+$/, "");
  return {
    sign: grains < 0 ? "\u2212" : "",
    whole: formatNumber(size / unit, language),
    digits,
    zeros: decimals.slice(digits.length),
  };
}

/** Coins of grains as one text, six decimals. */
export function formatCoinsLong(grains: number, language: Language): string {
  const { sign, whole, digits, zeros } = coinParts(grains, language);
  return `${sign}${whole}.${digits}${zeros}`;
}

const STEPS: readonly { unit: Intl.RelativeTimeFormatUnit; seconds: number }[] = [
  { unit: "day", seconds: 86_400 },
  { unit: "hour", seconds: 3600 },
  { unit: "minute", seconds: 60 },
];

/** How long ago a moment was. The script in app.js counts on in the same steps. */
export function formatAgo(timeMs: number, nowMs: number, language: Language): string {
  const seconds = Math.round((timeMs - nowMs) / 1000);
  const step = STEPS.find((each) => Math.abs(seconds) >= each.seconds) ??
    { unit: "second", seconds: 1 };
  return FORMATS[language].ago.format(Math.trunc(seconds / step.seconds), step.unit);
}

/** A span of time in its one fitting unit: `14.9s`, `3m`, `15초`. */
export function formatSpan(spanMs: number, language: Language): string {
  const { span } = FORMATS[language];
  const seconds = spanMs / 1000;
  if (seconds < 10) return span.second.format(Math.round(seconds * 10) / 10);
  if (seconds < 90) return span.second.format(Math.round(seconds));
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return span.minute.format(minutes);
  const hours = Math.round(minutes / 60);
  return hours < 72 ? span.hour.format(hours) : span.day.format(Math.round(hours / 24));
}

/** A span of time in seconds, however long, as an axis wants it. */
export function formatSeconds(spanMs: number, language: Language): string {
  return FORMATS[language].span.second.format(Math.round(spanMs / 100) / 10);
}

/** Bytes in the largest unit that leaves a whole number before the point. */
export function formatBytes(bytes: number, language: Language): string {
  if (bytes < 1000) return `${formatNumber(bytes, language)} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** A moment in UTC to the second: `2026-01-01 00:00:00 UTC`. */
export function formatMoment(timeMs: number): string {
  return `${isoMoment(timeMs).slice(0, 19).replace("T", " ")} UTC`;
}

/** Latest moment that `Date` can name; block times may be later. */
const DATE_MAX_MS = 8.64e15;

/** A moment as the `datetime` attribute wants it. */
export function isoMoment(timeMs: number): string {
  return new Date(Math.min(Math.max(timeMs, 0), DATE_MAX_MS)).toISOString()
    .replace(/^\+0*(\d{4,})/, "$1");
}

/** The beginning and the end of an id or address: enough to tell two apart by eye. */
export function shortIdParts(id: string): { start: string; end: string } {
  if (id.length <= 20) return { start: "", end: id };
  return { start: id.slice(0, id.startsWith("moim1") ? 11 : 8), end: `…${id.slice(-6)}` };
}

export function shortId(id: string): string {
  const { start, end } = shortIdParts(id);
  return start + end;
}

/**
 * What nobody can see, or what turns text around: controls, format and private characters, line
 * separators, fillers. Variation selectors stay, and joiners between pictographs, for emoji.
 */
const UNSEEN = new RegExp(
  "(?<!\\p{Extended_Pictographic}\\uFE0F?\\p{Emoji_Modifier}?)\\u200D|" +
    "\\u200D(?!\\p{Extended_Pictographic})|" +
    "(?![\\u200D\\uFE0E\\uFE0F])[\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\u2800]",
  "gu",
);

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A stranger's text cut into what is shown as it is and what is shown as an escape. */
export function inertPieces(text: string): { text: string; isEscape: boolean }[] {
  const pieces: { text: string; isEscape: boolean }[] = [];
  let at = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), isEscape: false });
    const code = match[0].codePointAt(0)!.toString(16).padStart(4, "0");
    pieces.push({ text: NAMED[match[0]] ?? `\\u{${code}}`, isEscape: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), isEscape: false });
  return pieces;
}

/** The same as plain text, for titles and labels. */
export function inertText(text: string): string {
  return inertPieces(text).map((piece) => piece.text).join("");
}
