/** The HTTP server without a socket, over a node of which a test answers some calls. */
import { createApp } from "../../lib/http/mod.ts";
import type { Clock } from "../../lib/base/mod.ts";
import type { NodeApi } from "../../lib/node/mod.ts";
import { fakeNode } from "./fake_node.ts";

export const TOKEN = "t".repeat(64);
export const HOST = "127.0.0.1:8000";

export type Init = RequestInit & { token?: string; host?: string };
export type Ask = (path: string, init?: Init) => Promise<Response>;

type Options = { isOpen?: boolean; clock?: Clock };

/** A server over a node with some calls; `status` answers unless it is among them. */
export function appOver(
  calls: Partial<Record<keyof NodeApi, unknown>>,
  options: Options = {},
): Ask {
  const status = () => Promise.resolve({ tipId: "t1" });
  const answered = calls.status === undefined ? { status, ...calls } : calls;
  return appOn(fakeNode(answered as Partial<NodeApi>), options);
}

/** A server over `node`. */
export function appOn(node: NodeApi, { isOpen = true, clock }: Options = {}): Ask {
  const created = createApp(node, {
    token: TOKEN,
    instanceId: "run-1",
    boundHost: "127.0.0.1",
    isOpen,
    ...(clock && { clock }),
  });
  return (path, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set("host", init.host ?? HOST);
    if (init.token !== undefined) headers.set("authorization", `Bearer ${init.token}`);
    return created.request(`http://${HOST}${path}`, { ...init, headers });
  };
}

/** A POST of JSON. */
export function json(body: unknown): RequestInit {
  return {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  };
}
