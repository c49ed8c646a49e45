import type { NodeStatus, PeerInfo } from "../../../node/mod.ts";
import { formatNumber, inertText } from "../format.ts";
import { Cell, CopyButton, Empty, Head, Inert, Time } from "../parts.tsx";
import type { View } from "../view.ts";

/** Remembered peers that one page shows: a book may hold thousands. */
export const REMEMBERED_SHOWN = 100;

export type PeersData = { status: NodeStatus; peers: readonly PeerInfo[] };

export function PeersBody({ view, data }: { view: View; data: PeersData }) {
  const { texts } = view;
  const connected = data.peers.filter((peer) => peer.connected);
  const remembered = data.peers.filter((peer) => !peer.connected);
  return (
    <>
      <section aria-labelledby="peers-title">
        <h1 id="peers-title">{texts.peers}</h1>
        <p class="lead">{texts.peersLead}</p>
        <div data-live="peers">
          <h2>
            {texts.connectedNow} <PeerCount view={view} of={connected.length} />
          </h2>
          {connected.length === 0
            ? <Empty text={texts.peersNone} />
            : <ConnectedTable view={view} peers={connected} />}
        </div>
      </section>
      <Discovery view={view} status={data.status} />
      <section aria-labelledby="remembered-title" data-live="remembered">
        <h2 id="remembered-title">
          {texts.remembered} <PeerCount view={view} of={remembered.length} />
        </h2>
        {remembered.length === 0
          ? <Empty text={texts.rememberedNone} />
          : <RememberedTable view={view} peers={remembered.slice(0, REMEMBERED_SHOWN)} />}
      </section>
    </>
  );
}

function PeerCount({ view, of }: { view: View; of: number }) {
  return <span class="pale">{formatNumber(of, view.language)}</span>;
}

/** A peer id says little by its start: all of them begin alike. */
function PeerName({ id, address }: { id: string; address: string | undefined }) {
  return (
    <>
      <span class="id" title={inertText(id)}>…{inertText(id.slice(-10))}</span>
      {address !== undefined && (
        <div class="pale address">
          <Inert text={address} />
        </div>
      )}
    </>
  );
}

/** An address without the peer id that stands beside it. */
function bareAddress(address: string | undefined): string | undefined {
  return address?.replace(/\/p2p\/[^/]+$/, "");
}

function ConnectedTable({ view, peers }: { view: View; peers: readonly PeerInfo[] }) {
  const { texts, language } = view;
  return (
    <table class="peers">
      <thead>
        <tr>
          <Head text={texts.peer} />
          <Head text={texts.found} />
          <Head text={texts.direction} wide />
          <Head text={texts.latency} right />
          <Head text={texts.height} right wide />
          <Head text={texts.agent} wide />
          <Head text={texts.since} wide />
        </tr>
      </thead>
      <tbody>
        {peers.map((peer) => (
          <tr data-key={inertText(peer.peerId)}>
            <th scope="row">
              <PeerName id={peer.peerId} address={bareAddress(peer.address)} />
            </th>
            <Cell>{texts[`found_${peer.found}`]}</Cell>
            <Cell wide>{peer.direction && texts[`direction_${peer.direction}`]}</Cell>
            <Cell right>
              {peer.latencyMs === undefined ? "–" : `${Math.round(peer.latencyMs)} ms`}
            </Cell>
            <Cell right wide>
              {peer.height === undefined ? "–" : formatNumber(peer.height, language)}
            </Cell>
            <Cell wide>{peer.agent !== undefined && <Inert text={peer.agent} />}</Cell>
            <Cell wide>
              {peer.connectedAtMs !== undefined && <Time view={view} ms={peer.connectedAtMs} />}
            </Cell>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function RememberedTable({ view, peers }: { view: View; peers: readonly PeerInfo[] }) {
  const { texts, language } = view;
  return (
    <table class="peers">
      <thead>
        <tr>
          <Head text={texts.peer} />
          <Head text={texts.found} />
          <Head text={texts.lastSeen} />
          <Head text={texts.failures} right wide />
        </tr>
      </thead>
      <tbody>
        {peers.map((peer) => (
          <tr>
            <th scope="row">
              <PeerName id={peer.peerId} address={bareAddress(peer.addresses[0])} />
            </th>
            <Cell>{texts[`found_${peer.found}`]}</Cell>
            <Cell>
              {peer.lastSeenMs === undefined ? "–" : <Time view={view} ms={peer.lastSeenMs} />}
            </Cell>
            <Cell right wide>{formatNumber(peer.failuresInARow ?? 0, language)}</Cell>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Discovery({ view, status }: { view: View; status: NodeStatus }) {
  const { texts } = view;
  return (
    <section aria-labelledby="discovery-title" data-live="discovery">
      <h2 id="discovery-title">{texts.discovery}</h2>
      <p class="pale">
        {texts.reachability}: <Inert text={status.reachability} />
      </p>
      <dl class="sources">
        {status.discovery.map(({ source, enabled, text }) => (
          <div class={enabled ? undefined : "pale"}>
            <dt>{texts[`found_${source}`]}</dt>
            <dd>{enabled ? <Inert text={text} /> : texts.off}</dd>
          </div>
        ))}
      </dl>
      {status.addresses.length > 0 && (
        <details>
          <summary>{texts.addresses}</summary>
          <ul class="addresses">
            {status.addresses.map((address) => (
              <li class="whole">
                <code>
                  <Inert text={address} />
                </code>{" "}
                <CopyButton view={view} text={address} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}
