/**
 * Tools without domain words: bytes, time, chance, assertions, errors for users, the log.
 * Everything may import them; they import nothing of ours.
 * @module
 */
export * from "./assert.ts";
export * from "./bytes.ts";
export * from "./clock.ts";
export * from "./errors.ts";
export * from "./log.ts";
export * from "./packed.ts";
export * from "./random.ts";
export * from "./serial_queue.ts";
export * from "./signals.ts";
export * from "./telemetry.ts";
