//! Puts the miner together.

use std::sync::Arc;

use synod_api::{ClientError, NodeClient};
use synod_service::{AccessPolicy, App, Health, Limits, Metrics, Shutdown, serve};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};

use crate::config::MinerConfig;
use crate::follow::Follower;
use crate::http;
use crate::kernel::Kernel;
use crate::live_line;
use crate::metrics::MinerMetrics;
use crate::miner::{Inputs, Miner};
use crate::searchers::Searchers;
use crate::state::State;

/// Places in the queue of solved assignments; there is one assignment at a time.
const FOUND_QUEUE: usize = 64;

/// Why a miner could not run.
#[derive(Debug, thiserror::Error)]
pub enum MinerError {
    /// The node's URL is not one.
    #[error("the node: {0}")]
    Node(#[from] ClientError),
    /// The listener failed.
    #[error("the listener: {0}")]
    Listener(#[from] std::io::Error),
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    Random(String),
    /// A task ended by a panic.
    #[error("a task of the miner broke: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Mines and serves until a stop is asked for.
///
/// Tasks: the follower of templates, the miner, the server, the live line where it is wanted. A
/// task that ends early stops the others.
///
/// # Errors
/// The node's URL is not one, the listener fails, or a task panics. A node that is away is no
/// error: the miner waits for it.
pub async fn run(
    config: MinerConfig,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), MinerError> {
    let shutdown = shutdown.child();
    let node = NodeClient::new(&config.node)?;
    let kernel = Kernel::fastest();
    let (state, requests) = State::new(&config, node, kernel);
    let (found_sender, found) = mpsc::channel(FOUND_QUEUE);
    let searchers = Searchers::new(kernel, random()?, found_sender);
    let (health, metrics) = (Health::default(), Metrics::default());
    let (templates, newest) = watch::channel(None);
    let refresh = Arc::new(Notify::new());
    let follower = Follower {
        state: state.clone(),
        templates,
        refresh: Arc::clone(&refresh),
        check: health.check("node"),
        shutdown: shutdown.clone(),
    };
    let own_metrics = MinerMetrics::register(&metrics);
    let (miner, verdicts) = Miner::new(state.clone(), searchers, own_metrics, refresh);
    let inputs = Inputs {
        templates: newest,
        found,
        requests,
        shutdown: shutdown.clone(),
    };
    let limits = Limits::default();
    let access = AccessPolicy {
        allowed_hosts: config.allowed_hosts.clone(),
        ..AccessPolicy::default()
    };
    let router = App::new(http::document(), &limits)
        .routes(http::routes(&config.token).with_state(state.clone()))
        .streams(http::streams(&config.token).with_state(state.clone()))
        .access(access)
        .health(&health)
        .metrics(&metrics)
        .build();
    let server = tokio::spawn(ending(
        serve(listener, router, shutdown.clone(), limits),
        shutdown.clone(),
    ));
    let follower = tokio::spawn(ending(follower.run(), shutdown.clone()));
    let miner = tokio::spawn(ending(miner.run(inputs, verdicts), shutdown.clone()));
    if config.has_live_line {
        tokio::spawn(live_line::show(state, shutdown.clone())).await?;
    }
    miner.await?;
    follower.await?;
    Ok(server.await??)
}

/// Stops the others when a task ends, also by a panic.
struct Stop(Shutdown);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.begin();
    }
}

async fn ending<T>(task: impl Future<Output = T>, shutdown: Shutdown) -> T {
    let _stop = Stop(shutdown);
    task.await
}

fn random() -> Result<u64, MinerError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| MinerError::Random(error.to_string()))?;
    Ok(u64::from_le_bytes(bytes))
}
