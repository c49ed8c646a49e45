/**
 * The messages of `/moim/1.0.0`, pure: one entry a message in one table (`messages.ts`) with type
 * byte, largest size, quota and codec; one file for each group of messages; `frame.ts` cuts a
 * stream into frames. A message may change while a rule may not, so this room and `consensus` do
 * not see each other. Texts of strangers arrive bounded and cleaned.
 * @module
 */
export * from "./addr.ts";
export { cleanText, clipText, type Codec, type Quota } from "./codec.ts";
export * from "./compact.ts";
export * from "./error.ts";
export * from "./frame.ts";
export * from "./goodbye.ts";
export * from "./headers.ts";
export * from "./inventory.ts";
export * from "./membership.ts";
export * from "./messages.ts";
export * from "./network.ts";
export * from "./payload.ts";
export * from "./short_id.ts";
export * from "./version.ts";
