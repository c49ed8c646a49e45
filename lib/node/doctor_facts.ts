/** What the doctor judges by, and what the steps of its judgement share. */
import { addressClass } from "../peers/address_class.ts";
import type { Finding, FindingCode, FindingLevel, NodeDiagnosis } from "./api.ts";

/** What a machine says of itself, and what its sockets found. */
export type ProbeFacts = {
  /** Own addresses but loopback and IPv6 link-local ones. */
  interfaces: { ip: string; prefixBits: number }[];
  /** Routers of this machine's private networks, or what is likely to be one. */
  gateways: { ip: string; answers: boolean }[];
  /** Name resolution: what was asked, if anything needs names. */
  names: { state: "answers" | "fails" | "unneeded"; asked: string; why: string };
  /** Addresses outside that were dialled. */
  outside: { address: string; reply: "answers" | "silent" | "no-route" }[];
  /** Private addresses of neighbours that were dialled. */
  neighbours: { address: string; answers: boolean }[];
};

export type DoctorFacts = { node: NodeDiagnosis; probes: ProbeFacts };

/** What the steps of the judgement share. */
export type Judged = DoctorFacts & {
  hasNetwork: boolean;
  /** Undefined where nobody outside could be asked. */
  hasInternet: boolean | undefined;
  hasPeers: boolean;
};

/** A finding in one line of code. */
export function finding(
  code: FindingCode,
  level: FindingLevel,
  [seen, means, todo]: [seen: string, means: string, todo: string],
): Finding {
  return { code, level, seen, means, todo };
}

export function ok(code: FindingCode, seen: string, means = ""): Finding {
  return finding(code, "ok", [seen, means, ""]);
}

export function some(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

/** The IP of a multiaddr, unless it is a name's. */
export function ipOf(address: string): string | undefined {
  const [, kind, host] = address.split("/");
  return kind === "ip4" || kind === "ip6" ? host : undefined;
}

export function classOfIp(ip: string): ReturnType<typeof addressClass> {
  return addressClass(`/${ip.includes(":") ? "ip6" : "ip4"}/${ip}/tcp/1`);
}
