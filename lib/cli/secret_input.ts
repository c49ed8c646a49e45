/** Reading a secret: from standard input, never from the arguments, where other users see it. */
import { EXIT, UserError } from "../base/errors.ts";
import type { Terminal } from "./terminal.ts";

/** Longest line read; 24 words take less than 300 bytes. */
const LINE_BYTES_MAX = 4096;

/**
 * One line of standard input, trimmed; asks for it on a terminal, where it is not shown.
 * Throws `UserError` (usage) when there is none.
 */
export async function readSecretLine(question: string, terminal: Terminal): Promise<string> {
  const isTerminal = Deno.stdin.isTerminal();
  if (isTerminal) terminal.talk(question);
  const line = isTerminal ? await readHidden() : await readLine();
  if (line === "") throw new UserError(EXIT.usage, "Nothing given: type it, or send it on stdin");
  return line;
}

/**
 * What `--secret` (true), `--no-secret` (false) or neither mean for the configuration: the secret
 * that was asked for, false, or undefined. Throws as `readSecretLine`.
 */
export async function askedSecret(
  flag: boolean | undefined,
  terminal: Terminal,
): Promise<string | false | undefined> {
  if (flag !== true) return flag;
  return await readSecretLine("Secret of the network (it is not shown): ", terminal);
}

async function readLine(): Promise<string> {
  const buffer = new Uint8Array(LINE_BYTES_MAX);
  let length = 0;
  while (length < buffer.length && !buffer.subarray(0, length).includes(0x0a)) {
    const read = await Deno.stdin.read(buffer.subarray(length));
    if (read === null) break;
    length += read;
  }
  return new TextDecoder().decode(buffer.subarray(0, length)).split(/[\r\n]/)[0]!.trim();
}

/** Raw mode shows nothing; Enter ends, Backspace works, Ctrl-C leaves. */
async function readHidden(): Promise<string> {
  Deno.stdin.setRaw(true);
  try {
    let line = "";
    const buffer = new Uint8Array(256);
    while (line.length < LINE_BYTES_MAX) {
      const read = await Deno.stdin.read(buffer);
      if (read === null) return line.trim();
      for (const character of new TextDecoder().decode(buffer.subarray(0, read))) {
        if (character === "\r" || character === "\n") return line.trim();
        if (character === "\x03") throw new UserError(EXIT.interrupted, "Interrupted");
        line = character === "\x7f" || character === "\b" ? line.slice(0, -1) : line + character;
      }
    }
    return line.trim();
  } finally {
    Deno.stdin.setRaw(false);
  }
}
