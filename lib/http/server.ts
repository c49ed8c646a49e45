/** The API on a port. */
import { delay, EXIT, messageOf, systemClock, UserError } from "../base/mod.ts";
import type { NodeApi, ServedApi, ServeOptions } from "../node/mod.ts";
import { Front } from "./front.ts";

/**
 * Serves the API until `close`. Without a wanted port the preferred one, or a free one when that is
 * taken. Throws `UserError` (failed) when the wanted port is busy or the host is not this machine's.
 */
export function serveApi(api: NodeApi, options: ServeOptions): ServedApi {
  const { setting, token, instanceId } = options;
  const host = setting.kind === "off" ? "127.0.0.1" : setting.host;
  const front = new Front(api, {
    token,
    instanceId,
    boundHost: host,
    isOpen: setting.kind === "on",
    homeUrl: () => `http://${onThisMachine(host)}:${server.addr.port}/`,
  });
  const listen = (port: number) =>
    Deno.serve({ hostname: host, port, onListen: () => {} }, front.fetch);
  const wanted = setting.kind === "on" ? setting.port : 0;
  const server: Server = wanted === undefined
    ? listenPreferring(options.preferredPort, listen)
    : listenOn(wanted, host, listen);
  return {
    host,
    port: server.addr.port,
    close: () => {
      front.close();
      // Not `shutdown` alone: it waits for every open answer, and some take long.
      return closeWithin(server, CLOSE_MS);
    },
  };
}

/** The host part of a URL that leads here from this machine. */
function onThisMachine(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

/** How long answers under way may take at stop. */
const CLOSE_MS = 500;

type Server = Deno.HttpServer<Deno.NetAddr>;

async function closeWithin(server: Server, timeoutMs: number): Promise<void> {
  const done = new AbortController();
  await Promise.race([server.shutdown(), delay(systemClock, timeoutMs, done.signal)]);
  done.abort();
}

function listenPreferring(port: number, listen: (port: number) => Server): Server {
  try {
    return listen(port >= 1 && port <= 65535 ? port : 0);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return listen(0);
    throw error;
  }
}

function listenOn(port: number, host: string, listen: (port: number) => Server): Server {
  try {
    return listen(port);
  } catch (error) {
    const why = error instanceof Deno.errors.AddrInUse ? "the port is busy" : messageOf(error);
    throw new UserError(
      EXIT.failed,
      `Cannot serve HTTP on ${host}:${port}: ${why}; give another with --http, or off`,
    );
  }
}
