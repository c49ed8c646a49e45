/** How others come to this node from outside, and through whom. */
import type { NodeStatus, PeerInfo } from "../../../node/mod.ts";
import { inertText } from "../format.ts";
import { CopyButton, Inert } from "../parts.tsx";
import type { View } from "../view.ts";

export type ReachData = { status: NodeStatus; peers: readonly PeerInfo[] };

/** A peer id says little by its start: all of them begin alike. */
export function PeerId({ id }: { id: string }) {
  return <span class="id" title={inertText(id)}>…{inertText(id.slice(-10))}</span>;
}

export function Reach({ view, data }: { view: View; data: ReachData }) {
  const { texts } = view;
  const { reach, reachability, addresses } = data.status;
  // The node's own line names the firewall, and what to do: it says more than the state alone.
  const isExplained = reach === undefined || reach.state === "closed";
  const relays = reach?.state === "relayed" ? reach.relays : [];
  return (
    <section aria-labelledby="reach-title" data-live="reach">
      <h2 id="reach-title">{texts.reachability}</h2>
      {reach !== undefined && <p>{texts[`reach_${reach.state}`]}</p>}
      {isExplained && (
        <p class="pale">
          <Inert text={reachability} />
        </p>
      )}
      {relays.length > 0 && <Relays ids={relays} view={view} peers={data.peers} />}
      {reach !== undefined && reach.addresses.length > 0 && (
        <Addresses view={view} title={texts.outsideAddresses} of={reach.addresses} />
      )}
      {addresses.length > 0 && <Addresses view={view} title={texts.addresses} of={addresses} />}
    </section>
  );
}

function Relays(
  { view, ids, peers }: { view: View; ids: readonly string[]; peers: readonly PeerInfo[] },
) {
  return (
    <ul class="addresses" aria-label={view.texts.relays}>
      {ids.map((id) => {
        const address = peers.find(({ peerId }) => peerId === id)?.address;
        return (
          <li>
            <PeerId id={id} />
            {address !== undefined && (
              <span class="pale">
                {" "}
                <Inert text={address} />
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function Addresses({ view, title, of }: { view: View; title: string; of: readonly string[] }) {
  return (
    <details>
      <summary>{title}</summary>
      <ul class="addresses">
        {of.map((address) => (
          <li class="whole">
            <code>
              <Inert text={address} />
            </code>{" "}
            <CopyButton view={view} text={address} />
          </li>
        ))}
      </ul>
    </details>
  );
}
