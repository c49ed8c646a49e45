/** The DHTs that a node takes part in, and what is known of each beforehand. */

/** What `--dht` says: the public one with our own beside it, or our own alone. */
export type DhtMode = "public" | "private";

/** `own`: the chain's own beside the public one; `private`: the same one alone. */
export type DhtKind = DhtMode | "own";

/** The protocol of the chain's own DHT. */
export const OWN_DHT_PROTOCOL = "/moim/kad/1.0.0";

/** The protocol of each mode; `--dht-protocol` names others. */
export const DHT_PROTOCOLS: Record<DhtMode, string> = {
  public: "/ipfs/kad/1.0.0",
  private: OWN_DHT_PROTOCOL,
};

/** The bootstrap peers of the IPFS network (kubo, `config/bootstrap_peers.go`). */
export const PUBLIC_BOOTSTRAPS = [
  "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
  "/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa",
  "/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
  "/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
  "/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
];

/**
 * Each walk ends: the public network has many dead entries, and each costs a dial. The first ones are
 * short, since somebody may be waiting, and each leaves a fuller table to the next.
 */
export const FIRST_WALKS_MS_MAX = [4_000, 8_000, 16_000] as const;
export const ADVERTISE_WALK_MS_MAX: Record<DhtKind, number> = {
  public: 60_000,
  private: 15_000,
  own: 15_000,
};
export const LOOK_UP_MS_MAX: Record<DhtKind, number> = {
  public: 45_000,
  private: 15_000,
  own: 15_000,
};

/**
 * Among few servers the short way (`direct.ts`) does without kad-dht, whose loading and full
 * rounds would only slow it down: they begin when it is normally over.
 */
export const SERVICE_AFTER_MS: Record<DhtKind, number> = {
  public: 0,
  private: 1_000,
  own: 1_500,
};
