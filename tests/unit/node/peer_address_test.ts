import { strict as assert } from "node:assert";
import { checkPeerAddress } from "../../../lib/node/peer_address.ts";

const ID = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";

Deno.test("addresses of peers that have the right shape pass unchanged", () => {
  const right = [
    "/ip4/192.0.2.7/tcp/3000",
    `/ip4/192.0.2.7/tcp/3000/p2p/${ID}`,
    "/ip6/2001:db8::1/tcp/3000",
    "/dns4/host.example/tcp/3000",
    "/dnsaddr/bootstrap.example",
    `/dnsaddr/bootstrap.example/p2p/${ID}`,
    `/p2p/${ID}`,
    ID,
    "192.0.2.7:3000",
    "host.example:3000",
    "localhost:3000",
    "[::1]:3000",
  ];
  for (const text of right) assert.equal(checkPeerAddress(text), text);
});

Deno.test("typing errors in addresses of peers are caught", () => {
  const wrong = [
    "",
    "/",
    "/ip4",
    "/ip4/1.2.3/tcp/3000",
    "/ip4/256.1.1.1/tcp/3000",
    "/ip4/1.2.3.4/tcp/0",
    "/ip4/1.2.3.4/tcp/65536",
    "/ip4/1.2.3.4/udp/3000",
    "/ip4/1.2.3.4/tcp/3000/ws",
    "/ip6/2001:db8:::1/tcp/3000",
    "/ipv4/1.2.3.4/tcp/3000",
    "/ip4/1.2.3.4/tcp/3000/p2p/12D3KooWshort",
    "1.2.3.4",
    "1.2.3.400:3000",
    "host.example",
    "host example:3000",
    "host:port",
    ID.slice(0, -1),
  ];
  for (const text of wrong) assert.throws(() => checkPeerAddress(text), Error, text);
});
