import { EXIT } from "../../base/mod.ts";
import type { BlockInfo } from "../../node/mod.ts";
import { type Declare, examples, withCommon } from "../cli.ts";
import { count } from "../format.ts";
import { blockLines } from "./chain.ts";
import { transactionLines } from "./tx.ts";

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .argument("<block>", "id, height, or tip")
    .addHelpText("after", examples(["moim block 12", "by height"], ["moim block tip", "the last"]))
    .action(async (wanted, options) => {
      const block = await cli.withNode(
        options,
        async (node) =>
          await node.block(wanted === "tip" ? String((await node.status()).tipId) : wanted),
      );
      cli.report(options, block, () => detailLines(block));
      const isValid = block.proofOfWorkValid && block.signaturesValid && block.merkleRootValid;
      if (!isValid) cli.exitCode = EXIT.damaged;
    });
};

function detailLines(block: BlockInfo): string[] {
  const place = block.onMainChain
    ? count(block.confirmations, "confirmation")
    : "on a side branch, not in the chain";
  return [
    ...blockLines(block),
    `  merkle    ${block.merkleRoot} (${block.merkleRootValid ? "valid" : "INVALID"})`,
    `  bits      0x${block.bits.toString(16).padStart(8, "0")}, nonce ${block.nonce}, ` +
    `work ${block.work}`,
    `  ${block.bytes} bytes, ${place}`,
    ...block.details.flatMap((details) => transactionLines(details).map((line) => `  ${line}`)),
  ];
}
