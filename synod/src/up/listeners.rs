//! All ports of a network, bound before anything starts.

use std::net::SocketAddr;

use anyhow::{Result, anyhow};
use synod_api::{ESPLORA_PORT, EXPLORER_PORT, MINER_PORT, NODE_PORT, WALLET_PORT};
use synod_service::bind;
use tokio::net::TcpListener;

use super::args::{Ports, UpArgs};

/// How far the ports of two nodes lie apart.
const NODE_PORT_STEP: u16 = 10;

/// Bound listeners of all services.
pub(super) struct Listeners {
    pub(super) nodes: Vec<TcpListener>,
    pub(super) miner: TcpListener,
    pub(super) explorer: TcpListener,
    pub(super) esplora: TcpListener,
    pub(super) wallet: TcpListener,
}

impl Listeners {
    /// Binds on loopback.
    ///
    /// # Errors
    /// A port is taken.
    pub(super) async fn bind(args: &UpArgs, nodes: u16) -> Result<Self> {
        let bind_port = async |port: u16| {
            let port = if args.ports == Ports::Auto { 0 } else { port };
            let bound = bind(SocketAddr::from(([127, 0, 0, 1], port))).await;
            bound.map_err(|error| anyhow!("{error}, or --ports auto"))
        };
        let mut listeners = Vec::new();
        for index in 0..nodes {
            listeners.push(bind_port(NODE_PORT + index * NODE_PORT_STEP).await?);
        }
        Ok(Self {
            nodes: listeners,
            miner: bind_port(MINER_PORT).await?,
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
