/** What the end of a session means: in words, and for when the peer is tried again. */
import type { GoodbyeCode } from "../wire/goodbye.ts";
import type { SessionEnd } from "./session.ts";

/** A peer whose session ended is dialled again after this. */
export const RETRY_MS = 1_000;
/** A full or unwilling peer is left alone for this long, one of another network for longer. */
const FULL_REST_MS = 60_000;
const FOREIGN_REST_MS = 10 * 60_000;
/** One with another secret: its user may type it again, and each further rest is twice as long. */
const SECRET_REST_MS = 2 * 60_000;

/** The code of the `goodbye` with which either side ended the session, if one gave its reason. */
export function endCode(end: SessionEnd): GoodbyeCode | undefined {
  if (end.kind === "refused" && end.refusal === "wrong-secret") return "secret";
  if (end.kind === "refused" && end.refusal === "guessing") return "full";
  return end.kind === "goodbye" || end.kind === "closed-by-us" ? end.code : undefined;
}

/** How long a peer is left alone after a session that ended with `code`, in milliseconds. */
export function restMs(code: GoodbyeCode | undefined): number {
  if (code === "network") return FOREIGN_REST_MS;
  if (code === "secret") return SECRET_REST_MS;
  return code === "full" || code === "discouraged" || code === "probe" ? FULL_REST_MS : RETRY_MS;
}

/** The end in a few words, for the user. */
export function describeEnd(end: SessionEnd): string {
  switch (end.kind) {
    case "goodbye":
      return end.text === "" ? `it said goodbye (${end.code})` : `it said: ${end.text}`;
    case "closed-by-us":
      return `closed by this node (${end.code})`;
    case "refused":
      return `refused (${end.refusal})`;
    case "closed":
      return "the connection was lost";
  }
}
