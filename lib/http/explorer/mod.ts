/**
 * The explorer: pages rendered by the node for people, in Korean and English. Every page is a pure
 * function of what the node answered and of the reader's view (language, theme, time); `routes.tsx`
 * asks, renders and sets the headers, `assets.ts` holds the one stylesheet, the one script and the
 * icon. Reading needs no script; with it, the parts of a page marked `data-live` follow the node.
 *
 * Nothing here knows names of keys: they are the owner's business and come to the wallet page only,
 * by the browser's own calls with the token.
 * @module
 */
export { addExplorer, type ExplorerOptions } from "./routes.tsx";
