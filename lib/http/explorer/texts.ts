/** Every text of the explorer in both languages: a missing one is a type error. */

export const LANGUAGES = ["ko", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** A text, or one made of values that are formatted already. */
type Text = string | ((...values: string[]) => string);

/** English: one payment, two payments. */
function counted(count: string, thing: string): string {
  return `${count} ${thing}${count === "1" ? "" : "s"}`;
}

const TABLE = {
  // Frame
  brand: ["모임", "Moim"],
  skip: ["본문으로 건너뛰기", "Skip to content"],
  navigation: ["주 메뉴", "Main"],
  chain: ["체인", "Chain"],
  mempool: ["대기 결제", "Mempool"],
  peers: ["피어", "Peers"],
  forks: ["갈래", "Forks"],
  stats: ["통계", "Stats"],
  wallet: ["지갑", "Wallet"],
  classroom: ["함께 보기", "Class"],
  search: ["검색", "Search"],
  searchLabel: ["높이, 블록, 거래 또는 주소 검색", "Search height, block, transaction or address"],
  searchHint: ["높이 · 블록 · 거래 · 주소", "Height · block · transaction · address"],
  language: ["언어", "Language"],
  theme: ["테마", "Theme"],
  theme_auto: ["자동", "Auto"],
  theme_light: ["밝게", "Light"],
  theme_dark: ["어둡게", "Dark"],
  network: ["네트워크", "Network"],
  genesis: ["제네시스", "Genesis"],
  apiDescription: ["API 설명서", "API description"],
  live: ["실시간", "Live"],
  liveOff: ["다시 연결 중", "Reconnecting"],
  copy: ["복사", "Copy"],
  copied: ["복사함", "Copied"],
  newsBlock: [(height) => `새 블록 ${height}`, (height) => `New block ${height}`],
  newsReorganized: ["체인이 재구성되었습니다", "The chain was reorganised"],
  older: ["이전", "Older"],
  newer: ["최신으로", "To the newest"],
  next: ["다음", "Next"],
  previous: ["이전", "Previous"],
  pages: ["쪽 이동", "Pages"],
  pageOf: [(page, pages) => `${pages}쪽 중 ${page}쪽`, (page, pages) => `Page ${page} of ${pages}`],
  yes: ["예", "Yes"],
  no: ["아니요", "No"],
  unknown: ["알 수 없음", "Unknown"],
  none: ["없음", "None"],
  coins: ["코인", "coins"],

  // Status
  status: ["노드 상태", "Node status"],
  height: ["높이", "Height"],
  newestBlock: ["최신 블록", "Newest block"],
  newestBlocks: ["최신 블록", "Newest blocks"],
  olderBlocks: ["지난 블록", "Earlier blocks"],
  sync: ["동기화", "Sync"],
  sync_offline: ["오프라인", "Offline"],
  sync_starting: ["시작하는 중", "Starting"],
  sync_idle: ["피어를 기다리는 중", "Waiting for peers"],
  sync_headers: ["헤더 받는 중", "Fetching headers"],
  sync_blocks: ["블록 받는 중", "Fetching blocks"],
  sync_synced: ["동기화됨", "In sync"],
  syncOf: [
    (height, target) => `${height} / ${target}`,
    (height, target) => `${height} of ${target}`,
  ],
  waiting: [(count) => `${count}건 대기`, (count) => `${count} waiting`],
  connectedPeers: [(count) => `${count}개 연결`, (count) => `${count} connected`],
  knownPeers: [(count) => `${count}개 기억`, (count) => `${count} remembered`],

  // Block
  block: ["블록", "Block"],
  blockTitle: [(height) => `블록 ${height}`, (height) => `Block ${height}`],
  genesisBlock: ["제네시스 블록", "Genesis block"],
  blockId: ["블록 id", "Block id"],
  time: ["시각", "Time"],
  transactions: ["거래", "Transactions"],
  transactionsShort: ["거래", "Txs"],
  minter: ["민터", "Minter"],
  nobody: ["받는 이 없음", "Nobody"],
  paid: ["지급액", "Paid"],
  minted: ["발행액", "Minted"],
  mintedHelp: ["새 코인과 수수료", "New coins and fees"],
  size: ["크기", "Size"],
  confirmations: ["확인", "Confirmations"],
  confirmationsOf: [(count) => `확인 ${count}회`, (count) => counted(count, "confirmation")],
  settled: ["확정", "Settled"],
  settledHelp: [
    "이 위에 쌓인 작업이 최근 가장 어려운 블록의 6배를 넘었습니다",
    "The work above is at least six times the hardest recent block",
  ],
  provisional: ["잠정", "Provisional"],
  provisionalHelp: [
    "위에 작업이 더 쌓이면 확정됩니다",
    "It settles once more work lies above it",
  ],
  sideBranch: ["곁가지", "Side branch"],
  sideBranchHelp: [
    "이 블록은 주 체인에 있지 않습니다",
    "This block is not on the main chain",
  ],
  invalidBlock: ["규칙 위반", "Breaks a rule"],
  work: ["작업량", "Work"],
  totalWork: ["누적 작업량", "Total work"],
  nonce: ["논스", "Nonce"],
  bits: ["목표 (bits)", "Target (bits)"],
  merkleRoot: ["머클 루트", "Merkle root"],
  previousBlock: ["이전 블록", "Previous block"],
  nextBlock: ["다음 블록", "Next block"],
  checks: ["검증", "Checked as shown"],
  proofOfWork: ["작업 증명", "Proof of work"],
  signatures: ["서명", "Signatures"],
  valid: ["올바름", "valid"],
  invalid: ["틀림", "not valid"],
  technical: ["기술 정보", "Technical details"],
  raw: ["원본 바이트", "Raw bytes"],
  json: ["JSON", "JSON"],
  coinbase: ["새 코인", "Coinbase"],
  payment: ["결제", "Payment"],
  more: [(count) => `외 ${count}개`, (count) => `and ${count} more`],

  // Transaction
  transaction: ["거래", "Transaction"],
  transactionId: ["거래 id", "Transaction id"],
  pending: ["대기 중", "Pending"],
  pendingHelp: ["아직 블록에 들어가지 않았습니다", "Not in a block yet"],
  confirmed: ["확인됨", "Confirmed"],
  inBlock: ["들어간 블록", "In block"],
  fee: ["수수료", "Fee"],
  feeRate: ["수수료율", "Fee rate"],
  grainsPerByte: [(rate) => `${rate} 그레인/바이트`, (rate) => `${rate} grains a byte`],
  memo: ["메모", "Memo"],
  memoBytes: ["텍스트가 아닌 메모 (16진수)", "Memo that is no text, as hex"],
  memoInert: [
    "쓴 사람이 적은 그대로이며, 보이지 않는 글자는 표시해 두었습니다",
    "As its author wrote it; characters that cannot be seen are spelled out",
  ],
  spends: ["보낸 코인", "Spends"],
  spendsNothing: ["새로 만들어진 코인", "Newly made coins"],
  outputs: ["받은 코인", "Outputs"],
  outputsNone: ["출력 없음", "No outputs"],
  spent: ["사용됨", "Spent"],
  unspent: ["미사용", "Unspent"],
  proof: ["포함 증명", "Proof of inclusion"],
  position: ["블록 안 순서", "Position in block"],
  coinOf: [(count) => `코인 ${count}개`, (count) => counted(count, "coin")],
  publicKey: ["공개 키", "Public key"],

  // Address
  address: ["주소", "Address"],
  balance: ["잔액", "Balance"],
  spendable: ["사용 가능", "Spendable"],
  maturing: ["숙성 중", "Maturing"],
  arriving: ["들어오는 중", "Arriving"],
  leaving: ["나가는 중", "Leaving"],
  history: ["내역", "History"],
  historyNone: ["아직 내역이 없습니다", "Nothing has happened here yet"],
  historyBehind: [
    (height) => `내역 색인을 만드는 중입니다: 높이 ${height}까지`,
    (height) => `The history index is being built: it has reached height ${height}`,
  ],
  kind: ["종류", "Kind"],
  kind_minted: ["발행", "Minted"],
  kind_received: ["받음", "Received"],
  kind_sent: ["보냄", "Sent"],
  kind_self: ["자신에게", "To itself"],
  amount: ["금액", "Amount"],
  others: ["상대", "With"],
  state: ["상태", "State"],
  coinsHere: ["가진 코인", "Coins"],
  coinsNone: ["가진 코인이 없습니다", "No coins here"],
  coin: ["코인", "Coin"],
  qrOfAddress: ["주소 QR 코드", "QR code of the address"],

  // Mempool
  mempoolLead: [
    "블록에 들어가기를 기다리는 결제입니다. 수수료율이 높은 것부터.",
    "Payments that wait for a block, highest fee rate first.",
  ],
  mempoolNone: ["기다리는 결제가 없습니다", "No payment is waiting"],
  mempoolTotal: [
    (count, bytes) => `${count}건 · ${bytes}`,
    (count, bytes) => `${counted(count, "payment")} · ${bytes}`,
  ],
  seen: ["본 시각", "Seen"],
  firstShown: [
    (count) => `처음 ${count}건만 보입니다`,
    (count) => `Only the first ${count} are shown`,
  ],

  // Peers
  peersLead: [
    "이 노드와 이어진 다른 노드, 그리고 어떻게 찾았는지.",
    "Other nodes that this one is connected to, and how each was found.",
  ],
  connectedNow: ["지금 연결됨", "Connected now"],
  remembered: ["기억하는 피어", "Remembered"],
  peersNone: ["연결된 피어가 없습니다", "No peer is connected"],
  rememberedNone: ["기억하는 다른 피어가 없습니다", "No other peer is remembered"],
  peer: ["피어", "Peer"],
  found: ["찾은 방법", "Found by"],
  found_known: ["이전에 만남", "Met before"],
  found_peer: ["--peer 로 지정", "Given by --peer"],
  found_lan: ["같은 네트워크", "Local network"],
  found_dht: ["DHT", "DHT"],
  "found_own-dht": ["자체 DHT", "Own DHT"],
  found_gossip: ["다른 피어의 소개", "Told by a peer"],
  found_inbound: ["먼저 찾아옴", "Came by itself"],
  direction: ["방향", "Direction"],
  direction_outbound: ["나감", "Outbound"],
  direction_inbound: ["들어옴", "Inbound"],
  latency: ["지연", "Latency"],
  agent: ["프로그램", "Agent"],
  since: ["연결 시각", "Since"],
  lastSeen: ["마지막으로 봄", "Last seen"],
  failures: ["연속 실패", "Failures"],
  discovery: ["찾는 방법", "Discovery"],
  source: ["방법", "Source"],
  off: ["꺼짐", "Off"],
  addresses: ["이 노드의 모든 주소", "All addresses of this node"],
  relayed: ["중계", "Relayed"],
  relayedBy: ["경유", "through"],
  relayedHelp: [
    "다른 피어를 거쳐 연결되었습니다. 그 피어는 암호화된 데이터를 전달할 뿐 읽지 못합니다",
    "Connected through another peer, which passes on encrypted data that it cannot read",
  ],
  relays: ["이 노드로 이어 주는 피어", "Peers that pass data on to this node"],
  outsideAddresses: ["밖에서 쓰는 주소", "Addresses for others outside"],
  reachability: ["밖에서 이 노드로 오는 길", "The way to this node from outside"],
  reach_open: [
    "밖에서 이 노드에 바로 연결할 수 있습니다.",
    "Others outside connect to this node directly.",
  ],
  reach_mapped: [
    "공유기가 열어 준 포트로 밖에서 바로 연결할 수 있습니다.",
    "Others outside connect directly, by a port that the router has opened.",
  ],
  reach_relayed: [
    "밖에서는 아래 피어를 거쳐 연결됩니다. 이들은 암호화된 데이터를 전달할 뿐 읽지 못합니다.",
    "Others outside come through the peers below, which pass on encrypted data they cannot read.",
  ],
  reach_closed: [
    "밖에서는 이 노드에 연결할 수 없습니다. 이 노드가 먼저 거는 연결은 됩니다.",
    "Nobody outside can connect to this node; it can still connect to others.",
  ],
  reach_unknown: [
    "아직 모릅니다. 밖에 있는 피어가 연결해 본 적이 없습니다.",
    "Not known yet: no peer outside has tried to connect.",
  ],

  // Forks
  forksLead: [
    "두 블록이 같은 블록 위에 만들어지면 갈래가 생깁니다. 작업이 더 많은 쪽이 주 체인이 됩니다.",
    "A fork begins when two blocks build on the same one. The branch with more work becomes the main chain.",
  ],
  forksNone: [
    (count) => `최근 ${count}개 높이에는 갈래가 없습니다`,
    (count) => `No fork among the last ${count} heights`,
  ],
  forksSome: [
    (blocks, count) => `최근 ${count}개 높이에 곁가지 블록 ${blocks}개`,
    (blocks, count) => `Side-branch blocks among the last ${count} heights: ${blocks}`,
  ],
  forksPicture: ["최근 블록의 나무 그림", "Tree of recent blocks"],
  forksHidden: [
    (count) => `갈래 없는 블록 ${count}개`,
    (count) => `${counted(count, "block")} without a fork`,
  ],
  mainChain: ["주 체인", "Main chain"],
  sideBlocks: ["곁가지 블록", "Side-branch blocks"],
  buildsOn: ["아래 블록", "Builds on"],

  // Stats
  statsLead: [
    (count) => `주 체인의 최근 블록 ${count}개.`,
    (count) => `The last ${count} blocks of the main chain.`,
  ],
  difficulty: ["난이도", "Difficulty"],
  difficultyUnit: ["블록 하나에 드는 해시 수", "Hashes a block takes on average"],
  spacing: ["블록 간격", "Block spacing"],
  spacingHelp: ["앞 블록과의 시간, 높이마다", "Time since the block before, by height"],
  spacingUnit: [(target) => `목표 ${target}`, (target) => `Target ${target}`],
  spacingMean: ["평균 간격", "Mean spacing"],
  spacingMedian: ["중앙값", "Median"],
  target: ["목표", "Target"],
  spacingTarget: ["목표 간격", "Target spacing"],
  difficultyNow: ["지금 난이도", "Difficulty now"],
  hashRate: ["추정 해시 속도", "Estimated hash rate"],
  hashesPerSecond: [(rate) => `초당 ${rate}회`, (rate) => `${rate} hashes/s`],
  minters: ["민터", "Minters"],
  share: ["비율", "Share"],
  blocksMinted: ["블록", "Blocks"],
  lastMinted: ["마지막 높이", "Last height"],
  range: ["범위", "Range"],
  rangeOf: [(count) => `${count}블록`, (count) => counted(count, "block")],
  statsNone: ["그릴 블록이 아직 부족합니다", "There are too few blocks to draw yet"],
  chartSummary: [
    (name, least, most, last) => `${name}: 최소 ${least}, 최대 ${most}, 마지막 ${last}`,
    (name, least, most, last) => `${name}: lowest ${least}, highest ${most}, latest ${last}`,
  ],

  // Search and errors
  searchNone: [
    (text) => `"${text}"에 맞는 것을 찾지 못했습니다`,
    (text) => `Nothing found for "${text}"`,
  ],
  searchEmpty: ["무엇을 찾을까요?", "What are you looking for?"],
  searchHints: ["이런 것을 찾을 수 있습니다", "What can be found"],
  searchHintHeight: ["블록 높이: 0, 1, 2 …", "A block's height: 0, 1, 2, …"],
  searchHintId: [
    "블록 id 또는 거래 id: 16진수 64자, 전부",
    "A block id or transaction id: all 64 hex digits",
  ],
  searchHintAddress: ["주소: moim1 로 시작하는 글자", "An address: it begins with moim1"],
  searchHintName: [
    "지갑 키의 이름: moim open 으로 연 지갑이 있을 때",
    "The name of a wallet key: once the wallet was opened with moim open",
  ],
  searchHintPending: [
    "방금 보낸 거래라면 아직 이 노드에 오지 않았을 수 있습니다",
    "A payment made just now may not have reached this node yet",
  ],
  error400: ["요청을 이해할 수 없습니다", "That request makes no sense"],
  error404: ["찾을 수 없습니다", "Not found"],
  error500: ["문제가 생겼습니다", "Something went wrong"],
  error503: ["지금은 답할 수 없습니다", "No answer just now"],
  errorNoPage: ["이 주소에는 페이지가 없습니다", "There is no page at this address"],
  errorUnexpected: [
    "이 노드가 페이지를 만들지 못했습니다. 노드의 기록을 살펴보세요",
    "This node could not make the page; its log says why",
  ],
  errorStatus: [(status) => `오류 ${status}`, (status) => `Error ${status}`],
  backToChain: ["체인으로 돌아가기", "Back to the chain"],

  // Class
  classTitle: ["함께 보기", "Class"],
  gatherAt: ["이 문구로 모여요", "Gather under this phrase"],
  joinWith: ["함께하려면 터미널에", "To join, in a terminal"],
  watchAt: ["브라우저로 보려면", "To watch in a browser:"],
  joinHard: ["서로 찾지 못한다면", "If nodes do not find each other"],
  joinQr: ["참가 명령 QR 코드", "QR code of the command that joins"],
  nodesConnected: ["연결된 노드", "Nodes connected"],
  nodesHelp: ["이 노드와 그 피어", "This node and its peers"],
  whoMinted: ["누가 몇 블록을 만들었나", "Who minted how many"],
  lastBlocks: [(count) => `최근 ${count}블록`, (count) => `Last ${counted(count, "block")}`],
  forksNow: ["지금 갈래", "Forks just now"],
  forksNowNone: ["갈래 없음: 모두가 같은 체인을 보고 있습니다", "None: everyone is on one chain"],

  forksNowBlocks: [(count) => `곁가지 블록 ${count}개`, (count) => `Side-branch blocks: ${count}`],
  mintedBy: ["만든 이", "Minted by"],

  // Wallet
  walletNoScript: [
    "지갑은 스크립트가 있어야 동작합니다. 읽기 페이지는 스크립트 없이도 모두 볼 수 있습니다.",
    "The wallet needs script. Every reading page works without it.",
  ],
  walletLocked: ["지갑이 잠겨 있습니다", "The wallet is closed"],
  walletLockedHelp: [
    "이 컴퓨터의 터미널에서 아래 명령을 실행하면 지갑이 열린 채로 이 페이지가 나타납니다.",
    "Run this in a terminal on this computer: it opens this page with the wallet open.",
  ],
  walletLead: [
    "이 노드에 있는 키입니다. 이 탭을 닫으면 지갑도 닫힙니다.",
    "The keys of this node. Closing this tab closes the wallet.",
  ],
  walletClose: ["지갑 닫기", "Close the wallet"],
  keys: ["키", "Keys"],
  keysNone: ["아직 키가 없습니다. 하나 만들어 보세요.", "No key yet: make one."],
  key: ["키", "Key"],
  keyName: ["새 키 이름", "Name of the new key"],
  keyNameHint: ["비워 두면 w1, w2 …", "Left empty: w1, w2, …"],
  keyNew: ["새 키 만들기", "Make a key"],
  keyMade: [(name) => `키 ${name} 을(를) 만들었습니다`, (name) => `Made key ${name}`],
  mnemonicTitle: [
    "복구 단어: 지금 한 번만 보입니다",
    "Recovery words: shown this once",
  ],
  mnemonicHelp: [
    "종이에 적어 두세요. 이 단어가 있는 사람은 코인을 쓸 수 있습니다.",
    "Write them on paper. Whoever has them can spend the coins.",
  ],
  mnemonicDone: ["적었습니다", "I wrote them down"],
  receive: ["받기", "Receive"],
  receiveHelp: ["보내는 사람에게 이 주소를 보여 주세요", "Show this address to whoever pays"],
  send: ["보내기", "Send"],
  from: ["보내는 키", "From"],
  to: ["받는 주소 또는 이름", "To: address or name"],
  amountCoins: ["금액 (코인)", "Amount in coins"],
  feeCoins: ["수수료 (코인)", "Fee in coins"],
  feeHint: ["비워 두면 자동으로 정합니다", "Left empty: the usual one"],
  memoOptional: ["메모", "Memo"],
  memoHint: ["누구나 볼 수 있습니다. 최대 256바이트", "Everybody can read it; at most 256 bytes"],
  sendButton: ["보내기", "Send"],
  sending: ["보내는 중…", "Sending…"],
  sent_announced: [
    (amount, fee) => `${amount} 코인을 보냈습니다. 수수료 ${fee} 코인.`,
    (amount, fee) => `Sent ${amount} coins; the fee is ${fee} coins.`,
  ],
  sent_queued: [
    (amount, fee) => `${amount} 코인을 보냈습니다 (수수료 ${fee}). 피어가 연결되면 전해집니다.`,
    (amount, fee) => `Sent ${amount} coins (fee ${fee}). It goes out once a peer is connected.`,
  ],
  sent_minted: [
    (amount, fee) => `${amount} 코인이 블록에 들어갔습니다. 수수료 ${fee} 코인.`,
    (amount, fee) => `${amount} coins are in a block; the fee is ${fee} coins.`,
  ],
  mintOne: ["블록 하나 만들기", "Mint one block"],
  mintHelp: [
    "기다리는 결제를 모아 블록을 만들고, 새 코인을 이 키로 받습니다.",
    "Gathers the waiting payments into a block; the new coins go to this key.",
  ],
  mintTo: ["새 코인을 받을 키", "New coins go to"],
  mintButton: ["만들기", "Mint"],
  minting: ["만드는 중…", "Minting…"],
  mintDone: [
    (height, reward) => `블록 ${height} 을(를) 만들었습니다. ${reward} 코인.`,
    (height, reward) => `Minted block ${height}: ${reward} coins.`,
  ],
  activity: ["최근 내역", "Recent activity"],
  badAmount: [
    "금액은 1.5 처럼 쓰고, 소수점 아래는 여섯 자리까지입니다",
    "Write coins such as 1.5, with at most six decimals",
  ],
  noAnswer: [
    "노드가 답하지 않습니다. 실행 중인지 확인하세요",
    "The node does not answer: is it running?",
  ],
  tokenOld: [
    "노드가 다시 시작되었습니다. moim open 으로 지갑을 다시 여세요",
    "The node was started again: open the wallet again with moim open",
  ],
} as const satisfies Record<string, readonly [Text, Text]>;

/** All texts of one language. */
export type Texts = { [Key in keyof typeof TABLE]: Shape<(typeof TABLE)[Key][0]> };
type Shape<Entry> = Entry extends (...values: infer Values) => string
  ? (...values: Values) => string
  : string;

const BY_LANGUAGE: Record<Language, Texts> = { ko: column(0), en: column(1) };

/** The texts of a language. */
export function textsOf(language: Language): Texts {
  return BY_LANGUAGE[language];
}

function column(index: 0 | 1): Texts {
  const entries = Object.entries(TABLE).map(([key, pair]) => [key, pair[index]]);
  return Object.fromEntries(entries) as Texts;
}
