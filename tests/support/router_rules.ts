/** What a home's router does with packets, as rules of nftables: `br0` is inside, `wan` outside. */

/**
 * How it translates: `cone` keeps the source port where it can (Linux's masquerade), `renumbering`
 * gives each port another number, the same for everybody, `symmetric` takes a random one for each
 * connection, `sequential` the next one for each connection.
 */
export type Nat = "cone" | "renumbering" | "symmetric" | "sequential";

export type RouterOptions = {
  /** Default cone. */
  nat?: Nat;
  /** What comes from outside unasked: `drop` (default) gives no answer, `reject` a reset. */
  inbound?: "drop" | "reject";
  /**
   * What is let in of what comes to a port from which something left: what answers, address and port
   * (default); what comes from the same `address`; what comes from `anywhere`. For cones.
   */
  filter?: "port" | "address" | "anywhere";
};

/** Ports that a host's connections leave from (Linux: net.ipv4.ip_local_port_range), and more. */
const FIRST_PORT = 32_768;
const PORTS = 28_232;
/** Enough for a test. */
const COUNTED_PORTS = 4_096;

/** miniupnpd adds to the three chains named after it, and to nothing else. */
export function routerRules(options: RouterOptions): string {
  const refuse = options.inbound === "reject" ? "meta l4proto tcp reject with tcp reset;" : "drop;";
  const seen = seenPorts(options);
  return `table inet filter {
    ${options.nat === "renumbering" ? renumbered() : ""}
    ${seen.map}
    chain input {
      type filter hook input priority 0;
      icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept;
      iifname wan ct state established,related accept;
      iifname wan ${refuse}
    }
    chain forward {
      type filter hook forward priority 0; policy drop;
      iifname br0 accept;
      ct state established,related accept;
      ct status dnat accept;
      jump miniupnpd;
    }
    chain prerouting {
      type nat hook prerouting priority -100;
      jump prerouting_miniupnpd;
      ${seen.letIn}
    }
    chain postrouting {
      type nat hook postrouting priority 100;
      jump postrouting_miniupnpd;
      ${translation(options.nat)}
      meta nfproto ipv4 oifname wan masquerade;
    }
    chain translated {
      type filter hook postrouting priority 200;
      ${seen.note}
    }
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
  }`;
}

/** The rest is masqueraded. */
function translation(nat: RouterOptions["nat"] = "cone"): string {
  const tcp = "meta nfproto ipv4 oifname wan meta l4proto tcp masquerade";
  switch (nat) {
    case "cone":
      return "";
    case "renumbering":
      return `${tcp} to :tcp sport map @renumbered;`;
    case "symmetric":
      return `${tcp} fully-random;`;
    case "sequential":
      return `${tcp} to :numgen inc mod ${COUNTED_PORTS} map { ${counted()} };`;
  }
}

/** A map that gives each port another number. */
function renumbered(): string {
  const other = (port: number) => FIRST_PORT + ((port - FIRST_PORT) * 7_919 + 1_234) % PORTS;
  const ports = Array.from({ length: PORTS }, (_, at) => FIRST_PORT + at)
    .map((port) => `${port} : ${other(port)}`);
  return `map renumbered {
    type inet_service : inet_service;
    elements = { ${ports} }
  }`;
}

/** A map of numbers to ports: `numgen` itself would give a port its bytes in the wrong order. */
function counted(): string {
  return Array.from({ length: COUNTED_PORTS }, (_, at) => `${at} : ${FIRST_PORT + at}`).join();
}

/** Remembers the ports that packets left from, and for whom, where more is let in than answers. */
function seenPorts({ filter = "port" }: RouterOptions) {
  if (filter === "port") return { map: "", letIn: "", note: "" };
  const isByAddress = filter === "address";
  return {
    map: `map seen {
      type inet_service ${isByAddress ? ". ipv4_addr" : ""} : ipv4_addr;
      flags dynamic,timeout;
      timeout 2m;
    }`,
    letIn: `iifname wan dnat ip to tcp dport ${isByAddress ? ". ip saddr" : ""} map @seen;`,
    note: `oifname wan ct state new meta l4proto tcp
      update @seen { tcp sport ${isByAddress ? ". ip daddr" : ""} : ct original ip saddr };`,
  };
}
