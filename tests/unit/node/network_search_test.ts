import { strict as assert } from "node:assert";
import { delay } from "../../../lib/base/clock.ts";
import { EXIT, UserError } from "../../../lib/base/errors.ts";
import { seededRandom } from "../../../lib/base/random.ts";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";
import { type Network, networkFromPhrase } from "../../../lib/consensus/network.ts";
import { Prover } from "../../../lib/net/membership/membership.ts";
import { MemoryTransport, SimNetwork } from "../../../lib/net/memory_transport.ts";
import { Session } from "../../../lib/net/session.ts";
import type { PeerStream } from "../../../lib/net/transport.ts";
import { checkParameters } from "../../../lib/node/fetch_network.ts";
import { canonicalParameters } from "../../../lib/consensus/network_json.ts";
import { type LinkDetails, parametersHash } from "../../../lib/node/invitation.ts";
import { NetworkSearch } from "../../../lib/node/network_search.ts";
import { SimClock } from "../../support/sim_clock.ts";

const CLUB: Network = { ...networkFromPhrase("club"), spacingMs: 5_000 };
const PASSWORD = new Uint8Array(32).fill(7);
const NO_HOOKS = {
  onReady() {},
  onForeign() {},
  onMessage() {},
  onRefused() {},
  onInvalid() {},
  onSecretMismatch() {},
  onEnd() {},
};

function detailsOf(network: Network): LinkDetails {
  return {
    addresses: [],
    genesisId: genesisBlock(network).header.id,
    parametersHash: parametersHash(network),
  };
}

/** A place with one searcher; members come as the test adds them. */
class Place {
  readonly clock = new SimClock();
  readonly random = seededRandom(5);
  readonly net = new SimNetwork({ clock: this.clock, random: this.random });
  readonly lines: string[] = [];
  #number = 0;

  join(): MemoryTransport {
    const number = ++this.#number;
    return this.net.join({ peerId: `peer${number}`, address: `/ip4/10.0.0.${number}/tcp/3000` });
  }

  prover(transport: MemoryTransport, password?: Uint8Array) {
    if (password === undefined) return Promise.resolve(undefined);
    return Prover.load({ password, ownPeerId: transport.peerId, random: this.random });
  }

  /** A node of the club that answers who proves `password`. */
  async member(parameters: Uint8Array, password?: Uint8Array): Promise<MemoryTransport> {
    const transport = this.join();
    const membership = await this.prover(transport, password);
    transport.onStream((stream) => this.answer(stream, { parameters, membership }));
    return transport;
  }

  /** A node of the club at the far end of a stream, whoever opened it. */
  answer(
    stream: PeerStream,
    { parameters, membership }: { parameters: Uint8Array; membership: Prover | undefined },
  ): void {
    const { id } = genesisBlock(CLUB);
    new Session({
      stream,
      found: stream.openedBy === "us" ? "peer" : "inbound",
      clock: this.clock,
      nonce: 1n,
      local: {
        genesisId: id,
        tipId: id,
        tipHeight: 0,
        totalWork: 1n,
        agent: "test",
        networkName: CLUB.name,
      },
      hooks: NO_HOOKS,
      networkParameters: () => parameters,
      ...(membership && { membership }),
    }).start();
  }

  async search(options: { details?: LinkDetails; password?: Uint8Array } = {}) {
    const transport = this.join();
    return new NetworkSearch({
      transport,
      clock: this.clock,
      random: this.random,
      membership: await this.prover(transport, options.password),
      check: (parameters) => checkParameters(parameters, options.details),
      onLine: (line) => this.lines.push(line),
      lateLine: "late",
    });
  }

  /** Runs the search for so long; gives its network, its error, or undefined while it goes on. */
  async run(search: NetworkSearch, ms: number): Promise<Network | UserError | undefined> {
    const abort = new AbortController();
    const ended = search.run(abort.signal).then(({ network }) => network, (error) => error);
    const late = delay(this.clock, ms).then(() => undefined);
    const outcome = Promise.race([ended, late]);
    await this.clock.advance(ms + 1);
    const result = await outcome;
    abort.abort();
    await ended;
    return result;
  }
}

function candidate(member: MemoryTransport) {
  return { peerId: member.peerId, addresses: member.addresses() };
}

Deno.test("a member that shares the secret gives the parameters", async () => {
  const place = new Place();
  const member = await place.member(canonicalParameters(CLUB), PASSWORD);
  const search = await place.search({ password: PASSWORD, details: detailsOf(CLUB) });
  search.found(candidate(member));
  assert.deepEqual(await place.run(search, 2_000), CLUB);
});

Deno.test("on a public network the link's hash finds the right one among others", async () => {
  const place = new Place();
  const strangers = [networkFromPhrase("club"), { ...CLUB, message: "x" }].map(canonicalParameters);
  const members = [];
  for (const answer of [...strangers, new Uint8Array(), canonicalParameters(CLUB)]) {
    members.push(await place.member(answer));
  }
  const search = await place.search({ details: detailsOf(CLUB) });
  for (const member of members) search.found(candidate(member));
  assert.deepEqual(await place.run(search, 5_000), CLUB);
  assert.ok(place.lines.some((line) => /other parameters than the link's/.test(line)));
});

Deno.test("members with other parameters than the link's: refused when no other comes", async () => {
  const place = new Place();
  const member = await place.member(canonicalParameters(CLUB), PASSWORD);
  const details = detailsOf({ ...CLUB, message: "other" });
  const search = await place.search({ password: PASSWORD, details });
  search.found(candidate(member));
  const error = await place.run(search, 15_000);
  assert.ok(error instanceof UserError);
  assert.equal(error.exitCode, EXIT.rejected);
  assert.match(error.message, /other parameters than the link's; ask for a new link/);
});

Deno.test("who has another secret is told of, and the search goes on", async () => {
  const place = new Place();
  const stranger = await place.member(canonicalParameters(CLUB), new Uint8Array(32).fill(8));
  const open = await place.member(canonicalParameters(CLUB));
  const search = await place.search({ password: PASSWORD });
  search.found(candidate(stranger));
  search.found(candidate(open));
  const outcome = place.run(search, 60_000);
  assert.equal(await outcome, undefined);
  assert.equal(
    place.lines.filter((line) => /of another group, or has another/.test(line)).length,
    2,
  );
  assert.ok(place.lines.includes("late"));
});

Deno.test("a member who comes late, at an address that was dead, is asked", async () => {
  const place = new Place();
  const search = await place.search({ password: PASSWORD });
  search.found({ addresses: ["/ip4/10.0.0.2/tcp/3000"] });
  const abort = new AbortController();
  const ended = search.run(abort.signal);
  await place.clock.advance(20_000);
  await place.member(canonicalParameters(CLUB), PASSWORD);
  await place.clock.advance(60_000);
  assert.deepEqual(await ended, { network: CLUB, member: ["/ip4/10.0.0.2/tcp/3000/p2p/peer2"] });
});

Deno.test("a member who dials us is asked on its own stream", async () => {
  const place = new Place();
  const search = await place.search({ password: PASSWORD });
  const member = await place.member(canonicalParameters(CLUB), PASSWORD);
  const ended = search.run(new AbortController().signal);
  const membership = await place.prover(member, PASSWORD);
  const stream = member.open({ addresses: ["/ip4/10.0.0.1/tcp/3000"] });
  await place.clock.advance(1_000);
  place.answer(await stream, { parameters: canonicalParameters(CLUB), membership });
  await place.clock.advance(1_000);
  assert.deepEqual(await ended, { network: CLUB, member: [] });
});

Deno.test("Ctrl-C ends the search", async () => {
  const place = new Place();
  const search = await place.search();
  const abort = new AbortController();
  const ended = search.run(abort.signal);
  abort.abort();
  await assert.rejects(ended, (error: UserError) => error.exitCode === EXIT.interrupted);
});

Deno.test("parameters from a member are taken in one form, within the bounds of a file", () => {
  const text = new TextDecoder().decode(canonicalParameters(CLUB));
  const bytes = (json: string) => new TextEncoder().encode(json);
  assert.deepEqual(checkParameters(bytes(text), undefined), CLUB);
  const wrong = [
    "",
    "{",
    "null",
    "[]",
    ` ${text}`,
    text.replace(',"message":""', ""),
    text.replace('"message":""', '"message":"","minter":"w1"'),
    text.replace('"spacingMs":5000', '"spacingMs":1'),
    text.replace('"club"', `"${"x".repeat(300)}"`),
  ];
  for (const json of wrong) assert.throws(() => checkParameters(bytes(json), undefined), json);
  assert.throws(() => checkParameters(Uint8Array.of(0xff), undefined), /no network/);
  const details = detailsOf({ ...CLUB, message: "x" });
  assert.throws(() => checkParameters(bytes(text), details), /other parameters than the link's/);
});
