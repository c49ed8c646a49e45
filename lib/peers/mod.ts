/**
 * Memory and judgement of peers, pure: time and chance are handed in, nothing is sent or stored
 * here.
 *
 * The attacker's aim is to be all that a node can see: then he decides which blocks and payments it
 * hears of. He has as many peer ids as he likes, since a key costs nothing; addresses in few public
 * subnets; and a voice in every open discovery source (DHT records under the phrase, `addr`
 * gossip). He can also lie about where somebody else is, to make us forget a good peer or knock at
 * a stranger's door. Hence:
 *
 * - what we have met ourselves outweighs what we were told: only a session proves a peer, only an
 *   answer under the right id proves an address, and adding never overwrites what works;
 * - hearsay is bounded, in all and for each public subnet, and the newest does not crowd out the
 *   rest;
 * - what servers of a DHT say stays out of the book until a session proves it, and each of them has
 *   its turn, so that a thousand lies of one hide nobody (`candidate_pool.ts`);
 * - two anchors and the eight best peers survive restarts, failures and holidays;
 * - punishment falls on peer ids alone and ends by itself. It does not stop an attacker, who makes
 *   a new id; it stops a broken node from being asked again and again. Addresses are never
 *   punished: a class shares one;
 * - when inbound slots are full, what is hard to fake (time, nearness, usefulness) stays.
 *
 * A group that must withstand more uses `--peer` with addresses it trusts.
 * @module
 */
export * from "./address_class.ts";
export * from "./candidate_pool.ts";
export * from "./dial_policy.ts";
export * from "./discouragement.ts";
export * from "./eviction.ts";
export * from "./fair_share.ts";
export * from "./gossip_policy.ts";
export * from "./peer_book.ts";
export * from "./peer_record.ts";
export * from "./record_codec.ts";
