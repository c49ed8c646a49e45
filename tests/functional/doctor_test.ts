/** The doctor in situations that loopback can make. */
import assert from "node:assert/strict";
import { freePort, moim, MoimNode, type MoimOptions, until, withTempDir } from "../support/moim.ts";
import { startShiftedPeer } from "../support/shifted_peer.ts";

const PHRASE = "doctor";

// deno-lint-ignore no-explicit-any
type Report = { code: number; stderr: string; report: any; levels: Record<string, string> };

async function examined(args: string[], options: MoimOptions): Promise<Report> {
  const { code, stdout, stderr } = await moim(
    ["doctor", "--rendezvous", PHRASE, "--json", ...args],
    options,
  );
  const report = JSON.parse(stdout);
  const levels = Object.fromEntries(
    report.findings.map(({ code, level }: { code: string; level: string }) => [code, level]),
  );
  return { code, stderr, report, levels };
}

function seen({ report }: Report, code: string): string {
  return report.findings.find((finding: { code: string }) => finding.code === code).seen;
}

Deno.test("a busy port: another moim is named, another program is not", () =>
  withTempDir(async (dataDir) => {
    const port = freePort();
    const options = { dataDir: `${dataDir}/doctor` };
    const free = await examined(["--port", String(port)], options);
    assert.deepEqual([free.levels.port, free.levels["port-busy"], free.code], ["ok", undefined, 0]);
    {
      const args = ["start", "--rendezvous", "another", "--port", String(port), "--http", "off"];
      await using node = await MoimNode.start(args, { dataDir: `${dataDir}/other` });
      const busy = await examined(["--port", String(port)], options);
      assert.match(seen(busy, "port-busy"), /in use by moim\/\d/);
      assert.equal(busy.code, 1);
      // Of another network, but asked only who it is.
      assert.equal(busy.levels["wrong-network"], undefined);
      assert.equal(await node.interrupt(), 0);
    }
    using listener = Deno.listen({ hostname: "0.0.0.0", port });
    const other = await examined(["--port", String(listener.addr.port)], options);
    assert.match(seen(other, "port-busy"), /in use by another program/);
  }));

Deno.test("peers whose clocks and networks are others, beside a node and without one", () =>
  withTempDir(async (dataDir) => {
    const peers = await Promise.all([
      startShiftedPeer({ phrase: PHRASE, aheadMs: 90_000 }),
      startShiftedPeer({ phrase: PHRASE, aheadMs: 70_000 }),
      startShiftedPeer({ phrase: "lunch" }),
    ]);
    try {
      const named = peers.flatMap(({ address }) => ["--peer", address]);
      const alone = await examined(named, { dataDir });
      assert.match(seen(alone, "clock-off"), /clock is (70|69) s behind 2 peers/);
      assert.match(seen(alone, "wrong-network"), /met 1 node of "lunch"/);
      const { clock, "no-node": noNode, "wrong-network": wrong } = alone.levels;
      assert.deepEqual([clock, noNode, wrong], [undefined, "note", "note"]);
      assert.equal(alone.code, 1);

      const args = ["start", "--rendezvous", PHRASE, "--port", "0", ...named];
      await using node = await MoimNode.start(args, { dataDir });
      const beside = await until(async () => {
        const report = await examined([], { dataDir });
        const isMet = ["clock-off", "wrong-network"].every((code) => code in report.levels);
        return isMet && report;
      }, { what: "both findings beside the node" });
      assert.match(seen(beside, "clock-off"), /s behind 2 peers/);
      assert.deepEqual([beside.levels["no-node"], beside.levels.peers], [undefined, "ok"]);
      assert.equal(await node.interrupt(), 0);
    } finally {
      await Promise.all(peers.map((peer) => peer.stop()));
    }
  }));
