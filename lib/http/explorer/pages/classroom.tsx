import type {
  BlockSummary,
  ForkTree,
  MinterShare,
  NetworkInfo,
  NodeStatus,
} from "../../../node/mod.ts";
import { formatNumber, shortId } from "../format.ts";
import type { JoinCommands } from "../join.ts";
import { AddressLink, CopyButton, Inert, Time } from "../parts.tsx";
import { QrCode } from "../qr.tsx";
import type { View } from "../view.ts";

/** Blocks over which minters are counted and forks are looked for, and minters on the board. */
export const CLASS_BLOCKS = 100;
export const CLASS_FORK_HEIGHTS = 10;
const MINTERS_SHOWN = 6;

export type ClassData = {
  status: NodeStatus;
  network: NetworkInfo;
  join: JoinCommands & { watchUrl: string | undefined };
  newest: BlockSummary | undefined;
  minters: readonly MinterShare[];
  forks: ForkTree;
};

/** For a projector: what a room of people wants to see of their chain. */
export function ClassBody({ view, data }: { view: View; data: ClassData }) {
  const { texts, language } = view;
  const { status, network } = data;
  const { command, withPeer, watchUrl } = data.join;
  return (
    <div class="class">
      <section class="join" aria-labelledby="phrase-title">
        <h1 id="phrase-title">
          <span>{texts.gatherAt}</span>{" "}
          <strong>
            <Inert text={network.rendezvous} />
          </strong>
        </h1>
        <div class="how">
          <div>
            <p>{texts.joinWith}</p>
            <p class="command">
              <code>
                <Inert text={command} />
              </code>{" "}
              <CopyButton view={view} text={command} />
            </p>
            {watchUrl !== undefined && (
              <p>
                {texts.watchAt} <strong>{watchUrl}</strong>
              </p>
            )}
            {withPeer !== undefined && (
              <details>
                <summary>{texts.joinHard}</summary>
                <p class="command">
                  <code>
                    <Inert text={withPeer} />
                  </code>{" "}
                  <CopyButton view={view} text={withPeer} />
                </p>
              </details>
            )}
          </div>
          <QrCode text={command} label={texts.joinQr} />
        </div>
      </section>
      <div class="boards" data-live="class">
        <section class="card tile" aria-label={texts.nodesConnected}>
          <h2>{texts.nodesConnected}</h2>
          <p class="huge">{formatNumber(status.peers + 1, language)}</p>
          <p class="pale">{texts.nodesHelp}</p>
        </section>
        <NewestTile view={view} block={data.newest} />
        <MinterBoard view={view} minters={data.minters} />
        <ForkTile view={view} forks={data.forks} />
      </div>
    </div>
  );
}

function NewestTile({ view, block }: { view: View; block: BlockSummary | undefined }) {
  const { texts, language } = view;
  return (
    <section class="card tile" aria-label={texts.newestBlock}>
      <h2>{texts.newestBlock}</h2>
      {block !== undefined && (
        <>
          <p class="huge">
            <a href={`/block/${block.id}`}>{formatNumber(block.height, language)}</a>
          </p>
          <p>
            <Time view={view} ms={block.timeMs} />
            {block.minter !== undefined && (
              <span class="pale">{` · ${texts.mintedBy} `}{shortId(block.minter)}</span>
            )}
          </p>
        </>
      )}
    </section>
  );
}

function MinterBoard({ view, minters }: { view: View; minters: readonly MinterShare[] }) {
  const { texts, language } = view;
  const most = Math.max(1, ...minters.map(({ blocks }) => blocks));
  const total = minters.reduce((sum, { blocks }) => sum + blocks, 0);
  return (
    <section class="card tile" aria-label={texts.whoMinted}>
      <h2>
        {texts.whoMinted}
        <br />
        <span class="pale">{texts.lastBlocks(formatNumber(total, language))}</span>
      </h2>
      {minters.length === 0 ? <p class="pale">{texts.none}</p> : (
        <ol class="board">
          {minters.slice(0, MINTERS_SHOWN).map(({ address, blocks }) => (
            <li data-key={address}>
              <AddressLink address={address} />
              <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect class="bar" width={(blocks / most * 100).toFixed(1)} height="8" />
              </svg>
              <span class="num">{formatNumber(blocks, language)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function ForkTile({ view, forks }: { view: View; forks: ForkTree }) {
  const { texts, language } = view;
  const side = forks.blocks.filter(({ onMainChain }) => !onMainChain);
  return (
    <section class="card tile" aria-label={texts.forksNow}>
      <h2>
        <a href="/forks">{texts.forksNow}</a>
      </h2>
      {side.length === 0 ? <p class="calm">{texts.forksNowNone}</p> : (
        <>
          <p class="forked">{texts.forksNowBlocks(formatNumber(side.length, language))}</p>
          <ul class="sideblocks">
            {side.slice(0, 4).map(({ id, height, timeMs }) => (
              <li>
                <a href={`/block/${id}`}>{formatNumber(height, language)}</a>{" "}
                <span class="pale">
                  <Time view={view} ms={timeMs} />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
