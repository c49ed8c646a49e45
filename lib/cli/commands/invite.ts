import { EXIT, messageOf, UserError } from "../../base/mod.ts";
import { qrSvg } from "../../base/qr.ts";
import {
  connect,
  type InvitationInfo,
  invitationOf,
  makeGroup,
  type NodeConfig,
} from "../../node/mod.ts";
import { type Cli, type CommonOptions, type Declare, examples, withCommon } from "../cli.ts";
import { printable, shortId } from "../format.ts";
import { programName } from "../join.ts";
import { qrLines } from "../qr.ts";

/** Where the width of the screen is not told. */
const COLUMNS = 80;
/** An invitation to a group that is among itself is for its owner alone. */
const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .option("--new", "make a private group by six new words in this data folder")
    .option("--name <name>", "with --new: the network's name (made from the words)")
    .option("--qr <file.svg>", "write the link's QR code to a file")
    .option("--no-qr", "draw no QR code on the terminal")
    .option("--out <file>", "write the link to a file")
    .addHelpText(
      "after",
      examples(
        ["moim invite", "what brings others onto this network"],
        ["moim invite --new", "a group of its own, joined by six words"],
        ["moim invite --new --network club.json", "with the parameters of a network file"],
        ["moim invite --out club.txt", "a file to send; moim join club.txt reads it"],
      ),
    )
    .action(async (options) => {
      const { name, qr, out } = options;
      if (name !== undefined && !options.new) {
        throw new UserError(EXIT.usage, "Say --new with --name: a network's name stays what it is");
      }
      const config = options.new ? await madeGroup(options, cli) : await cli.configure(options);
      const info = await infoOf(config);
      const isOpen = info.access === "open";
      const mode = isOpen ? PUBLIC_MODE : PRIVATE_MODE;
      if (out !== undefined) await writeNew(out, info.link + "\n", { mode, flag: "--out" });
      if (typeof qr === "string") await writeNew(qr, qrSvg(info.link), { mode, flag: "--qr" });
      const { shorterLinks: _forQr, ...told } = info;
      cli.report(options, told, () => inviteLines(info));
      if (qr === undefined && cli.terminal.isScreen && !options.json) drawQr(info, cli);
      for (const line of notes(info)) cli.terminal.talk(line);
    });
};

/** Makes the group, and gives the configuration that opens it. */
async function madeGroup(
  options: CommonOptions & { name?: string | undefined },
  cli: Cli,
): Promise<NodeConfig> {
  if (options.rendezvous !== undefined) {
    throw new UserError(
      EXIT.usage,
      "Leave out --rendezvous: a group by words has no phrase; --name NAME names it",
    );
  }
  const { network, name, ...common } = options;
  const config = await makeGroup(await cli.configure(common), { network, name });
  const next = await cli.configure(common);
  if (next.networkRequested) {
    cli.terminal.talk(
      `Note: ${next.origins.network} names another network, which moim start runs instead`,
    );
  }
  return config;
}

async function infoOf(config: NodeConfig): Promise<InvitationInfo> {
  const node = await connect(config);
  try {
    return await invitationOf(node, config.dataDir);
  } finally {
    await node.close();
  }
}

function inviteLines(info: InvitationInfo): string[] {
  const { words, phrase, link } = info;
  return [
    `network     ${printable(info.network)}, genesis ${shortId(info.genesisId)}`,
    words === undefined ? `phrase      ${printable(phrase ?? "")}` : `words       ${words}`,
    `link        ${link}`,
    `join        ${programName()} join ${words ?? link}`,
  ];
}

/** What the reader should know of what was shown, one line each. */
function notes(info: InvitationInfo): string[] {
  const lines = [
    info.access === "open"
      ? "The phrase is public: whoever guesses it is on this network; " +
        "moim invite --new makes a private group"
      : "Whoever sees this can join the group and read its chain: show it to its members only",
  ];
  if (!info.running) {
    lines.push("No node runs here now, so the link has no address: moim start runs one");
  }
  if (!info.parametersTravel) {
    lines.push(
      "The parameters are too long to travel: give the network file too, for " +
        "moim join LINK --network FILE",
    );
  }
  return lines;
}

/** Addresses are left out of the link as far as its code would be wider than the screen. */
function drawQr({ link, shorterLinks }: InvitationInfo, { terminal }: Cli): void {
  const screen = { columns: screenColumns(), hasColours: !Deno.env.get("NO_COLOR") };
  for (const each of [link, ...shorterLinks]) {
    const lines = qrLines(each, screen);
    if (lines === undefined) continue;
    for (const line of ["", ...lines, ""]) terminal.out(line);
    return;
  }
  terminal.talk("The window is too narrow for a QR code: widen it, or moim invite --qr FILE.svg");
}

function screenColumns(): number {
  try {
    return Deno.consoleSize().columns || COLUMNS;
  } catch {
    return COLUMNS; // Standard output is no screen of the system's.
  }
}

/** A file that somebody has is not changed under them. */
async function writeNew(
  path: string,
  text: string,
  { mode, flag }: { mode: number; flag: string },
): Promise<void> {
  try {
    await Deno.writeTextFile(path, text, { createNew: true, mode });
  } catch (error) {
    const why = error instanceof Deno.errors.AlreadyExists ? "it exists" : messageOf(error);
    throw new UserError(EXIT.failed, `Cannot write "${path}": ${why}; give another ${flag}`);
  }
}
