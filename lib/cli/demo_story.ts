/** The tutorial's story, told by two nodes that share nothing but a phrase. */
import type { NodeHandle } from "../node/mod.ts";
import type { Stage } from "./demo_stage.ts";
import { coins, shortId } from "./format.ts";

const PHRASE = "moim demo";
/** The DHT server is a node of another network: it helps others to meet and holds none of theirs. */
const LIGHTHOUSE_PHRASE = "moim demo lighthouse";
/** What w2 pays to w1, in grains. */
const PAYMENT = 5_000_000;

/** Plays the story to its end. Throws `UserError` when a step fails. */
export async function tellStory(stage: Stage): Promise<void> {
  await stage.tell(`Two nodes, one phrase: "${PHRASE}"`);
  const lighthouse = await stage.node("lighthouse", "online", { rendezvous: LIGHTHOUSE_PHRASE });
  const meetingPoint = localAddress((await lighthouse.status()).addresses);
  await stage.tell(`A DHT server runs at ${meetingPoint}, on a network of its own`);

  const w1 = await makeKey(stage, "first", "w1");
  const w2 = await makeKey(stage, "second", "w2");
  const shared = { rendezvous: PHRASE, peer: [meetingPoint] };
  const first = await stage.node("first", "online", { ...shared, minter: "w1" });
  await stage.tell("The first node starts; it mints for w1 whenever a payment waits");
  const second = await stage.node("second", "online", shared);
  await stage.tell("The second node starts");
  await waitForPeer(stage, second);
  await stage.tell("They found each other through the DHT: nobody told either the other's address");

  await mintAlone(stage, second);
  await stage.leave(lighthouse);
  await stage.tell("The DHT server is switched off");
  const back = await stage.node("second", "online", { rendezvous: PHRASE });
  await waitForPeer(stage, back);
  await stage.tell("The second node starts again and reaches the first: it remembers its peers");
  await stage.until(
    "the first node gets the block",
    async () => (await first.status()).height === 1,
  );
  await stage.tell("The first node has received block 1");

  await pay(stage, back, { from: "w2", to: w1 });
  await stage.until(
    "a block with the payment",
    async () => (await first.status()).height >= 2 && (await back.status()).height >= 2,
  );
  await compare(stage, { first, second: back }, [w1, w2]);
}

async function makeKey(stage: Stage, who: string, alias: string): Promise<string> {
  const folder = await stage.node(who, "offline", { rendezvous: PHRASE });
  const { key } = await folder.walletNew(alias);
  await stage.leave(folder);
  await stage.tell(`The ${who} node's key ${alias} is ${key.address}`);
  return key.address;
}

async function waitForPeer(stage: Stage, node: NodeHandle): Promise<void> {
  await stage.until("the nodes meet", async () => (await node.status()).peers > 0);
}

/** Minting needs nobody: the folder alone will do. */
async function mintAlone(stage: Stage, node: NodeHandle): Promise<void> {
  await stage.leave(node);
  await stage.tell("The second node stops");
  const folder = await stage.node("second", "offline", { rendezvous: PHRASE });
  const { blocks } = await folder.mint({ to: "w2" });
  const [block] = blocks;
  await stage.leave(folder);
  await stage.tell(
    `Without a node, w2 mints block 1 (${shortId(block!.id)}): ${coins(block!.reward)}`,
  );
}

async function pay(
  stage: Stage,
  node: NodeHandle,
  { from, to }: { from: string; to: string },
): Promise<void> {
  const sent = await node.send({ from, to, amount: PAYMENT });
  await stage.tell(
    `${from} pays ${coins(sent.amount)} to w1, fee ${coins(sent.fee)}; the first node mints`,
  );
}

async function compare(
  stage: Stage,
  nodes: { first: NodeHandle; second: NodeHandle },
  addresses: string[],
): Promise<void> {
  const tip = await stage.until("both nodes on one tip", async () => {
    const [first, second] = [await nodes.first.status(), await nodes.second.status()];
    return first.tipId === second.tipId && first;
  });
  await stage.tell(
    `Both nodes hold block ${tip.height} (${shortId(tip.tipId)}) and the same balances:`,
  );
  for (const [at, address] of addresses.entries()) {
    const seen = [await nodes.first.balance(address), await nodes.second.balance(address)];
    const [mine, theirs] = seen.map((balance) => coins(balance.total));
    await stage.tell(
      `  w${at + 1}  ${mine}${mine === theirs ? "" : ` (the second node says ${theirs})`}`,
    );
  }
  await stage.tell("The end. Your turn: moim start");
}

/** The loopback address where there is one. */
function localAddress(addresses: string[]): string {
  return addresses.find((address) => address.startsWith("/ip4/127.")) ?? addresses[0] ?? "";
}
