//! The composition of a node: what is opened, which tasks run, and how they end.
//!
//! | task | what it does | ends |
//! |---|---|---|
//! | chain thread | all changes of the chain and the mempool | last, when all others have ended |
//! | news | passes events on to `/v1/events` and to peers | with the chain thread |
//! | peers | one session a peer | at the soft step |
//! | listeners | HTTP | at the soft step, after open requests |
//! | upkeep | checkpoints, expiry of the mempool, saving addresses of peers | at the soft step |
//! | halt | stops the node at the height that it was given | at the soft step |
//! | past | checks the blocks behind a snapshot | when it has, or at the soft step |
//! | duty time | wakes the chain thread for the engine's timers | at the soft step |
//! | duty spread | hands votes and evidence to peers | at the soft step |
//! | room | readiness while the disk is full, and the way back | at the soft step |
//! | keep digest | follows the chain with the digest of all coins | at the soft step |
//! | keep mempool | takes the saved mempool back, then saves it at intervals | at the soft step |
//!
//! The mempool is saved once more when the chain thread has ended.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use synod_api::hex::NodeIdHex;
use synod_api::{BitsHex, HashHex};
use synod_chainspec::{ChainSpec, genesis_block};
use synod_gossip::{Identity as PeerIdentity, PeerTable, PeerUrl, TableParts, UrlPolicy};
use synod_mempool::Policy;
use synod_node_core::{ChainSettings, Node, Settings, StorageError};
use synod_service::{AccessPolicy, EventLog, Health, Shutdown, Token, serve};
use synod_store::{Identity, Maintenance, Options, Store, StoreError};
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

use crate::background;
use crate::book::BookFile;
use crate::chain::{ChainHandle, NewsInbox, Running, StoreAdapter, spawn};
use crate::config::NodeConfig;
use crate::digest::StateDigests;
use crate::duty;
use crate::halt;
use crate::http::{self, Wiring};
use crate::kept::Kept;
use crate::member;
use crate::mempool_file::MempoolFile;
use crate::news;
use crate::port::ChainPort;
use crate::pruning::Pruning;
use crate::room;
use crate::state::{AppState, Parts, clock, clock_ms};
use crate::tasks::keep_digest;
use crate::tasks::keep_mempool::{self, Standing};
use crate::templates::Templates;

/// The most events kept for readers that come back.
const MAX_EVENTS: usize = 10_000;
/// How often the log is moved into the database and old transactions leave the mempool.
const UPKEEP: Duration = Duration::from_secs(30);
/// The name of the operator's token in the data directory.
pub const TOKEN_FILE: &str = "token";

/// An opened node that serves nobody yet.
pub struct Opened {
    chain: ChainHandle,
    duties: duty::Ends,
    news: NewsInbox,
    events: EventLog,
    /// Transactions that readers of the events take to be in the mempool.
    known: BTreeSet<HashHex>,
    thread: JoinHandle<Result<(), StorageError>>,
    store_reader: synod_store::Reader,
    maintenance: Maintenance,
    spec: ChainSpec,
    token: Token,
}

/// Opens the data directory and starts the chain thread.
///
/// # Errors
/// The directory is in use, of another network, damaged, or cannot be used.
pub async fn open(config: &NodeConfig) -> Result<Opened> {
    let spec = config.spec()?;
    let (mut node, store_reader, maintenance) = open_node(config, &spec).await?;
    // What opening did is told as what happened since the last run.
    drop(node.take_events());
    let (events, past) =
        EventLog::open(&config.data, MAX_EVENTS).context("the journal of events")?;
    let known = news::catch_up(&events, &past, &store_reader).await?;
    let token = Token::load_or_create(&config.data.join(TOKEN_FILE))?;
    let evidence = store_reader.meta(duty::EVIDENCE_RECORD).await?;
    let (runtime, duties) = duty::runtime(&spec, evidence.as_ref(), clock_ms());
    let Running {
        chain,
        news,
        thread,
    } = spawn(node, clock, runtime)?;
    Ok(Opened {
        chain,
        duties,
        news,
        events,
        known,
        thread,
        store_reader,
        maintenance,
        spec,
        token,
    })
}

/// Names the network that a database of this spec belongs to.
#[must_use]
pub fn identity_of(spec: &ChainSpec) -> Identity {
    Identity {
        network: spec.name.clone(),
        chain_id: spec.chain_id().0,
        genesis: genesis_block().hash(),
    }
}

/// Opens the store and the node core on top of it.
///
/// # Errors
/// As [`open`].
pub async fn open_node(
    config: &NodeConfig,
    spec: &ChainSpec,
) -> Result<(Node, synod_store::Reader, Maintenance)> {
    let identity = identity_of(spec);
    let Store {
        writer,
        reader,
        maintenance,
    } = Store::open(
        &config.data,
        &identity,
        &Options {
            accept_older: config.accept_older,
            ..Options::default()
        },
    )
    .await?;
    let runtime = tokio::runtime::Handle::current();
    let storage = Box::new(StoreAdapter::new(writer, reader.clone(), runtime)?);
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
    let (k0, k1) = key.split_at(8);
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let settings = Settings {
        chain: ChainSettings {
            coins_cache_bytes: config.coins_cache_bytes,
            threads: config.thread_count(),
            hash_key: (word(k0), word(k1)),
        },
        policy: Policy::default(),
    };
    let spec = spec.clone();
    let trusts_tip = config.trusts_tip();
    // Replaying blocks takes long and calls the store: not on a thread of the runtime.
    let node = tokio::task::spawn_blocking(move || Node::open(&spec, storage, settings, clock()));
    let mut node = node.await.context("opening the chain")??;
    if trusts_tip {
        node.chain_mut().trust_stored_chain();
    }
    Ok((node, reader, maintenance))
}

/// Serves an opened node until it is told to stop, then stops in order.
///
/// # Errors
/// A listener cannot be served, a peer's URL is none, or storage failed meanwhile.
pub async fn run(
    config: NodeConfig,
    opened: Opened,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<()> {
    let Opened {
        chain,
        duties,
        news,
        events,
        known,
        thread,
        store_reader,
        maintenance,
        spec,
        token,
    } = opened;
    let address = listener.local_addr()?;
    let node_id = random_node_id()?;
    let identity = PeerIdentity {
        chain_id: HashHex::from_bytes(spec.chain_id().0),
        network: spec.name.clone(),
        agent: concat!("synod-node/", env!("CARGO_PKG_VERSION")).to_owned(),
        node_id,
        listen_url: Some(
            config
                .announce
                .clone()
                .unwrap_or_else(|| format!("http://{address}")),
        ),
    };
    let sessions = tokio_util::sync::CancellationToken::new();
    let duty::Ends {
        duties,
        due,
        outgoing,
    } = duties;
    let port = ChainPort::new(chain.clone(), store_reader.clone(), duties.clone());
    let book_file = BookFile::new(&config.data);
    let peers = Arc::new(PeerTable::new(TableParts {
        node: port,
        identity,
        clock,
        stop: sessions.clone(),
        book: book_file.load()?,
        allows_private: config.allow_private,
        upload_bytes_per_s: config.peer_upload_bytes_per_s,
        salt: random_number()?,
        members: member::members(&config, &spec, node_id)?.map(Arc::new),
    }));
    for url in config.peer.iter().chain(&spec.peers) {
        let url = PeerUrl::parse(url, UrlPolicy::Operator).with_context(|| url.clone())?;
        peers.add(url).context("adding a peer")?;
    }
    peers.start();
    let state = AppState::new(Parts {
        digests: StateDigests::new(store_reader.clone(), &config.data),
        snapshot: background::load(&store_reader).await?,
        reader: store_reader,
        spec,
        chain,
        peers: Arc::clone(&peers),
        events: events.clone(),
        templates: Templates::default(),
        duties,
        kept: Kept::default(),
        token,
        shutdown: shutdown.clone(),
    });
    let time = tokio::spawn(duty::keep_time(state.chain.clone(), due, shutdown.clone()));
    let spreading = tokio::spawn(duty::spread(outgoing, Arc::clone(&peers), shutdown.clone()));
    let telling = tokio::spawn(news::pass_on(news, events, state.clone(), known));
    let mempool_file = MempoolFile::in_directory(&config.data);
    let keeping = tokio::spawn(keep_mempool::run(
        state.chain.clone(),
        mempool_file.clone(),
        Duration::from_secs(config.mempool_save_s.max(1)),
        shutdown.clone(),
    ));
    let digesting = tokio::spawn(keep_digest::run(state.clone()));
    let past = tokio::spawn(background::run(
        config.clone(),
        state.clone(),
        shutdown.clone(),
    ));
    let halt = tokio::spawn(halt::watch(
        state.chain.clone(),
        config.stop_at_height,
        shutdown.clone(),
    ));
    let upkeep = tokio::spawn(keep_up(
        state.clone(),
        maintenance,
        book_file.clone(),
        Pruning::of(config.prune),
        shutdown.clone(),
    ));
    let health = Health::default();
    health.check("chain").pass();
    let trust = health.check("trust");
    trust.pass();
    if let Some(needs) = state.chain.view().needs_trust {
        tracing::warn!("{needs}");
        trust.fail(needs.to_string());
    }
    let storage = health.check("storage");
    storage.pass();
    let room = tokio::spawn(room::watch(state.chain.clone(), storage, shutdown.clone()));
    let limits = config.limits.of_listener();
    let wiring = |has_dev| Wiring {
        limits: limits.clone(),
        classes: config.limits,
        access: AccessPolicy {
            allowed_hosts: config.allowed_host.clone(),
            public_writes: vec![
                "/v1/transactions".to_owned(),
                "/v1/transactions/test".to_owned(),
                "/v1/evidence".to_owned(),
            ],
            ..AccessPolicy::default()
        },
        health: health.clone(),
        metrics: crate::metrics::register(&state),
        has_dev,
    };
    let main = serve(
        listener,
        http::router(&state, wiring(config.dev)),
        shutdown.clone(),
        limits.clone(),
    );
    let peer_wiring = wiring(false);
    let second = async {
        let Some(address) = config.peer_listen else {
            return Ok(());
        };
        let listener = synod_service::bind(address).await?;
        let router = http::peer_router(&state, peer_wiring);
        serve(listener, router, shutdown.clone(), limits.clone()).await?;
        Ok::<_, anyhow::Error>(())
    };
    let watch = watch_thread(&thread, &shutdown);
    let (served, second, ()) = tokio::join!(main, second, watch);
    let book = peers.saved_book();
    sessions.cancel();
    peers.ended().await;
    book_file.save(&book);
    let kept_up = upkeep.await.context("upkeep")?;
    room.await.context("watching for room")?;
    time.await.context("keeping the engine's timers")?;
    spreading.await.context("handing messages to peers")?;
    digesting.await.context("keeping the digest")?;
    let mempool = keeping.await.context("keeping the mempool")?;
    halt.await.context("watching the height")?;
    let past = past.await.context("checking the past")?;
    state.chain.stop().await;
    telling.await.context("passing on events")?;
    let ended = tokio::task::spawn_blocking(move || thread.join()).await?;
    if mempool == Standing::Restored {
        keep_mempool::save(&state.chain, &mempool_file).await;
    }
    ended.map_err(|_| anyhow!("the chain thread panicked"))??;
    past?;
    let maintenance = kept_up.context("the database's log could not be moved")?;
    close(maintenance, &state.reader).await;
    served?;
    second
}

/// Stops the service when the chain thread has ended by itself, which only a failure of
/// storage makes it do.
async fn watch_thread(thread: &JoinHandle<Result<(), StorageError>>, shutdown: &Shutdown) {
    let mut ticks = interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            () = shutdown.stopping() => return,
            _ = ticks.tick() => if thread.is_finished() {
                tracing::error!("storage failed; the node stops");
                shutdown.begin();
            }
        }
    }
}

/// # Errors
/// The operating system failed to write: what it took before may be lost, so only a restart is
/// safe, and the service is told to stop.
async fn keep_up(
    state: AppState,
    mut maintenance: Maintenance,
    book: BookFile,
    mut pruning: Option<Pruning>,
    shutdown: Shutdown,
) -> Result<Maintenance, StoreError> {
    let mut changes = state.chain.tip_changes();
    let mut ticks = interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.stopping() => break,
            _ = ticks.tick() => {}
            Ok(()) = changes.changed(), if pruning.is_some() => {
                changes.borrow_and_update();
                let Some(pruning) = &mut pruning else { continue };
                if !pruning.is_due(state.chain.view().height) {
                    continue;
                }
            }
        }
        if let Some(pruning) = &mut pruning
            && let Err(error) = pruning.run(&state, &mut maintenance).await
        {
            tracing::warn!(%error, "old blocks were not pruned");
        }
        let expired = state.chain.run(|node, now| {
            node.expire(now);
            Ok(())
        });
        if let Err(error) = expired.await {
            tracing::debug!(%error, "upkeep skipped");
        }
        book.save(&state.peers.saved_book());
        match maintenance.checkpoint().await {
            Ok(_) => {}
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the database's log was not moved");
            }
            Err(error) => {
                tracing::error!(%error, "storage failed; the node stops");
                shutdown.begin();
                return Err(error);
            }
        }
    }
    Ok(maintenance)
}

/// Moves the log into the database after everything else has ended, so that the file is whole by
/// itself.
async fn close(mut maintenance: Maintenance, reader: &synod_store::Reader) {
    reader.close().await;
    let moved = maintenance.checkpoint().await.map(drop);
    if let Err(error) = moved.and(maintenance.close().await) {
        tracing::warn!(%error, "closing the database");
    }
}

fn random_number() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(u64::from_le_bytes(bytes))
}

fn random_node_id() -> Result<NodeIdHex> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(NodeIdHex::from_bytes(id))
}

impl Parts {
    /// Returns the easiest target of the network.
    #[must_use]
    pub fn limit_bits(&self) -> synod_primitives::CompactTarget {
        self.spec.consensus.engine.limit_bits()
    }

    /// Returns the target of the tip as the wire writes it.
    #[must_use]
    pub fn tip_bits(&self) -> BitsHex {
        self.chain.view().bits.0.into()
    }
}

impl Opened {
    /// Returns the operator's token.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Returns the chain handle, for whoever runs the node in the same process.
    #[must_use]
    pub fn chain(&self) -> &ChainHandle {
        &self.chain
    }
}
