//! `synod up`: one process that is a whole network.
//!
//! Order of a start: data directory, spec and keys, all listeners, nodes, bootstrap blocks,
//! wallet service, explorer, miner or validators. Ports are bound first, so that a taken one is found before
//! anything is written. On a stop the order is turned round: whoever depends on a node ends
//! before it.

mod args;
mod bootstrap;
mod listeners;
mod network;
mod screen;
mod sealing;
mod secrets;
mod services;
mod validators;

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use synod_api::HashHex;
use synod_api::endpoints::{EndpointsFile, ExplorerEndpoint, NodeEndpoint, TokenEndpoint};
use synod_service::{DataDir, Shutdown, logging};

pub use args::{DEFAULT_DATA, UpArgs};

use listeners::Listeners;
use network::Network;
use services::Services;

/// The file that says where everything answers.
pub const ENDPOINTS_FILE: &str = "endpoints.json";
/// How long the services have to be ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// Brings up a network and keeps it until it is told to stop.
///
/// # Errors
/// A port is taken, the data directory is in use or of another network, or a service failed.
pub async fn run(args: UpArgs) -> Result<()> {
    let started = Instant::now();
    logging::init(logging::LogFormat::Text, &args.log)?;
    let data = DataDir::open(&args.data)?;
    let network = Network::open(&data, &args)?;
    let listeners = Listeners::bind(&args, &network).await?;
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    let mut services = Services::start(&args, &data, &network, listeners, &shutdown).await?;
    let ready = services.wait_until_ready(READY_TIMEOUT);
    tokio::select! {
        ready = ready => ready?,
        () = shutdown.stopping() => {
            services.stop().await?;
            return Ok(());
        }
    }
    let ready_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let endpoints = endpoints(&network, &services, ready_ms);
    let text = serde_json::to_string_pretty(&endpoints)?;
    secrets::write_private(&data.join(ENDPOINTS_FILE), &text)?;
    if let Some(out) = &args.out {
        secrets::write_private(out, &text)?;
    }
    if args.ci {
        println!("{}", serde_json::to_string(&endpoints)?);
    } else {
        screen::show(&endpoints, &args);
    }
    let failure = tokio::select! {
        () = shutdown.stopping() => None,
        name = services.first_ended() => Some(name),
    };
    if !args.ci {
        // Whoever reads the terminal may have gone; the services stop in order all the same.
        let _ = writeln!(std::io::stderr(), "\nStopping.");
    }
    services.stop().await?;
    match failure {
        None => Ok(()),
        Some(name) => Err(anyhow::anyhow!("the {name} ended by itself")).context("network"),
    }
}

fn endpoints(network: &Network, services: &Services, ready_ms: u64) -> EndpointsFile {
    let explorer = &services.explorer_url;
    let named = |name: String, (url, token): &(String, String)| NodeEndpoint {
        name,
        url: url.clone(),
        token: token.clone(),
    };
    let nodes = (1..).zip(&services.nodes);
    let validators = (1..).zip(&services.validators);
    EndpointsFile {
        network: network.spec.name.clone(),
        engine: network.spec.consensus.engine.name().to_owned(),
        chain_id: HashHex::from_bytes(network.spec.chain_id().0),
        nodes: nodes
            .map(|(number, it)| named(format!("node-{number}"), it))
            .collect(),
        miner: services.miner.as_ref().map(|(url, token)| TokenEndpoint {
            url: url.clone(),
            token: token.clone(),
        }),
        validators: validators
            .map(|(number, it)| named(sealing::validator_name(number), it))
            .collect(),
        explorer: ExplorerEndpoint {
            url: explorer.clone(),
            api: format!("{explorer}/api"),
            esplora_root: services.esplora_url.clone(),
        },
        wallet: TokenEndpoint {
            url: services.wallet.0.clone(),
            token: services.wallet.1.clone(),
        },
        ready_ms,
    }
}
