import { VERSION } from "../../node/mod.ts";
import type { Declare } from "../cli.ts";

export const declare: Declare = (command, cli) => {
  command.option("--json", "print JSON").action((options) => {
    const { deno, v8 } = Deno.version;
    const { os, arch, standalone } = Deno.build;
    const result = { version: VERSION, deno, v8, os, arch, standalone };
    cli.report(options, result, () => [`moim ${VERSION} (deno ${deno}, ${os} ${arch})`]);
  });
};
