//! A stranger for Moim's tests: a plain rust-libp2p program that shares nothing with Moim but the
//! phrase. It serves a DHT, advertises a phrase or looks one up, and reports one JSON object a
//! line on stdout. Exit codes: 0 done, 1 failed, 2 wrong usage, 4 nobody met in time.

mod key;
mod node;
mod options;

use node::{Node, Role};
use options::{Options, USAGE};
use serde_json::json;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let prepared = Options::parse(args).and_then(|options| {
        let role = role(&command, &options)?;
        Ok((options, role))
    });
    match prepared {
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            ExitCode::from(2)
        }
        Ok((options, None)) => {
            let phrase = options.phrase().expect("role() has checked it");
            println!("{}", json!({ "key": key::key_hex(phrase), "cid": key::cid_text(phrase) }));
            ExitCode::SUCCESS
        }
        Ok((options, Some(role))) => match Node::new(options, role) {
            Ok(node) => node.run().await,
            Err(error) => {
                eprintln!("Cannot start: {error:?}");
                ExitCode::FAILURE
            }
        },
    }
}

/// What the command asks of the node; `None` for `key`, which needs no node.
fn role(command: &str, options: &Options) -> Result<Option<Role>, String> {
    Ok(match command {
        "key" => {
            options.phrase()?;
            None
        }
        "serve" => Some(Role::Serve),
        "advertise" => Some(Role::Advertise(key::record_key(options.phrase()?))),
        "lookup" => Some(Role::Lookup(key::record_key(options.phrase()?))),
        _ => return Err(format!("Cannot run {command:?}: no such command")),
    })
}
