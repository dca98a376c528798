//! Puts the validator and the signer together.

use synod_api::ClientError;
use synod_service::{AccessPolicy, App, Health, Limits, Metrics, Shutdown, Token, serve};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::http;
use crate::live_line;
use crate::metrics::ValidatorMetrics;
use crate::nodes::{Node, NodeEndpoint};
use crate::signer::{LocalSigner, SignError, Signer};
use crate::state::State;
use crate::watch::Doppelganger;
use crate::worker::{Memory, Worker};

/// What [`run`] needs.
#[derive(Debug)]
pub struct ValidatorConfig {
    /// The nodes in the order of preference.
    pub nodes: Vec<NodeEndpoint>,
    /// Who signs.
    pub signer: Signer,
    /// The address that sealed blocks pay; without it blocks are not sealed.
    pub payout: Option<String>,
    /// The slots to watch for doppelgangers before the first signature; none for two epochs.
    pub watch_slots: Option<u64>,
    /// Where the time comes from.
    pub clock: Clock,
    /// What the routes that change something ask for.
    pub token: Token,
    /// Host names besides loopback ones that are answered.
    pub allowed_hosts: Vec<String>,
    /// Whether a line on standard error shows what is done.
    pub has_live_line: bool,
}

impl ValidatorConfig {
    /// Signs for nodes by the machine's clock, after watching for two epochs.
    #[must_use]
    pub fn new(nodes: Vec<NodeEndpoint>, signer: Signer, token: Token) -> Self {
        Self {
            nodes,
            signer,
            payout: None,
            watch_slots: None,
            clock: Clock::system(),
            token,
            allowed_hosts: Vec::new(),
            has_live_line: false,
        }
    }
}

/// Why a validator ended, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorError {
    /// A node's URL or token cannot be used.
    #[error("a node: {0}")]
    Node(#[from] ClientError),
    /// The signer does not answer.
    #[error("the signer: {0}")]
    Signer(#[from] SignError),
    /// Somebody else signs with our keys.
    #[error(transparent)]
    Doppelganger(#[from] Doppelganger),
    /// The listener failed.
    #[error("the listener: {0}")]
    Listener(#[from] std::io::Error),
    /// A task ended by a panic.
    #[error("a task of the validator broke: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Does duties and serves until a stop is asked for.
///
/// Tasks: the worker that asks for duties and does them, the server, the live line where it is
/// wanted. A task that ends early stops the others.
///
/// # Errors
/// A URL or token cannot be used, the signer does not answer at the start, somebody else signs
/// with our keys, the listener fails, or a task panics. A node that is away is no error: the
/// validator waits for it.
pub async fn run(
    config: ValidatorConfig,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), ValidatorError> {
    let shutdown = shutdown.child();
    let nodes = config.nodes.iter().map(Node::new);
    let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
    let chain_id = config.signer.chain_id().await?;
    let shown = nodes.iter().map(|node| node.shown.clone()).collect();
    let state = State::new(chain_id, config.signer.place(), shown);
    let (health, metrics) = (Health::default(), Metrics::default());
    let worker = Worker {
        nodes,
        signer: config.signer,
        chain_id,
        payout: config.payout,
        watch_slots: config.watch_slots,
        clock: config.clock,
        state: state.clone(),
        metrics: ValidatorMetrics::register(&metrics),
        check: health.check("duties"),
        shutdown: shutdown.clone(),
        memory: Memory::default(),
    };
    let limits = Limits::default();
    let access = AccessPolicy {
        allowed_hosts: config.allowed_hosts,
        ..AccessPolicy::default()
    };
    let router = App::new(http::document(), &limits)
        .routes(http::routes(&config.token).with_state(state.clone()))
        .access(access)
        .health(&health)
        .metrics(&metrics)
        .build();
    let server = tokio::spawn(ending(
        serve(listener, router, shutdown.clone(), limits),
        shutdown.clone(),
    ));
    let worker = tokio::spawn(ending(worker.run(), shutdown.clone()));
    if config.has_live_line {
        tokio::spawn(live_line::show(state, shutdown.clone())).await?;
    }
    let worked = worker.await?;
    server.await??;
    Ok(worked?)
}

/// What [`run_signer`] needs.
#[derive(Debug)]
pub struct SignerConfig {
    /// The keys and their protection.
    pub signer: LocalSigner,
    /// What every route asks for.
    pub token: Token,
    /// Host names besides loopback ones that are answered.
    pub allowed_hosts: Vec<String>,
}

/// Serves signatures to validators on other machines until a stop is asked for.
///
/// # Errors
/// The listener fails.
pub async fn run_signer(
    config: SignerConfig,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), ValidatorError> {
    let limits = Limits::default();
    let access = AccessPolicy {
        allowed_hosts: config.allowed_hosts,
        ..AccessPolicy::default()
    };
    let router = App::new(http::document(), &limits)
        .routes(http::signer_routes(&config.token).with_state(config.signer))
        .access(access)
        .health(&Health::default())
        .metrics(&Metrics::default())
        .build();
    Ok(serve(listener, router, shutdown, limits).await?)
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
