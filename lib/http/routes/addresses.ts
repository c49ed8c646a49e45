/** Routes that tell of an address's coins. */
import { RequestError } from "../problem.ts";
import { isAddress } from "../public_node.ts";
import { addressParams, coinsQuery, historyQuery } from "../schemas/requests.ts";
import { balanceSchema, coinPage, historyPage } from "../schemas/wallet.ts";
import type { Router } from "./router.ts";

export function addAddresses(router: Router): void {
  const { api } = router.parts;
  router.read({
    path: "/addresses/{address}",
    id: "balance",
    tag: "addresses",
    summary: "The coins of an address, added up",
    params: addressParams,
    answer: balanceSchema,
  }, (call) => api.balance(ownerOf(call)));
  router.read({
    path: "/addresses/{address}/coins",
    id: "coins",
    tag: "addresses",
    summary: "A page of the unspent coins of an address, newest first",
    params: addressParams,
    query: coinsQuery,
    answer: coinPage,
  }, (call) => api.coins(ownerOf(call), call.query));
  router.read({
    path: "/addresses/{address}/history",
    id: "history",
    tag: "addresses",
    summary: "A page of what moved an address's coins, newest first",
    params: addressParams,
    query: historyQuery,
    answer: historyPage,
  }, (call) => api.history(ownerOf(call), call.query));
}

/** With the token a key's name will do as well. */
function ownerOf(call: { params: { address: string }; hasToken: boolean }): string {
  const who = call.params.address;
  if (call.hasToken || isAddress(who)) return who;
  throw new RequestError(401, "This is no address, and names of keys need the token of api.json");
}
