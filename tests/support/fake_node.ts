/** A `NodeApi` made of the calls a test wants answered; every other call fails it. */
import type { NodeApi } from "../../lib/node/mod.ts";

export function fakeNode(calls: Partial<NodeApi>): NodeApi {
  return new Proxy(calls, {
    get(target, name) {
      const call = Reflect.get(target, name);
      if (call !== undefined) return call;
      return () => Promise.reject(new Error(`Unexpected call of ${String(name)}`));
    },
  }) as NodeApi;
}
