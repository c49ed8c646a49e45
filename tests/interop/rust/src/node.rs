//! One libp2p node and the loop that turns its events into lines of JSON.

use crate::options::Options;
use data_encoding::HEXLOWER;
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder,
    connection_limits::{self, ConnectionLimits},
    core::{ConnectedPoint, Endpoint},
    futures::StreamExt,
    identify,
    kad::{
        self,
        store::{MemoryStore, RecordStore},
    },
    noise, ping,
    swarm::{ConnectionId, NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    error::Error,
    process::ExitCode,
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How often unreached bootstraps, an unfinished advertisement or look-up are tried again.
const RETRY: Duration = Duration::from_millis(500);
/// A stranger drops nobody while a test looks on.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// One walk through a DHT of a few processes on one machine.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Exit code: nobody met in time.
const NOBODY_MET: u8 = 4;

/// What the node is for. The key is the provider record's.
pub enum Role {
    Serve,
    Advertise(kad::RecordKey),
    Lookup(kad::RecordKey),
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    limits: connection_limits::Behaviour,
}

pub struct Node {
    swarm: Swarm<Behaviour>,
    options: Options,
    role: Role,
    /// The DHT knows a server, so that a query can reach somebody.
    has_server: bool,
    /// The advertisement or look-up under way.
    query: Option<kad::QueryId>,
    advertised: bool,
    /// Providers that `lookup` has dialled or met.
    providers: HashSet<PeerId>,
    /// The protocols each identified peer lists.
    protocols: HashMap<PeerId, Vec<String>>,
}

impl Node {
    /// Builds the node and starts listening. Fails when the address cannot be listened on.
    pub fn new(options: Options, role: Role) -> Result<Self, Box<dyn Error>> {
        let mut config = kad::Config::new(options.protocol.clone());
        config.set_query_timeout(QUERY_TIMEOUT);
        // on_record tells of each record and stores it.
        config.set_record_filtering(kad::StoreInserts::FilterBoth);
        // Only `serve` answers queries: whoever meets the others has read their provider record.
        let mode = match role {
            Role::Serve => kad::Mode::Server,
            Role::Advertise(_) | Role::Lookup(_) => kad::Mode::Client,
        };
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(
                tcp::Config::default().nodelay(true),
                noise::Config::new,
                yamux::Config::default,
            )?
            .with_behaviour(|identity| {
                let id = identity.public().to_peer_id();
                let mut kad = kad::Behaviour::with_config(id, MemoryStore::new(id), config);
                kad.set_mode(Some(mode));
                let about = identify::Config::new("/interop/1.0.0".into(), identity.public());
                let identify = identify::Behaviour::new(about);
                let limits = connection_limits::Behaviour::new(ConnectionLimits::default());
                Behaviour { kad, identify, ping: ping::Behaviour::default(), limits }
            })?
            .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT))
            .build();
        swarm.listen_on(options.listen.clone())?;
        Ok(Self {
            swarm,
            options,
            role,
            has_server: false,
            query: None,
            advertised: false,
            providers: HashSet::new(),
            protocols: HashMap::new(),
        })
    }

    /// Runs until `lookup` has met a provider or its time is over; the other roles never end.
    pub async fn run(mut self) -> ExitCode {
        let end = Instant::now() + self.options.timeout;
        let looks_up = matches!(self.role, Role::Lookup(_));
        let mut retry = interval(RETRY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => {
                    if self.on_event(event) {
                        return ExitCode::SUCCESS;
                    }
                }
                _ = retry.tick() => self.on_retry(),
                _ = sleep_until(end), if looks_up => {
                    report(json!({ "event": "timeout" }));
                    return ExitCode::from(NOBODY_MET);
                }
            }
        }
    }

    fn on_retry(&mut self) {
        if self.swarm.connected_peers().next().is_none() {
            for address in self.options.bootstraps.clone() {
                // A dial that cannot even begin is tried again like one that fails.
                let _ = self.swarm.dial(address);
            }
        }
        self.start_query();
    }

    /// Advertises once and looks up again and again, as soon as the DHT has a server.
    fn start_query(&mut self) {
        if !self.has_server || self.query.is_some() {
            return;
        }
        let kad = &mut self.swarm.behaviour_mut().kad;
        match &self.role {
            Role::Advertise(key) if !self.advertised => {
                self.query = kad.start_providing(key.clone()).ok();
            }
            Role::Lookup(key) => self.query = Some(kad.get_providers(key.clone())),
            _ => {}
        }
    }

    /// True when `lookup` has met a provider that speaks what it was told to expect.
    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) -> bool {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address),
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } => {
                on_connected(peer_id, &endpoint)
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                // The next look-up finds it again, perhaps elsewhere.
                if self.providers.remove(&peer) {
                    report(json!({
                        "event": "unreachable",
                        "peer": peer.to_string(),
                        "error": error.to_string(),
                    }));
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                self.on_identified(peer_id, info);
                return self.has_met(peer_id);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Kad(event)) => return self.on_kad(event),
            _ => {}
        }
        false
    }

    fn on_listening(&mut self, address: Multiaddr) {
        // Without this a provider record would carry no address: nobody confirms a private one.
        self.swarm.add_external_address(address.clone());
        let peer = self.swarm.local_peer_id().to_string();
        report(json!({
            "event": "listening",
            "address": format!("{address}/p2p/{peer}"),
            "peer": peer,
        }));
    }

    fn on_identified(&mut self, peer: PeerId, info: identify::Info) {
        if info.protocols.contains(&self.options.protocol) {
            for address in info.listen_addrs {
                self.swarm.behaviour_mut().kad.add_address(&peer, address);
            }
        }
        let protocols = texts(&info.protocols);
        report(json!({
            "event": "identified",
            "peer": peer.to_string(),
            "agent": info.agent_version,
            "protocols": protocols,
        }));
        self.protocols.insert(peer, protocols);
    }

    fn on_kad(&mut self, event: kad::Event) -> bool {
        match event {
            kad::Event::RoutingUpdated { peer, is_new_peer: true, .. } => {
                report(json!({ "event": "server", "peer": peer.to_string() }));
                self.has_server = true;
                self.start_query();
            }
            kad::Event::InboundRequest {
                request: kad::InboundRequest::AddProvider { record: Some(record) },
            } => self.on_record(record),
            kad::Event::OutboundQueryProgressed { id, result, stats, step }
                if self.query == Some(id) =>
            {
                if step.last {
                    self.query = None;
                }
                return self.on_result(result, stats.num_successes());
            }
            _ => {}
        }
        false
    }

    fn on_record(&mut self, record: kad::ProviderRecord) {
        let line = json!({
            "event": "stored",
            "key": HEXLOWER.encode(record.key.as_ref()),
            "peer": record.provider.to_string(),
            "addresses": texts(&record.addresses),
        });
        match self.swarm.behaviour_mut().kad.store_mut().add_provider(record) {
            Ok(()) => report(line),
            Err(error) => report(json!({ "event": "refused", "error": error.to_string() })),
        }
    }

    fn on_result(&mut self, result: kad::QueryResult, answers: u32) -> bool {
        match result {
            kad::QueryResult::StartProviding(Ok(_)) if answers > 0 => {
                self.advertised = true;
                // From now on it dials nobody: whoever is connected has come by the record.
                *self.swarm.behaviour_mut().limits.limits_mut() =
                    ConnectionLimits::default().with_max_pending_outgoing(Some(0));
                report(json!({ "event": "provided" }));
                false
            }
            kad::QueryResult::GetProviders(Ok(kad::GetProvidersOk::FoundProviders {
                providers,
                ..
            })) => providers.into_iter().fold(false, |met, peer| self.on_provider(peer) || met),
            _ => false,
        }
    }

    fn on_provider(&mut self, peer: PeerId) -> bool {
        if peer == *self.swarm.local_peer_id() || !self.providers.insert(peer) {
            return false;
        }
        // The DHT keeps the addresses of an answer to itself, for whoever dials while its query
        // runs: this is how the swarm asks for them.
        let addresses = self
            .swarm
            .behaviour_mut()
            .kad
            .handle_pending_outbound_connection(
                ConnectionId::new_unchecked(0),
                Some(peer),
                &[],
                Endpoint::Dialer,
            )
            .unwrap_or_default();
        report(json!({
            "event": "provider",
            "peer": peer.to_string(),
            "addresses": texts(&addresses),
        }));
        // Refused when it is connected or being dialled already, which serves as well.
        let _ = self.swarm.dial(DialOpts::peer_id(peer).addresses(addresses).build());
        self.has_met(peer)
    }

    fn has_met(&self, peer: PeerId) -> bool {
        let Some(protocols) = self.protocols.get(&peer) else {
            return false;
        };
        let expected = match &self.options.expect {
            Some(expected) => protocols.contains(expected),
            None => true,
        };
        let met = expected && self.providers.contains(&peer);
        if met {
            report(json!({ "event": "met", "peer": peer.to_string(), "protocols": protocols }));
        }
        met
    }
}

fn on_connected(peer: PeerId, endpoint: &ConnectedPoint) {
    let direction = if endpoint.is_dialer() { "outbound" } else { "inbound" };
    report(json!({
        "event": "connected",
        "peer": peer.to_string(),
        "direction": direction,
        "address": endpoint.get_remote_address().to_string(),
    }));
}

fn texts(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn report(line: Value) {
    println!("{line}");
}
