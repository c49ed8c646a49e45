/** What a discovery source tells about itself. */
export type DiscoveryState = {
  /** `own-dht`: the chain's own, beside the public one. */
  source: "dht" | "own-dht" | "lan";
  /** `waiting`: nobody to tell yet; `failing`: tried and could not, will try again. */
  state: "waiting" | "advertised" | "failing" | "off";
  /** One line for a user. */
  text: string;
  /** Wall time of the last advertisement that was stored. */
  advertisedAtMs?: number;
  /** Different peers found since the start. */
  foundCount: number;
  /** Servers in the DHT's routing table. */
  tablePeers?: number;
  lastError?: string;
};
