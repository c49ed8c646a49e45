/**
 * A node with eight peers and nothing to do: what it says, what it costs, and whether it grows. Nine
 * real nodes in a room of network namespaces with nothing else in it, so that everything that goes
 * through the card of one of them is its own talk: TCP, multicast, ARP, headers included.
 */
import { join } from "node:path";
import type { Host, World } from "../../tests/support/places.ts";
import {
  type BenchContext,
  measured,
  type Measurement,
  median,
  megabytes,
  rounded,
} from "./measurement.ts";
import { pause } from "./node_process.ts";
import { cpuSecondsOf, memoryOf, program } from "./process.ts";

const PEERS = 8;
/** Connections are made and memory is taken in the first moments; they are no idle time. */
const WARM_UP_MS = 45_000;
const SAMPLE_EVERY_MS = 10_000;
const MEETING_MS = 120_000;

type Sample = { atMs: number; bytes: number; cpuSeconds: number; memoryBytes: number };

type IdleNode = { pid: number; host: Host; output: () => string; end: () => Promise<void> };

/** Throws where namespaces cannot be made. */
export async function benchIdle(context: BenchContext): Promise<Measurement[]> {
  const { whyNoPlaces } = await import("../../tests/support/netns.ts");
  const reason = whyNoPlaces();
  if (reason !== undefined) {
    context.tell(`left out, since it needs network namespaces: ${reason}`);
    return [];
  }
  const { World } = await import("../../tests/support/places.ts");
  const world = await World.create();
  const nodes: IdleNode[] = [];
  try {
    await meet(world, nodes, context);
    await pause(WARM_UP_MS);
    const samples = await watch(nodes[0]!, context);
    return measurements(samples, context.minutes);
  } finally {
    await Promise.all(nodes.map((node) => node.end()));
    await world.close();
  }
}

/** Starts the nodes, and waits until the first has a session with each of the others. */
async function meet(world: World, nodes: IdleNode[], context: BenchContext): Promise<void> {
  const lan = await world.lan();
  let entry: string | undefined;
  for (let count = 0; count <= PEERS; count++) {
    const host = await lan.host();
    const dataDir = join(context.runsFolder, `idle-${count}`);
    nodes.push(start(host, dataDir, world.phrase, entry));
    entry ??= host.address;
  }
  const [first] = nodes;
  const endMs = performance.now() + MEETING_MS;
  while (!new RegExp(`\\b${PEERS} peers`).test(first!.output())) {
    if (performance.now() > endMs) throw new Error(`Not all have met:\n${first!.output()}`);
    await pause(200);
  }
  context.tell(`${PEERS} peers are connected`);
}

/** Everything is on that a user has on: the local network, the chain's own DHT, the API. */
function start(host: Host, dataDir: string, phrase: string, entry: string | undefined): IdleNode {
  const { command, first, env } = program();
  const [ip, ...rest] = host.prefix;
  const args = ["start", "--rendezvous", phrase, "--dht", "private"];
  if (entry !== undefined) args.push("--peer", entry);
  const child = new Deno.Command(ip!, {
    args: [...rest, command, ...first, ...args],
    env: { MOIM_DATA_DIR: dataDir, NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  const reading = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: (part) => void (text += part) })).catch(() => {});
  const end = async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await child.status;
    await reading;
  };
  return { pid: child.pid, host, output: () => text, end };
}

async function watch(node: IdleNode, context: BenchContext): Promise<Sample[]> {
  const samples = [await sampleOf(node)];
  const count = Math.max(3, Math.round(context.minutes * 60_000 / SAMPLE_EVERY_MS));
  for (let turn = 1; turn <= count; turn++) {
    await pause(SAMPLE_EVERY_MS);
    samples.push(await sampleOf(node));
    if (turn % Math.ceil(count / 10) === 0) context.tell(progress(samples));
  }
  return samples;
}

async function sampleOf({ pid, host }: IdleNode): Promise<Sample> {
  const { received, sent } = await host.bytes();
  return {
    atMs: performance.now(),
    bytes: received + sent,
    cpuSeconds: cpuSecondsOf(pid),
    memoryBytes: memoryOf(pid).nowBytes,
  };
}

function progress(samples: readonly Sample[]): string {
  const minutes = (samples.at(-1)!.atMs - samples[0]!.atMs) / 60_000;
  const { bytesPerS, cpuPercent } = rates(samples);
  const memory = megabytes(samples.at(-1)!.memoryBytes);
  return `after ${minutes.toFixed(1)} min: ${rounded(bytesPerS)} bytes/s, ` +
    `${cpuPercent.toFixed(2)} % of a core, ${memory} MB`;
}

function rates(samples: readonly Sample[]): { bytesPerS: number; cpuPercent: number } {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const seconds = (last.atMs - first.atMs) / 1_000;
  return {
    bytesPerS: (last.bytes - first.bytes) / seconds,
    cpuPercent: 100 * (last.cpuSeconds - first.cpuSeconds) / seconds,
  };
}

function measurements(samples: readonly Sample[], minutes: number): Measurement[] {
  const { bytesPerS, cpuPercent } = rates(samples);
  const memory = samples.map((sample) => sample.memoryBytes);
  const third = Math.ceil(memory.length / 3);
  const growthBytes = median(memory.slice(-third)) - median(memory.slice(0, third));
  const of = `idle with ${PEERS} peers, ${minutes} min`;
  return [
    measured({
      id: "idle.bytes-per-s",
      name: `All traffic, in and out, ${of}`,
      unit: "bytes/s",
      runs: [bytesPerS],
      target: { kind: "most", of: "value", bound: 2_000 },
    }),
    measured({
      id: "idle.cpu-percent",
      name: `Processor time, ${of}`,
      unit: "% of a core",
      runs: [cpuPercent],
      target: { kind: "most", of: "value", bound: 1 },
    }),
    measured({
      id: "idle.growth-mb",
      name: `Memory of the last third over the first, ${of}`,
      unit: "MB",
      runs: [growthBytes / 1_000_000],
      details: { firstMb: megabytes(memory[0]!), lastMb: megabytes(memory.at(-1)!) },
    }),
  ];
}
