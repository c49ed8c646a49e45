/**
 * Making blocks: the template, the nonce workers, and the policy of when to mint at all.
 * @module
 */
export { type Grind, Grinder } from "./grinder.ts";
export {
  type Minted,
  Minter,
  type MinterParts,
  type MinterPolicy,
  type MinterState,
  type MintWhen,
} from "./minter.ts";
export { buildTemplate, type TemplateParts } from "./template.ts";
