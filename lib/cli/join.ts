/** The lines that bring another terminal or machine onto this node's network. */
import type { NodeConfig, NodeStatus } from "../node/mod.ts";

/** How the program is called here: as the executable, or from a checkout. */
export function programName(): string {
  return Deno.build.standalone ? "moim" : "deno task node";
}

/** One line for this machine, and one for another when some address is not loopback. */
export function joinLines(status: NodeStatus, config: NodeConfig): string[] {
  // Words are a secret: they are shown when they are asked for.
  if (status.access === "words") {
    return [
      `join        ${programName()} invite shows the words, a link and a QR: for members only`,
    ];
  }
  const network = networkOption(status, config);
  const local = status.addresses.find((address) => address.startsWith("/ip4/127.")) ??
    status.addresses[0];
  const others = status.addresses.filter((address) =>
    !/^\/(ip4\/127\.|ip6\/::1\/|ip6\/fe80)/.test(address)
  );
  const port = /\/tcp\/([0-9]+)/.exec(local ?? "")?.[1] ?? String(config.port);
  const nodeId = Deno.build.os === "windows"
    ? `set NODE_ID=${Number(port) + 1} && `
    : `NODE_ID=${Number(port) + 1} `;
  const peer = local === undefined ? "" : ` --peer ${local}`;
  const lines = [`join        another terminal: ${nodeId}${programName()} ${network}${peer}`];
  if (others[0] !== undefined) {
    lines.push(`            another machine:  ${programName()} ${network} --peer ${others[0]}`);
  }
  return lines;
}

function networkOption(status: NodeStatus, config: NodeConfig): string {
  const option = nameOption(status, config);
  return status.access === "secret" ? `${option} --secret` : option;
}

function nameOption(status: NodeStatus, { networkChoice }: NodeConfig): string {
  const verb = "start";
  switch (networkChoice.kind) {
    case "dev":
      return `${verb} --network dev`;
    case "file":
      return `${verb} --network ${quoted(networkChoice.path)}`;
    case "folder":
      return `${verb} --network ${quoted(`${status.network}.json`)}`;
    case "phrase":
      return `${verb} --rendezvous ${quoted(networkChoice.phrase)}`;
  }
}

/** For a POSIX shell or cmd: plain words as they are, the rest in quotes. */
function quoted(text: string): string {
  if (/^[\p{L}\p{N}._/:-]+$/u.test(text)) return text;
  return Deno.build.os === "windows"
    ? `"${text.replaceAll('"', '""')}"`
    : `'${text.replaceAll("'", "'\\''")}'`;
}
