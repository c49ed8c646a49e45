import assert from "node:assert/strict";
import { genesisContext, type HeaderContext } from "../../../lib/consensus/header_context.ts";
import { RuleError } from "../../../lib/consensus/rules.ts";
import { encodeHeader } from "../../../lib/primitives/block.ts";
import {
  type Branch,
  type BranchView,
  type HeaderStep,
  OPEN,
  takeHeaders,
} from "../../../lib/sync/header_branch.ts";
import { EASY_NETWORK, mintBranch } from "../../support/easy_chain.ts";

const GENESIS = genesisContext(EASY_NETWORK);
const BRANCH = mintBranch(25);
const HEADERS = BRANCH.map((each) => each.block.header);

/** A chain that knows genesis and `known`, and takes ten headers a message. */
function view(workMin: bigint, known: HeaderContext[] = []): BranchView {
  const byId = new Map([GENESIS, ...known].map((each) => [each.id as string, each]));
  return {
    network: EASY_NETWORK,
    nowMs: Infinity,
    workMin,
    headersPerMessage: 10,
    weighedMessagesMax: 3,
    header: (id) => byId.get(id),
  };
}

const workAt = (height: number) => BRANCH[height - 1]!.context.totalWork;

function nothing(step: HeaderStep) {
  assert.equal(step.kind, "nothing");
  return step as HeaderStep & { kind: "nothing" };
}

Deno.test("headers of a strong branch are accepted, and a full message asks for more", () => {
  const step = takeHeaders(OPEN, HEADERS.slice(0, 10), view(0n));
  assert(step.kind === "accept");
  assert.equal(step.accept.length, 10);
  assert.deepEqual(step.next, { after: HEADERS[9]!.id });
  const last = takeHeaders(OPEN, HEADERS.slice(10, 14), view(0n, [BRANCH[9]!.context]));
  assert(last.kind === "accept");
  assert.equal(last.next, "nothing");
});

Deno.test("headers that are known already are not accepted again", () => {
  const known = BRANCH.slice(0, 4).map((each) => each.context);
  const step = takeHeaders(OPEN, HEADERS.slice(0, 6), view(0n, known));
  assert(step.kind === "accept");
  assert.deepEqual(step.accept.map((each) => each.height), [5, 6]);
  assert.equal(nothing(takeHeaders(OPEN, HEADERS.slice(0, 4), view(0n, known))).weak, false);
});

Deno.test("headers whose parent is unknown are unconnected", () => {
  assert.equal(takeHeaders(OPEN, HEADERS.slice(3, 5), view(0n)).kind, "unconnected");
});

Deno.test("a message whose headers do not follow each other is invalid", () => {
  const broken = [HEADERS[0]!, HEADERS[2]!];
  assert.throws(
    () => takeHeaders(OPEN, broken, view(0n)),
    (error) => error instanceof RuleError && error.fault === "invalid",
  );
});

Deno.test("a claim of work by bits alone is checked before it counts", () => {
  const liar = encodeHeader({ ...HEADERS[9]!, bits: 0x0300_ffff });
  const claim = [...HEADERS.slice(0, 9), liar];
  assert.throws(
    () => takeHeaders(OPEN, claim, view(workAt(25) * 2n)),
    (error) => error instanceof RuleError && error.rule === "wrong-bits",
  );
  const noTarget = encodeHeader({ ...HEADERS[0]!, bits: 0xffff_ffff });
  assert.throws(() => takeHeaders(OPEN, [noTarget], view(0n)), RuleError);
});

Deno.test("a short weak branch is dropped", () => {
  const step = nothing(takeHeaders(OPEN, HEADERS.slice(0, 5), view(workAt(20))));
  assert.equal(step.weak, true);
  assert.equal(step.branch.at, "open");
  assert.equal(step.next, "nothing");
});

Deno.test("a weak branch is weighed by its marks, then fetched once it is strong", () => {
  const weighing = view(workAt(20));
  let branch: Branch = OPEN;
  for (const from of [0, 10]) {
    const step = nothing(takeHeaders(branch, HEADERS.slice(from, from + 10), weighing));
    branch = step.branch;
  }
  assert.equal(branch.at, "fetching");
  const first = takeHeaders(branch, HEADERS.slice(0, 10), weighing);
  assert(first.kind === "accept");
  assert.equal(first.branch.at, "fetching");
  // The peer's chain has grown meanwhile: only what was weighed is taken now.
  const known = BRANCH.slice(0, 10).map((each) => each.context);
  const second = takeHeaders(first.branch, HEADERS.slice(10, 25), view(workAt(20), known));
  assert(second.kind === "accept");
  assert.equal(second.accept.at(-1)!.height, 20);
  assert.deepEqual(second.branch, OPEN);
  assert.deepEqual(second.next, { after: HEADERS[19]!.id });
});

Deno.test("another branch than the one that was weighed is not taken", () => {
  const weighing = view(workAt(15));
  const other = mintBranch(20, { mark: "other" }).map((each) => each.block.header);
  let branch: Branch = OPEN;
  for (const from of [0, 10]) {
    branch = nothing(takeHeaders(branch, HEADERS.slice(from, from + 10), weighing)).branch;
  }
  assert.equal(branch.at, "fetching");
  const step = nothing(takeHeaders(branch, other.slice(0, 10), weighing));
  assert.equal(step.weak, true);
  assert.deepEqual(step.branch, OPEN);
});

Deno.test("an endless weak branch is set aside after so many messages", () => {
  const weighing = view(workAt(25) * 100n);
  const flood = mintBranch(30).map((each) => each.block.header);
  let branch: Branch = OPEN;
  for (const from of [0, 10]) {
    branch = nothing(takeHeaders(branch, flood.slice(from, from + 10), weighing)).branch;
    assert.equal(branch.at, "weighing");
  }
  const step = nothing(takeHeaders(branch, flood.slice(20), weighing));
  assert.equal(step.weak, true);
  assert.deepEqual(step.branch, OPEN);
  assert.equal(step.next, "nothing");
});

Deno.test("an announcement between the messages of a weighing does not disturb it", () => {
  const weighing = view(workAt(20));
  const { branch } = nothing(takeHeaders(OPEN, HEADERS.slice(0, 10), weighing));
  const news = mintBranch(1, { mark: "news" }).map((each) => each.block.header);
  const step = nothing(takeHeaders(branch, news, weighing));
  assert.equal(step.branch, branch);
});
