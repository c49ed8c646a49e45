/**
 * What to do with headers that a peer sends. A branch with too little work is weighed, not kept:
 * of each message only its last id is remembered, which fixes all headers before it. When the
 * branch proves strong enough it is fetched once more and taken message by message; so a flood of
 * cheap headers costs its receiver 32 bytes for two thousand of them. Pure.
 *
 *   open --weak and full message--> weighing --strong enough--> fetching --last mark--> open
 *     ^                                |                            |
 *     |<------ ends weak, or breaks ---+<--- another branch --------+
 */
import { checkHeader } from "../consensus/check_header.ts";
import { isCanonicalBits } from "../consensus/compact.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import type { Network } from "../consensus/network.ts";
import { RuleError } from "../consensus/rules.ts";
import { workOf } from "../consensus/work.ts";
import type { BlockHeader } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";

export type Branch =
  | { readonly at: "open" }
  | {
    readonly at: "weighing";
    readonly base: BlockId;
    readonly last: HeaderContext;
    readonly marks: readonly BlockId[];
  }
  | {
    readonly at: "fetching";
    readonly base: BlockId;
    readonly marks: readonly BlockId[];
    /** The mark that the next message must reach. */
    readonly next: number;
  };

export const OPEN: Branch = { at: "open" };

/** What a step may know of the chain. */
export interface BranchView {
  readonly network: Network;
  readonly nowMs: number;
  /** A branch that reaches this much work is kept. */
  readonly workMin: bigint;
  readonly headersPerMessage: number;
  readonly weighedMessagesMax: number;
  header(id: BlockId): HeaderContext | undefined;
}

export type HeaderStep =
  /** Give `accept` (not empty, the parent known) to the chain, then go on from `last`. */
  | {
    readonly kind: "accept";
    readonly accept: readonly BlockHeader[];
    readonly branch: Branch;
    readonly next: AskNext;
  }
  /** Nothing to keep. `weak`: the branch ended below the work that is kept. */
  | { readonly kind: "nothing"; readonly branch: Branch; readonly next: AskNext; weak: boolean }
  /** The first header's parent is not known: ask for what lies between. */
  | { readonly kind: "unconnected"; readonly branch: Branch };

/** What to ask the peer for after the step: headers after `after`, or nothing (it has no more). */
export type AskNext = { readonly after: BlockId } | "nothing";

/**
 * Takes one `headers` message. Throws `RuleError` when the headers are no chain or break a rule of
 * their own; headers that go to the chain are checked there.
 */
export function takeHeaders(
  branch: Branch,
  headers: readonly BlockHeader[],
  view: BranchView,
): HeaderStep {
  requireChain(headers);
  const first = headers[0];
  if (first === undefined) return { kind: "nothing", branch: OPEN, next: "nothing", weak: false };
  if (branch.at === "weighing" && first.previous === branch.last.id) {
    return weigh(branch, headers, view);
  }
  if (branch.at === "fetching" && first.previous === expectedParent(branch)) {
    return fetchMore(branch, headers, view);
  }
  // An announcement may come between; a full message means that the peer changed its branch.
  const isFull = headers.length >= view.headersPerMessage;
  return takeOpen(isFull ? OPEN : branch, headers, view);
}

function takeOpen(
  branch: Branch,
  headers: readonly BlockHeader[],
  view: BranchView,
): HeaderStep {
  const parent = view.header(headers[0]!.previous);
  if (parent === undefined) return { kind: "unconnected", branch };
  const isFull = headers.length >= view.headersPerMessage;
  const last = headers.at(-1)!;
  const more: AskNext = isFull ? { after: last.id } : "nothing";
  const fresh = headers.slice(knownPrefix(headers, view));
  if (fresh.length === 0) return { kind: "nothing", branch, next: more, weak: false };
  if (claimedWork(parent, headers) >= view.workMin) {
    // The chain keeps good headers before a bad one: a claim that begins low is proven first.
    if (parent.totalWork < view.workMin) checkChain(parent, headers, view);
    return { kind: "accept", accept: fresh, branch, next: more };
  }
  if (!isFull) return { kind: "nothing", branch, next: "nothing", weak: true };
  const reached = checkChain(parent, headers, view);
  return {
    kind: "nothing",
    branch: { at: "weighing", base: parent.id, last: reached, marks: [last.id] },
    next: { after: last.id },
    weak: false,
  };
}

function weigh(
  branch: Branch & { at: "weighing" },
  headers: readonly BlockHeader[],
  view: BranchView,
): HeaderStep {
  const reached = checkChain(branch.last, headers, view);
  const marks = [...branch.marks, reached.id];
  if (reached.totalWork >= view.workMin) {
    const fetching: Branch = { at: "fetching", base: branch.base, marks, next: 0 };
    return { kind: "nothing", branch: fetching, next: { after: branch.base }, weak: false };
  }
  const isFull = headers.length >= view.headersPerMessage;
  if (!isFull || marks.length >= view.weighedMessagesMax) {
    return { kind: "nothing", branch: OPEN, next: "nothing", weak: true };
  }
  const next = { after: reached.id };
  return {
    kind: "nothing",
    branch: { at: "weighing", base: branch.base, last: reached, marks },
    next,
    weak: false,
  };
}

/** Headers up to the mark are those that were weighed: an id fixes all that came before it. */
function fetchMore(
  branch: Branch & { at: "fetching" },
  headers: readonly BlockHeader[],
  view: BranchView,
): HeaderStep {
  const mark = branch.marks[branch.next]!;
  const end = headers.findIndex((header) => header.id === mark);
  if (end < 0) return { kind: "nothing", branch: OPEN, next: "nothing", weak: true };
  const isLast = branch.next + 1 === branch.marks.length;
  const accept = headers.slice(knownPrefix(headers, view), end + 1);
  const next: AskNext = { after: mark };
  const following: Branch = isLast ? OPEN : { ...branch, next: branch.next + 1 };
  if (accept.length === 0) return { kind: "nothing", branch: following, next, weak: false };
  return { kind: "accept", accept, branch: following, next };
}

function expectedParent(branch: Branch & { at: "fetching" }): BlockId {
  return branch.next === 0 ? branch.base : branch.marks[branch.next - 1]!;
}

/** Throws unless each header follows the one before it: no honest peer sends anything else. */
function requireChain(headers: readonly BlockHeader[]): void {
  for (let at = 1; at < headers.length; at++) {
    if (headers[at]!.previous !== headers[at - 1]!.id) {
      throw new RuleError("malformed-header", `Header ${at} of a message does not follow`);
    }
  }
}

/** How many of the first headers are known already: known ones are a prefix, as parents are. */
function knownPrefix(headers: readonly BlockHeader[], view: BranchView): number {
  const at = headers.findIndex((header) => view.header(header.id) === undefined);
  return at < 0 ? headers.length : at;
}

/** Work of the branch if its headers keep the rules, which is checked before they are kept. */
function claimedWork(parent: HeaderContext, headers: readonly BlockHeader[]): bigint {
  let work = parent.totalWork;
  let bits: number | undefined;
  let each = 0n;
  for (const header of headers) {
    if (header.bits !== bits) [bits, each] = [header.bits, claimOf(header)];
    work += each;
  }
  return work;
}

function claimOf(header: BlockHeader): bigint {
  if (!isCanonicalBits(header.bits)) {
    throw new RuleError("wrong-bits", `Header "${header.id}" has bits that are no target`);
  }
  return workOf(header.bits);
}

function checkChain(
  parent: HeaderContext,
  headers: readonly BlockHeader[],
  view: BranchView,
): HeaderContext {
  let context = parent;
  for (const header of headers) context = checkHeader(header, context, view.network, view.nowMs);
  return context;
}
