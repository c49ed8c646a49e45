/**
 * What the doctor looks at: the evidence of the node, and beside it what sockets find, all within
 * five seconds. Nobody is contacted but the node's own bootstraps and peers, the router, and the
 * system's name server.
 */
import { systemClock } from "../base/clock.ts";
import { parsePeerArgument, splitPeerId } from "../net/addresses.ts";
import {
  dialGateways,
  dialTcp,
  hostsOf,
  type NameAnswer,
  ownNetworks,
  type Reply,
  textsOf,
} from "../net/mapping/probes.ts";
import { bareAddress } from "../peers/address_class.ts";
import type { DoctorReport, Neighbour, NodeApi, OnLine } from "./api.ts";
import type { NodeConfig } from "./config.ts";
import { judge } from "./doctor.ts";
import { classOfIp, ipOf, type ProbeFacts } from "./doctor_facts.ts";
import { isNear } from "./doctor_isolation.ts";
import { targetsOf } from "./evidence.ts";

/** Each step's limit; the names' comes twice before what they lead to is dialled. */
const NAME_MS = 1_200;
const DIAL_MS = 1_800;
/** Enough to know whether there is an outside; the rest would only be noise to it. */
const OUTSIDE_MAX = 8;
const NEIGHBOURS_MAX = 8;
/** Of the hosts that one name stands for. */
const PER_NAME_MAX = 2;

/** Gathers and judges. Takes five seconds at most. */
export async function examine(
  node: NodeApi,
  config: NodeConfig,
  onLine: OnLine = () => {},
): Promise<DoctorReport> {
  const startMs = systemClock.monotonicMs();
  const { running } = await node.status();
  onLine(running ? "asking the node …" : "no node runs here; asking known peers …");
  const asking = node.diagnosis();
  asking.catch(() => {}); // Told below.
  const targets = running ? (await asking).targets : targetsOf(config, await node.peers());
  onLine("looking at addresses, name server, router, and who answers …");
  const [evidence, machine, outside, neighbours] = await Promise.all([
    asking,
    ownMachine(),
    askOutside(targets),
    asking.then(({ neighbours }) => dialNeighbours(neighbours)),
  ]);
  return {
    network: evidence.network,
    findings: judge({ node: evidence, probes: { ...machine, ...outside, neighbours } }),
    elapsedMs: Math.round(systemClock.monotonicMs() - startMs),
  };
}

async function ownMachine(): Promise<Pick<ProbeFacts, "interfaces" | "gateways">> {
  return { interfaces: ownNetworks(), gateways: await dialGateways(DIAL_MS) };
}

/** Resolves what has a name, then dials all of it. */
async function askOutside(targets: string[]): Promise<Pick<ProbeFacts, "names" | "outside">> {
  const bases = [
    ...new Set(targets.flatMap((target) => parsePeerArgument(target).addresses).map(baseOf)),
  ];
  const named = bases.filter((base) => ipOf(base) === undefined);
  const asked = await Promise.all(named.map((base) => resolve(base)));
  const found = [
    ...bases.filter((base) => ipOf(base) !== undefined),
    ...asked.flatMap((each) => each.addresses),
  ];
  const outside = [...new Set(found)].filter((address) =>
    classOfIp(ipOf(address) ?? "") === "public"
  ).slice(0, OUTSIDE_MAX);
  return {
    names: namesOf(asked),
    outside: await Promise.all(outside.map(dial)),
  };
}

type Resolved = { name: string; addresses: string[]; why: string };

function namesOf(asked: readonly Resolved[]): ProbeFacts["names"] {
  const [first] = asked;
  if (first === undefined) return { state: "unneeded", asked: "", why: "" };
  const answered = asked.find(({ addresses }) => addresses.length > 0);
  const { name, why } = answered ?? first;
  return { state: answered === undefined ? "fails" : "answers", asked: name, why };
}

/** The addresses that a multiaddr with a name stands for. */
async function resolve(base: string): Promise<Resolved> {
  const [, kind, name = "", , port] = base.split("/");
  if (kind === "dnsaddr") return await resolveDnsaddr(name);
  const { answers, why } = await hostsOf(name, NAME_MS);
  return { name, addresses: answers.map((ip) => `/ip4/${ip}/tcp/${port}`), why };
}

/** The records of `/dnsaddr` (multiformats, DNSADDR), which may name others one level below. */
async function resolveDnsaddr(name: string): Promise<Resolved> {
  const { values, why } = dnsaddrsIn(await textsOf(`_dnsaddr.${name}`, NAME_MS));
  const below = values.filter((value) => value.startsWith("/dnsaddr/")).slice(0, PER_NAME_MAX);
  const deeper = await Promise.all(below.map(async (value) => {
    return dnsaddrsIn(await textsOf(`_dnsaddr.${value.split("/")[2]}`, NAME_MS)).values;
  }));
  const addresses = [...values, ...deeper.flat()].map(baseOf)
    .filter((address) => bareAddress(address) !== undefined && address.startsWith("/ip4/"));
  return { name, addresses: addresses.slice(0, PER_NAME_MAX), why };
}

function dnsaddrsIn({ answers, why }: NameAnswer): { values: string[]; why: string } {
  const values = answers.filter((text) => text.startsWith("dnsaddr="))
    .map((text) => text.slice("dnsaddr=".length));
  return { values, why };
}

/** Those near this machine, each address once. */
async function dialNeighbours(neighbours: Neighbour[]): Promise<ProbeFacts["neighbours"]> {
  const interfaces = ownNetworks();
  const near = neighbours.filter(({ connection }) => connection !== "direct")
    .flatMap(({ addresses }) => addresses)
    .filter((address) => isNear(address, interfaces));
  const dialled = await Promise.all([...new Set(near)].slice(0, NEIGHBOURS_MAX).map(dial));
  return dialled.map(({ address, reply }) => ({ address, answers: reply === "answers" }));
}

async function dial(address: string): Promise<{ address: string; reply: Reply }> {
  const [, , host, , port] = address.split("/");
  return { address, reply: await dialTcp(host!, Number(port), DIAL_MS) };
}

function baseOf(address: string): string {
  return splitPeerId(address).base;
}
