/**
 * CPace: two sides that hold the same password come to a common key, and one that does not learns
 * nothing but that its single guess was wrong: what passes between them can be tested against no
 * list of passwords. After draft-irtf-cfrg-cpace-21 with ristretto255 and SHA-512, the roles of
 * initiator and responder, and the key confirmation of its section on that.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { ByteWriter, concatBytes, equalBytes, utf8 } from "../base/bytes.ts";

type Point = InstanceType<typeof ristretto255.Point>;

const DSI = utf8("CPaceRistretto255");
const DSI_ISK = utf8("CPaceRistretto255_ISK");
const DSI_MAC = utf8("CPaceMac");
/** Input block of SHA-512. */
const BLOCK_BYTES = 128;
/** Scalars have at most 252 bits: the order of the group is a little more than 2^252. */
const SCALAR_MASK = 2n ** 252n - 1n;
/** No session identifier: the two shares, fresh for each run, stand for it. */
const NO_SESSION_ID = new Uint8Array();

/** A share that no honest side sends. */
export class CpaceError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CpaceError";
  }
}

/** What both sides hold alike. */
export interface CpaceInput {
  readonly password: Uint8Array;
  /** Names the channel: who speaks with whom, and who of them began. */
  readonly channel: Uint8Array;
  readonly sessionId?: Uint8Array;
}

/** What one side brings of its own. */
export interface CpaceSide {
  readonly role: "initiator" | "responder";
  /** Who it is, known to the other side. */
  readonly data: Uint8Array;
  /** 32 random bytes, never used again. */
  readonly random: Uint8Array;
}

/** The tags by which the two sides show each other that they hold the same key. */
export interface CpaceTags {
  readonly ours: Uint8Array;
  readonly theirs: Uint8Array;
}

/** One side of one run. */
export class Cpace {
  /** What is sent to the other side: 32 bytes. */
  readonly share: Uint8Array;
  readonly #input: CpaceInput;
  readonly #side: CpaceSide;
  readonly #scalar: bigint;

  constructor(input: CpaceInput, side: CpaceSide) {
    this.#input = input;
    this.#side = side;
    this.#scalar = scalarOf(side.random);
    this.share = cpaceGenerator(input).multiply(this.#scalar).toBytes();
  }

  /**
   * The intermediate session key (64 bytes). Throws `CpaceError` for a share that is no canonical
   * encoding, or the identity, or our own.
   */
  key(theirShare: Uint8Array, theirData: Uint8Array): Uint8Array {
    if (equalBytes(theirShare, this.share)) throw new CpaceError("The share is our own");
    const common = multiplyChecked(theirShare, this.#scalar);
    const ours = lengthAndValue(this.share, this.#side.data);
    const theirs = lengthAndValue(theirShare, theirData);
    const transcript = this.#side.role === "initiator" ? [ours, theirs] : [theirs, ours];
    const sessionId = this.#input.sessionId ?? NO_SESSION_ID;
    return sha512(lengthAndValue(DSI_ISK, sessionId, common), ...transcript);
  }

  /** As `key`, but what of it may leave this side: the tag to send and the one to expect. */
  tags(theirShare: Uint8Array, theirData: Uint8Array): CpaceTags {
    const key = this.key(theirShare, theirData);
    const macKey = sha512(DSI_MAC, this.#input.sessionId ?? NO_SESSION_ID, key);
    const tag = (share: Uint8Array, data: Uint8Array) =>
      new Uint8Array(createHmac("sha512", macKey).update(lengthAndValue(share, data)).digest());
    return { ours: tag(this.share, this.#side.data), theirs: tag(theirShare, theirData) };
  }
}

/** Whether two tags are the same, in a time that does not depend on where they differ. */
export function equalTags(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The generator that belongs to a password (`calculate_generator`). */
export function cpaceGenerator({ password, channel, sessionId }: CpaceInput): Point {
  const head = lengthAndValue(DSI, password).length;
  const padding = new Uint8Array(Math.max(0, BLOCK_BYTES - 1 - head));
  const text = lengthAndValue(DSI, password, padding, channel, sessionId ?? NO_SESSION_ID);
  return ristretto255_hasher.deriveToCurve!(sha512(text));
}

/**
 * `scalar_mult_vfy`: the encoded element times the scalar, encoded. Throws `CpaceError` for what is
 * no canonical encoding of an element (RFC 9496, section 4.3.1), and for the identity.
 */
export function multiplyChecked(encoded: Uint8Array, scalar: bigint): Uint8Array {
  let element: Point;
  try {
    element = ristretto255.Point.fromBytes(encoded);
  } catch {
    throw new CpaceError("The share is no element of the group");
  }
  // The order of the group is prime: only the identity's multiples are the identity.
  if (element.is0()) throw new CpaceError("The share is the identity");
  return element.multiply(scalar).toBytes();
}

/** A scalar of 252 bits from 32 random bytes, little endian (`sample_scalar`). */
export function scalarOf(random: Uint8Array): bigint {
  let scalar = 0n;
  for (const byte of random.toReversed()) scalar = (scalar << 8n) | BigInt(byte);
  return scalar & SCALAR_MASK;
}

/** Each part behind its length (`lv_cat`). */
export function lengthAndValue(...parts: Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  for (const part of parts) writer.varint(part.length).bytes(part);
  return writer.finish();
}

function sha512(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(createHash("sha512").update(concatBytes(...parts)).digest());
}
