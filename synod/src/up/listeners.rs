//! All ports of a network, bound before anything starts.

use std::net::SocketAddr;

use anyhow::{Result, anyhow};
use synod_api::{ESPLORA_PORT, EXPLORER_PORT, MINER_PORT, NODE_PORT, VALIDATOR_PORT, WALLET_PORT};
use synod_service::bind;
use tokio::net::TcpListener;

use super::args::{Ports, UpArgs};
use super::network::Network;

/// How far the ports of two nodes lie apart, and those of two validators.
const PORT_STEP: u16 = 10;

/// Bound listeners of all services.
pub(super) struct Listeners {
    pub(super) nodes: Vec<TcpListener>,
    /// Under proof of work.
    pub(super) miner: Option<TcpListener>,
    /// Under every other engine.
    pub(super) validators: Vec<TcpListener>,
    pub(super) explorer: TcpListener,
    pub(super) esplora: TcpListener,
    pub(super) wallet: TcpListener,
}

impl Listeners {
    /// Binds on loopback.
    ///
    /// # Errors
    /// A port is taken.
    pub(super) async fn bind(args: &UpArgs, network: &Network) -> Result<Self> {
        let bind_port = async |port: u16| {
            let port = if args.ports == Ports::Auto { 0 } else { port };
            let bound = bind(SocketAddr::from(([127, 0, 0, 1], port))).await;
            bound.map_err(|error| anyhow!("{error}, or --ports auto"))
        };
        let mut nodes = Vec::new();
        for index in 0..network.nodes {
            nodes.push(bind_port(NODE_PORT + index * PORT_STEP).await?);
        }
        let mut validators = Vec::new();
        for index in 0..network.sealing.as_ref().map_or(0, |it| it.validators.len()) {
            let index = u16::try_from(index)?;
            validators.push(bind_port(VALIDATOR_PORT + index * PORT_STEP).await?);
        }
        let miner = match network.sealing {
            None => Some(bind_port(MINER_PORT).await?),
            Some(_) => None,
        };
        Ok(Self {
            nodes,
            miner,
            validators,
            explorer: bind_port(EXPLORER_PORT).await?,
            esplora: bind_port(ESPLORA_PORT).await?,
            wallet: bind_port(WALLET_PORT).await?,
        })
    }
}

/// Returns the root URL of a listener.
pub(super) fn url(listener: &TcpListener) -> Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}
