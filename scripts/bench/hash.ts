/** The hash rate of the node's own grinder, with one worker and two, beside a loop in C. */
import { join } from "node:path";
import { systemRandom } from "../../lib/base/random.ts";
import { ZERO } from "../../lib/primitives/amount.ts";
import { encodeBlock } from "../../lib/primitives/block.ts";
import { genesisContext } from "../../lib/consensus/header_context.ts";
import { Grinder } from "../../lib/minter/grinder.ts";
import { buildTemplate } from "../../lib/minter/template.ts";
import { type BenchContext, measured, type Measurement, rounded } from "./measurement.ts";
import { pause } from "./node_process.ts";
import { benchKey, NETWORK } from "./payment_chain.ts";

const SECONDS = 3;
/** Workers start and their code gets warm. */
const WARMUP_MS = 1_000;
/** A target that no hash meets: the smallest there is. */
const HOPELESS_BITS = 0x0101_0000;
const C_SOURCE = join(import.meta.dirname!, "midstate.c");

export async function benchHash(context: BenchContext): Promise<Measurement[]> {
  const one: number[] = [];
  const two: number[] = [];
  const inC: number[] = [];
  const program = await compileC(context);
  for (let at = 1; at <= context.runs; at++) {
    one.push(await hashRate(1));
    two.push(await hashRate(2));
    if (program !== undefined) inC.push(await rateInC(program));
    const c = inC.at(-1);
    context.tell(
      `run ${at}: ${rounded(one.at(-1)!)} MH/s, two workers ${rounded(two.at(-1)!)}` +
        (c === undefined ? "" : `, C ${rounded(c)}`),
    );
  }
  return [
    measured({
      id: "hash.mh-per-s",
      name: "Hash rate, one worker",
      unit: "MH/s",
      runs: one,
      target: { kind: "least", of: "value", bound: 3 },
      details: inC.length > 0 ? { cMidstateLoop: inC.map(rounded) } : {},
    }),
    measured({
      id: "hash.two-to-one",
      name: "Hash rate, two workers against one",
      unit: "x",
      runs: two.map((rate, at) => rate / one[at]!),
      target: { kind: "least", of: "value", bound: 1.7 },
    }),
  ];
}

/** Million hashes a second of a grinder with that many workers. */
async function hashRate(threads: number): Promise<number> {
  const grinder = new Grinder({ threads, random: systemRandom });
  const ended = new AbortController();
  const template = buildTemplate({
    network: NETWORK,
    parent: genesisContext(NETWORK),
    payments: [],
    fees: ZERO,
    lock: benchKey(0).lock,
    nowMs: Date.now(),
  });
  const hopeless = encodeBlock({
    ...template,
    header: { ...template.header, bits: HOPELESS_BITS },
  });
  const grinding = grinder.grind(hopeless, ended.signal);
  await pause(WARMUP_MS);
  const [hashes, startMs] = [grinder.hashes, performance.now()];
  await pause(SECONDS * 1_000);
  const rate = (grinder.hashes - hashes) / (performance.now() - startMs) / 1_000;
  ended.abort();
  grinder.close();
  await grinding;
  return rate;
}

/** The C loop as a program, without the processor's own SHA instructions; undefined without gcc. */
async function compileC({ work, tell }: BenchContext): Promise<string | undefined> {
  await Deno.mkdir(work, { recursive: true });
  const program = join(work, "midstate");
  try {
    const { code, stderr } = await new Deno.Command("gcc", {
      args: ["-O3", "-o", program, C_SOURCE],
      stdout: "null",
      stderr: "piped",
    }).output();
    if (code === 0) return program;
    tell(`no loop in C: ${new TextDecoder().decode(stderr).split("\n")[0]}`);
  } catch {
    tell("no loop in C: gcc is not here");
  }
  return undefined;
}

async function rateInC(program: string): Promise<number> {
  const { stdout } = await new Deno.Command(program, { args: [`${SECONDS}`] }).output();
  return Number(new TextDecoder().decode(stdout).split(" ")[0]) / 1e6;
}
