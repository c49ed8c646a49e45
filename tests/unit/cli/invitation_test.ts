import { strict as assert } from "node:assert";
import { join } from "node:path";
import { run, type Terminal } from "../../../lib/cli/mod.ts";
import { wordsOfEntropy } from "../../../lib/node/invitation_words.ts";
import { snapshot, withTempDir } from "../../support/moim.ts";
import { readQrBlocks, readQrSvg } from "../../support/qr_reader.ts";

const WORDS = wordsOfEntropy(new Uint8Array(8).fill(3));

/** Runs a command that opens no network, with what it printed. */
async function ran(args: string[], { isScreen = false } = {}) {
  const out: string[] = [];
  const talk: string[] = [];
  const terminal: Terminal = {
    out: (line) => out.push(line),
    talk: (line) => talk.push(line),
    style: (_style, text) => text,
    isScreen,
  };
  const serveApi = () => Promise.reject(new Error("Nothing is served here"));
  const code = await run(args, { serveApi, terminal });
  return { code, out, talk };
}

Deno.test("what is no invitation: one line, exit 2, and nothing is made", () =>
  withTempDir(async (dir) => {
    const data = join(dir, "data");
    const file = async (name: string, text: string) => {
      await Deno.writeTextFile(join(dir, name), text);
      return join(dir, name);
    };
    const link = "moim:1+words=a-b-c-d-e-f+genesis=AAAA+hash=AAAA+check=AAAAAA";
    const cases: [string[], RegExp][] = [
      [WORDS.with(3, "abotu"), /word 4, "abotu", is not one of the list; did you mean about/],
      [WORDS.toSpliced(0, 1), /six words and 5 were given/],
      [WORDS.with(0, WORDS[1]!).with(1, WORDS[0]!), /one of these words is wrong or two are exch/],
      [[link], /damaged; copy it whole/],
      [[link.replace("moim:1", "moim:2")], /of version 2 and this program reads version 1/],
      [[link + "A".repeat(3_000)], /at most 2048/],
      [[join(dir, "none.txt")], /Cannot find file/],
      [[await file("empty.txt", "")], /six words and 0 were given; give all six.*\(in file/],
      [[await file("link.txt", link)], /damaged.*\(in file/],
      [[await file("long.txt", "x".repeat(10_000))], /at most 8192 bytes/],
      [[...WORDS, "--rendezvous", "tuto"], /Leave out --rendezvous/],
      [[], /Missing required argument/],
    ];
    for (const [args, line] of cases) {
      const { code, out, talk } = await ran(["join", ...args, "--data-dir", data]);
      assert.equal(code, 2, args.join(" "));
      assert.deepEqual(out, []);
      assert.equal(talk.length, 1, talk.join("\n"));
      assert.match(talk[0]!, line);
    }
    await assert.rejects(Deno.stat(data), Deno.errors.NotFound);
  }));

Deno.test("a group by words: remembered, shown again, never replaced", () =>
  withTempDir(async (dir) => {
    const data = ["--data-dir", join(dir, "data")];
    const files = { svg: join(dir, "code.svg"), txt: join(dir, "link.txt") };
    const made = await ran(["invite", "--new", "--json", ...data]);
    assert.equal(made.code, 0, made.talk.join("\n"));
    const info = JSON.parse(made.out.join("\n"));
    assert.match(info.words, /^([a-z]+ ){5}[a-z]+$/);
    assert.match(info.network, /^group [0-9a-f]{8}$/);
    assert.deepEqual([info.access, info.running, info.addresses], ["words", false, []]);

    const shown = await ran(["invite", ...data], { isScreen: true });
    const text = shown.out.join("\n");
    assert.ok(text.includes(`words       ${info.words}`) && text.includes(info.link));
    const code = shown.out.filter((line) => /[█▀▄]/.test(line));
    assert.equal(readQrBlocks(code, !Deno.env.get("NO_COLOR")), info.link);
    assert.match(shown.talk.join("\n"), /show it to its members only/);

    const written = ["invite", "--qr", files.svg, "--out", files.txt, ...data];
    const plain = await ran(written, { isScreen: true });
    assert.ok(!plain.out.some((line) => /[█▀▄]/.test(line)));
    assert.equal(readQrSvg(await Deno.readTextFile(files.svg)), info.link);
    assert.equal(await Deno.readTextFile(files.txt), info.link + "\n");
    if (Deno.build.os !== "windows") {
      assert.equal((await Deno.stat(files.txt)).mode! & 0o777, 0o600);
    }
    const before = await snapshot(dir);
    assert.equal((await ran(written)).code, 1);
    assert.deepEqual(Object.keys(await snapshot(dir)), Object.keys(before));

    // A second group takes its place as what `start` runs; the first stays beside it.
    const second = JSON.parse((await ran(["invite", "--new", "--json", ...data])).out.join("\n"));
    const now = JSON.parse((await ran(["invite", "--json", ...data])).out.join("\n"));
    assert.notEqual(second.words, info.words);
    assert.equal(now.words, second.words);
    const networks = [...Deno.readDirSync(join(dir, "data", "networks"))];
    assert.equal(networks.length, 2);
  }));

Deno.test("a group takes the parameters of a file, or a name, and no phrase", () =>
  withTempDir(async (dir) => {
    const data = ["--data-dir", join(dir, "data")];
    const file = join(dir, "club.json");
    await Deno.writeTextFile(file, JSON.stringify({ name: "club", spacingMs: 5_000 }));
    const made = await ran(["invite", "--new", "--network", file, "--json", ...data]);
    assert.equal(JSON.parse(made.out.join("\n")).network, "club");
    const network = JSON.parse((await ran(["network", "--json", ...data])).out.join("\n"));
    assert.equal(network.parameters.spacingMs, 5_000);
    assert.equal(network.access, "words");

    // The same network cannot belong to two groups in one folder.
    const again = await ran(["invite", "--new", "--network", file, ...data]);
    assert.equal(again.code, 1);
    assert.match(again.talk[0]!, /"club" is in .* already, with another secret/);
    const named = await ran(
      ["invite", "--new", "--network", file, "--name", "club two", "--json", ...data],
    );
    assert.equal(JSON.parse(named.out.join("\n")).network, "club two");

    for (
      const [args, line] of [
        [["--new", "--rendezvous", "tuto"], /Leave out --rendezvous/],
        [["--name", "x"], /Say --new with --name/],
        [["--new", "--name", " "], /Cannot use name: it is empty/],
        [["--new", "--network", join(dir, "none.json")], /Cannot find network file/],
      ] as const
    ) {
      const { code, talk } = await ran(["invite", ...args, ...data]);
      assert.equal(code, 2);
      assert.match(talk[0]!, line);
    }
  }));

Deno.test("of a phrase it is said that it is public, and how to be private", () =>
  withTempDir(async (dir) => {
    const args = ["--rendezvous", "한글 tuto", "--data-dir", join(dir, "data")];
    const { code, out, talk } = await ran(["invite", ...args]);
    assert.equal(code, 0);
    assert.match(out.join("\n"), /^phrase {6}한글 tuto$/m);
    assert.match(out.join("\n"), /phrase=%ED%95%9C%EA%B8%80%20tuto\+/);
    assert.match(talk[0]!, /whoever guesses it is on this network; moim invite --new makes/);
  }));
