import { EXIT, UserError } from "../../base/mod.ts";
import { type Invitation, joinNetwork, readInvitation, refuseSecondNode } from "../../node/mod.ts";
import { type Declare, examples } from "../cli.ts";
import { untilInterrupted } from "../interrupt.ts";
import { runNode, withNodeOptions } from "./start.ts";

/** A link has at most 2,048 characters, and a file may hold a line more. */
const FILE_BYTES_MAX = 8 * 1024;

export const declare: Declare = (command, cli) => {
  withNodeOptions(command)
    .argument("<invitation...>", "six words, a moim: link, or a file that holds either")
    .addHelpText(
      "after",
      examples(
        ["moim join WORD WORD WORD WORD WORD WORD", "six words that somebody told you"],
        ["moim join moim:1+words=…", "a link, as moim invite prints it"],
        ["moim join club.txt --minter w1", "a file; with every option of start"],
        ["moim start", "the same network again, from then on"],
      ),
    )
    .action(async (given, options) => {
      const { json, dataDir, rendezvous, network, logLevel, logFormat, ...flags } = options;
      if (rendezvous !== undefined) {
        throw new UserError(
          EXIT.usage,
          "Leave out --rendezvous: an invitation says itself which network it is of",
        );
      }
      const config = await cli.configure({ dataDir, logLevel, logFormat }, flags);
      const invitation = await invitationFrom(given);
      await refuseSecondNode(config);
      const { terminal } = cli;
      const interrupted = untilInterrupted(terminal);
      const abort = new AbortController();
      void interrupted.done.then(() => abort.abort());
      const onLine = (text: string) =>
        terminal.out(
          json ? JSON.stringify({ kind: "notice", level: "info", text }) : `join        ${text}`,
        );
      const joined = await joinNetwork(config, invitation, {
        network,
        onLine,
        signal: abort.signal,
      });
      await runNode(joined, { isJson: json === true, cli, interrupted });
    });
};

/** Throws `UserError` (usage), one line that says what is wrong with what was given. */
async function invitationFrom(given: readonly string[]): Promise<Invitation> {
  const text = given.join(" ");
  const content = given.length === 1 ? await fileText(text) : undefined;
  if (content !== undefined) {
    return await readInvitation(content).catch((error) => {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(error.exitCode, `${error.message} (in file "${text}")`);
    });
  }
  // No word and no link has these; a link that was cut off before its colon is told as damaged.
  if (given.length === 1 && /[/\\]|\.[a-z]{1,5}$/i.test(text) && !/^moim:/i.test(text)) {
    throw new UserError(
      EXIT.usage,
      `Cannot find file "${text.slice(0, 80)}": give six words, a link, or a file with either`,
    );
  }
  return await readInvitation(text);
}

/** What a file holds; undefined where there is none of that name. */
async function fileText(path: string): Promise<string | undefined> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch {
    return undefined;
  }
  try {
    if (!(await file.stat()).isFile) return undefined;
    const bytes = new Uint8Array(FILE_BYTES_MAX + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = await file.read(bytes.subarray(length));
      if (read === null) break;
      length += read;
    }
    if (length > FILE_BYTES_MAX) {
      throw new UserError(
        EXIT.usage,
        `Cannot use file "${path}": an invitation takes at most ${FILE_BYTES_MAX} bytes; ` +
          "give six words, a link, or a file with either",
      );
    }
    return new TextDecoder().decode(bytes.subarray(0, length));
  } finally {
    file.close();
  }
}
