/**
 * What sockets alone can find out of a machine's network, each with a limit of time. They ask the
 * system's own name server, and dial addresses that they are given; nothing is sent to anybody.
 */
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { addressClass } from "../../peers/address_class.ts";
import { likelyGateways, privateNetworks } from "./private_networks.ts";

/** Such as a home's router answers on, or refuses: its name server, and its pages. */
const GATEWAY_PORTS = [53, 80, 443];
const NETWORKS_MAX = 2;

/** Own addresses but loopback and link-local ones of IPv6, each with its network's bits. */
export function ownNetworks(): { ip: string; prefixBits: number }[] {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? []).flatMap((own) => {
    const isIp6 = own.family === "IPv6";
    const kind = addressClass(`/${isIp6 ? "ip6" : "ip4"}/${own.address}/tcp/1`);
    if (own.internal || kind === "loopback" || (isIp6 && kind === "link-local")) return [];
    const bits = Number(/\/(\d+)$/.exec(own.cidr ?? "")?.[1] ?? (isIp6 ? 64 : 24));
    return [{ ip: own.address, prefixBits: bits }];
  });
}

/**
 * `answers`: somebody is at the address, even if it refuses. `silent`: nobody answers in time.
 * `no-route`: the system itself knows no way there.
 */
export type Reply = "answers" | "silent" | "no-route";

export function dialTcp(host: string, port: number, limitMs: number): Promise<Reply> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (reply: Reply) => {
      cancel();
      socket.destroy();
      resolve(reply);
    };
    const cancel = systemClock.after(limitMs, () => end("silent"));
    socket.once("connect", () => end("answers"));
    socket.once("error", (error) => end(replyOf(error)));
  });
}

function replyOf(error: Error): Reply {
  const { code } = error as { code?: string };
  if (code === "ECONNREFUSED") return "answers";
  return code === "ENETUNREACH" ? "no-route" : "silent";
}

/** The routers of this machine's private networks, and whether they answer. */
export async function dialGateways(limitMs: number): Promise<{ ip: string; answers: boolean }[]> {
  const networks = privateNetworks().slice(0, NETWORKS_MAX);
  const found = await Promise.all(networks.map(async (network) => {
    const asked = await Promise.all(
      likelyGateways(network).map(async (ip) => {
        const replies = await Promise.all(GATEWAY_PORTS.map((port) => dialTcp(ip, port, limitMs)));
        return { ip, answers: replies.includes("answers") };
      }),
    );
    return asked.find(({ answers }) => answers) ?? asked[0] ?? [];
  }));
  return found.flat();
}

export type NameAnswer = { answers: string[]; why: string };

/** TXT records of a name by the system's name server; empty with the reason where there are none. */
export async function textsOf(name: string, limitMs: number): Promise<NameAnswer> {
  return await resolved(limitMs, async (signal) => {
    return (await Deno.resolveDns(name, "TXT", { signal })).map((parts) => parts.join(""));
  });
}

/** IPv4 addresses of a name by the system's name server. */
export async function hostsOf(name: string, limitMs: number): Promise<NameAnswer> {
  return await resolved(limitMs, (signal) => Deno.resolveDns(name, "A", { signal }));
}

async function resolved(
  limitMs: number,
  ask: (signal: AbortSignal) => Promise<string[]>,
): Promise<NameAnswer> {
  try {
    return { answers: await ask(AbortSignal.timeout(limitMs)), why: "" };
  } catch (error) {
    const isLate = error instanceof DOMException;
    const why = isLate ? `no answer within ${limitMs / 1_000} s` : messageOf(error).split("\n")[0]!;
    return { answers: [], why: why.slice(0, 160) };
  }
}
