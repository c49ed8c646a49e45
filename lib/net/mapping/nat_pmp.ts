/** A router asked by NAT-PMP (RFC 6886): one small packet there, one back. */
import { createSocket } from "node:dgram";
import type { Clock } from "../../base/clock.ts";
import type { MappedPort, PortGateway } from "./port_gateway.ts";

/** RFC 6886 §3.1: requests go to this port. */
export const NAT_PMP_PORT = 5351;
const EXTERNAL_ADDRESS = 0;
const MAP_TCP = 2;
/** RFC 6886 §3.5: an answer's operation is the request's plus 128. */
const IS_ANSWER = 128;
const EXTERNAL_ADDRESS_BYTES = 12;
const MAP_BYTES = 16;
/** RFC 6886 §3.1: first repeated after 250 ms, then each pause doubles. */
const REPEAT_AFTER_MS = [0, 250, 750, 1_750];
const RESULTS: Record<number, string> = {
  1: "it does not speak this version",
  2: "it does not allow it",
  3: "it is not connected itself",
  4: "it has no ports left",
  5: "it does not know how",
};

/** Where a router may be. */
export type NatPmpTarget = { host: string; port?: number; clock: Clock };

/** The router there, if one answers. Throws when none does before `signal` ends it. */
export async function findNatPmp(target: NatPmpTarget, signal: AbortSignal): Promise<PortGateway> {
  const { host } = target;
  const ask = (body: Uint8Array, stop: AbortSignal) => exchange(target, body, stop);
  await ask(Uint8Array.of(0, EXTERNAL_ADDRESS), signal);
  return {
    kind: "NAT-PMP",
    host,
    async externalAddress(stop) {
      const answer = await ask(Uint8Array.of(0, EXTERNAL_ADDRESS), stop);
      return answer.subarray(8, 12).join(".");
    },
    async map(mapped, leaseS, stop) {
      const answer = await ask(mapRequest(mapped, leaseS), stop);
      return viewOf(answer).getUint16(10);
    },
    async unmap(mapped, stop) {
      // RFC 6886 §3.4: a lease of 0 removes; the external port is then to be 0 too.
      await ask(mapRequest({ ...mapped, externalPort: 0 }, 0), stop);
    },
  };
}

function mapRequest({ internalPort, externalPort }: MappedPort, leaseS: number): Uint8Array {
  const body = new Uint8Array(12);
  body[1] = MAP_TCP;
  const view = viewOf(body);
  view.setUint16(4, internalPort);
  view.setUint16(6, externalPort);
  view.setUint32(8, leaseS);
  return body;
}

/** Sends until the router answers this operation. Everything else that comes is passed over. */
function exchange(
  { host, port = NAT_PMP_PORT, clock }: NatPmpTarget,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const socket = createSocket("udp4");
  let hasEnded = false;
  const end = (settle: () => void) => {
    if (hasEnded) return;
    hasEnded = true;
    for (const cancel of repeats) cancel();
    signal.removeEventListener("abort", onAbort);
    socket.close();
    settle();
  };
  const onAbort = () => end(() => reject(new Error(`No answer by NAT-PMP from ${host}`)));
  socket.on("error", (error) => end(() => reject(error)));
  socket.on("message", (message: Uint8Array, from) => {
    if (from.address !== host || from.port !== port) return;
    const answer = readAnswer(message, body[1]!);
    if (answer === undefined) return;
    end(() => answer instanceof Error ? reject(answer) : resolve(answer));
  });
  const repeats = REPEAT_AFTER_MS.map((afterMs) =>
    clock.after(afterMs, () => socket.send(body, port, host))
  );
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return promise;
}

/** The answer if it is one to the operation, or what the router says against it. */
export function readAnswer(message: Uint8Array, operation: number): Uint8Array | Error | undefined {
  if (message.length < 4 || message[0] !== 0 || message[1] !== operation + IS_ANSWER) {
    return undefined;
  }
  const result = viewOf(message).getUint16(2);
  if (result !== 0) {
    return new Error(`The router refuses by NAT-PMP: ${RESULTS[result] ?? `code ${result}`}`);
  }
  const length = operation === MAP_TCP ? MAP_BYTES : EXTERNAL_ADDRESS_BYTES;
  return message.length < length ? undefined : message;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
