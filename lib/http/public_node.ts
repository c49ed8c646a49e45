/** A node as strangers may see it: what names of keys mean is their owner's business. */
import type { NodeApi, SearchResult } from "../node/api.ts";
import type { Blocks } from "./blocks.ts";

/** Whether a text is meant as an address, not as a key's name (which may not look like one). */
export function isAddress(text: string): boolean {
  return text.toLowerCase().startsWith("moim1");
}

/** As `NodeApi.search`, but names of keys name nothing. */
export async function searchWithoutNames(api: NodeApi, text: string): Promise<SearchResult> {
  const found = await api.search(text);
  return found.kind === "address" && !isAddress(text.trim()) ? { kind: "none" } : found;
}

/** `api` for pages: blocks come from the cache, without names, and names are not found. */
export function publicNode(api: NodeApi, blocks: Blocks): NodeApi {
  const calls: Partial<NodeApi> = {
    block: async (idOrHeight) => JSON.parse((await blocks.text(idOrHeight, false)).text),
    search: (text) => searchWithoutNames(api, text),
  };
  return new Proxy(api, {
    get(target, name) {
      const own = Reflect.get(calls, name);
      if (own !== undefined) return own;
      const call = Reflect.get(target, name);
      return typeof call === "function" ? call.bind(target) : call;
    },
  });
}
