import type { NodeStatus, PeerInfo } from "../../../node/mod.ts";
import { formatNumber, inertText } from "../format.ts";
import { Cell, Empty, Head, Inert, Time } from "../parts.tsx";
import type { View } from "../view.ts";
import { PeerId, Reach } from "./reach.tsx";

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
      <Reach view={view} data={data} />
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

/** The peer's id over its address, or over who stands between. */
function PeerName({ view, peer }: { view: View; peer: PeerInfo }) {
  const address = peer.address ?? peer.addresses[0];
  const relay = /\/p2p\/([^/]+)\/p2p-circuit(\/|$)/.exec(address ?? "")?.[1];
  if (peer.relayed || relay !== undefined) {
    return (
      <>
        <PeerId id={peer.peerId} />
        <RelayedBadge view={view} relay={relay} />
      </>
    );
  }
  return (
    <>
      <PeerId id={peer.peerId} />
      {address !== undefined && (
        <div class="pale address">
          <Inert text={bareAddress(address)} />
        </div>
      )}
    </>
  );
}

/** Of a peer that came to us we may not know which relay it took. */
function RelayedBadge({ view, relay }: { view: View; relay: string | undefined }) {
  const { texts } = view;
  return (
    <div class="pale address">
      <span class="badge provisional" title={texts.relayedHelp}>{texts.relayed}</span>
      {relay !== undefined && (
        <>
          {" "}
          {texts.relayedBy} <PeerId id={relay} />
        </>
      )}
    </div>
  );
}

/** An address without the peer id that stands beside it. */
function bareAddress(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, "");
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
              <PeerName view={view} peer={peer} />
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
              <PeerName view={view} peer={peer} />
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
      <dl class="sources">
        {status.discovery.map(({ source, enabled, text }) => (
          <div class={enabled ? undefined : "pale"}>
            <dt>{texts[`found_${source}`]}</dt>
            <dd>{enabled ? <Inert text={text} /> : texts.off}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
