//! The command line: a command word, then `--name value` pairs.

use libp2p::{Multiaddr, StreamProtocol};
use std::time::Duration;

pub const USAGE: &str = "\
moim_interop key --phrase P
moim_interop serve     [--bootstrap ADDR]...
moim_interop advertise --phrase P --bootstrap ADDR...
moim_interop lookup    --phrase P --bootstrap ADDR... [--expect PROTOCOL] [--timeout-seconds 60]
all but key: [--listen /ip4/127.0.0.1/tcp/0] [--protocol /moim/kad/1.0.0]";

/// Everything the command line can say; what was not said holds its default.
pub struct Options {
    pub phrase: Option<String>,
    pub listen: Multiaddr,
    pub bootstraps: Vec<Multiaddr>,
    /// The protocol id of the DHT.
    pub protocol: StreamProtocol,
    /// A protocol that a provider must list in identify before `lookup` is content with it.
    pub expect: Option<String>,
    /// How long `lookup` tries.
    pub timeout: Duration,
}

impl Options {
    /// Reads the pairs that follow the command word. An error is one line for the user.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            phrase: None,
            listen: "/ip4/127.0.0.1/tcp/0".parse().expect("a valid multiaddr"),
            bootstraps: Vec::new(),
            protocol: StreamProtocol::new("/moim/kad/1.0.0"),
            expect: None,
            timeout: Duration::from_secs(60),
        };
        while let Some(name) = args.next() {
            let value = args.next().ok_or(format!("Cannot read {name}: its value is missing"))?;
            let wrong =
                |error: &dyn std::fmt::Display| format!("Cannot read {name} {value}: {error}");
            match name.as_str() {
                "--phrase" => options.phrase = Some(value),
                "--listen" => options.listen = value.parse().map_err(|e| wrong(&e))?,
                "--bootstrap" => options.bootstraps.push(value.parse().map_err(|e| wrong(&e))?),
                "--protocol" => {
                    options.protocol =
                        StreamProtocol::try_from_owned(value.clone()).map_err(|e| wrong(&e))?
                }
                "--expect" => options.expect = Some(value),
                "--timeout-seconds" => {
                    options.timeout = Duration::from_secs(value.parse().map_err(|e| wrong(&e))?)
                }
                _ => return Err(format!("Cannot read {name}: no such option")),
            }
        }
        Ok(options)
    }

    /// The phrase, for the commands that cannot do without.
    pub fn phrase(&self) -> Result<&str, String> {
        self.phrase.as_deref().ok_or("Cannot go on without --phrase".to_owned())
    }
}
