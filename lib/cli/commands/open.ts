import { EXIT, UserError } from "../../base/mod.ts";
import { connectRunning, type NodeApi } from "../../node/mod.ts";
import { type Declare, examples, withCommon } from "../cli.ts";

/** The explorer's pages, by the name that its address has too. */
const PAGES = ["chain", "mempool", "peers", "forks", "stats", "wallet", "class"];

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .argument("[page]", `${PAGES.join(", ")}; or a height, an id, an address, a key's name`)
    .addHelpText(
      "after",
      examples(
        ["moim open", "the chain, live"],
        ["moim open wallet", "balance, receive, send, mint in the browser"],
        ["moim open class", "for a projector: how to join, who minted"],
        ["moim open 7", "block 7"],
      ),
    )
    .action(async (page, options) => {
      const config = await cli.configure(options);
      const { node, url, token } = await connectRunning(config);
      const address = `${url}${await pathOf(page ?? "chain", node)}#token=${token}`;
      cli.report(options, { url: address }, () => [address]);
      if (options.json) return;
      cli.terminal.talk(
        "Click it, or copy it to a browser: moim starts no other program. It opens your wallet, " +
          "so show it to nobody",
      );
    });
};

/** Below the node's address. Throws `UserError` (notFound) for what names nothing. */
async function pathOf(page: string, node: Pick<NodeApi, "search">): Promise<string> {
  if (page === "chain") return "/";
  if (PAGES.includes(page)) return `/${page}`;
  const { kind, id } = await node.search(page);
  if (kind === "block") return `/block/${id}`;
  if (kind === "transaction") return `/tx/${id}`;
  if (kind === "address") return `/address/${id}`;
  throw new UserError(
    EXIT.notFound,
    `Nothing here is called "${page.slice(0, 80)}": give a height, an id, an address or one of ` +
      PAGES.join(", "),
  );
}
