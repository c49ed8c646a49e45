/** The parts of a payment's check one by one, as `deno bench` measures them. */
import { join } from "node:path";
import { type BenchContext, measured, type Measurement } from "./measurement.ts";

const FILE = join(import.meta.dirname!, "primitives_bench.ts");

interface Report {
  readonly benches: readonly {
    readonly name: string;
    readonly results: readonly { readonly ok?: { readonly avg: number; readonly p75: number } }[];
  }[];
}

export async function benchPrimitives(_context: BenchContext): Promise<Measurement[]> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["bench", "--no-check", "--no-prompt", "-A", "--json", FILE],
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`deno bench ended with ${code}`);
  const { benches } = JSON.parse(new TextDecoder().decode(stdout)) as Report;
  return benches.map(({ name, results }) =>
    measured({
      id: `primitives.${name.replaceAll(/[^a-z0-9]+/gi, "-")}-us`,
      name: `On one core: ${name}`,
      unit: "µs",
      runs: results.flatMap(({ ok }) => ok === undefined ? [] : [ok.avg / 1_000]),
    })
  );
}
