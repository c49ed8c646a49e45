/** The program: arguments in, exit code out. */
import { run } from "./lib/cli/mod.ts";

const exitCode = await run(Deno.args, {
  serveApi: async (api, options) => (await import("./lib/http/mod.ts")).serveApi(api, options),
});
// Libraries may hold timers and channels open; everything of ours is closed by now.
Deno.exit(exitCode);
