//! Builds the service and runs its tasks.
//!
//! Tasks: the follower, which owns the index's writer and a reader of the node's events; a
//! watcher that keeps the health checks and gauges; one server for each listener.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use prometheus_client::metrics::gauge::Gauge;
use synod_api::NodeClient;
use synod_service::{AccessPolicy, App, DataDir, Health, Metrics, Shutdown, serve};
use tokio::net::TcpListener;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::clock::Clock;
use crate::config::ExplorerConfig;
use crate::document::Document;
use crate::error::ExplorerError;
use crate::follow::{Follower, Live};
use crate::http::state::Explorer;
use crate::http::{esplora, native, v1};
use crate::index::Indexer;
use crate::node::Node;
use crate::snapshot::Snapshots;
use crate::store::Store;

/// How often health and gauges are brought up to date.
const WATCH: Duration = Duration::from_millis(50);
/// The file of the index in the data directory.
const INDEX: &str = "explorer.sqlite";
/// Routes that any page may post to: they need no token and move nobody's coins.
const PUBLIC_WRITES: [&str; 6] = [
    "/tx",
    "/txs/package",
    "/api/tx",
    "/api/txs/package",
    "/api/v1/tx",
    "/api/v1/txs/package",
];

/// The listeners of an explorer.
#[derive(Debug)]
pub struct Listeners {
    /// Pages, `/api` and everything else.
    pub main: TcpListener,
    /// The Esplora API at the bare root; `None` to leave it out.
    pub esplora_root: Option<TcpListener>,
}

/// Runs an explorer until a stop is asked for.
///
/// # Errors
/// The data directory cannot be used, or the node belongs to another network than the index.
pub async fn run(
    config: ExplorerConfig,
    listeners: Listeners,
    shutdown: Shutdown,
) -> Result<(), ExplorerError> {
    let data = DataDir::open(&config.data)?;
    let (store, writer) = Store::open(&data.join(INDEX)).await?;
    let live = Live::new();
    let snapshots = Snapshots::new(store);
    let mut indexer = Indexer::new(writer, snapshots.clone()).await?;
    if config.reindex {
        indexer.clear().await?;
    }
    let node = Node::new(NodeClient::new(&config.node_url)?);
    let (follower, handle) = Follower::new(indexer, node.clone(), live.clone(), Clock::System);
    let explorer = Explorer {
        snapshots,
        node,
        follower: handle,
        live,
        clock: Clock::System,
        faucet: config.faucet.clone(),
        retarget: config.retarget,
        shutdown: shutdown.child(),
    };
    let stop = explorer.shutdown.clone();
    let (health, metrics) = (Health::default(), Metrics::default());
    let watcher = tokio::spawn(watch(explorer.clone(), health.clone(), metrics.clone()));
    let limits = config.limits.clone();
    let kit = Kit {
        config,
        health,
        metrics,
    };
    let (main, root) = (kit.main(&explorer), kit.root(&explorer));
    let main = tokio::spawn(serve(listeners.main, main, stop.clone(), limits.clone()));
    let root = listeners
        .esplora_root
        .map(|listener| tokio::spawn(serve(listener, root, stop.clone(), limits)));
    let followed = follower.run(stop.clone()).await;
    // The follower ends when a stop was asked for or the node is the wrong one.
    stop.begin();
    main.await??;
    if let Some(root) = root {
        root.await??;
    }
    watcher.await?;
    explorer.snapshots.close().await;
    followed?;
    Ok(())
}

/// What both listeners share.
struct Kit {
    config: ExplorerConfig,
    health: Health,
    metrics: Metrics,
}

impl Kit {
    fn access(&self) -> AccessPolicy {
        let mut access = self.config.access.clone();
        access
            .public_writes
            .extend(PUBLIC_WRITES.map(str::to_owned));
        access
    }

    fn app(&self, document: utoipa::openapi::OpenApi) -> App {
        App::new(document, &self.config.limits)
            .access(self.access())
            .health(&self.health)
            .metrics(&self.metrics)
    }

    /// Pages, `/api`, `/api/v1` and what is our own.
    fn main(&self, explorer: &Explorer) -> Router {
        let routes = main_routes().with_state(explorer.clone());
        let streams = native::streams().with_state(explorer.clone());
        // Documented under `/api` already.
        let (shared, _) = esplora::shared_routes().split_for_parts();
        let undocumented = Router::new()
            .nest("/api/v1", shared)
            .with_state(explorer.clone())
            .layer(axum::middleware::from_fn(crate::http::reply::not_modified))
            .route("/api/{*rest}", any(esplora::no_such_endpoint));
        self.app(Document::openapi())
            .routes(routes)
            .streams(streams)
            .pages(undocumented)
            .pages(crate::pages::routes().with_state(explorer.clone()))
            .build()
    }

    /// The Esplora API alone.
    fn root(&self, explorer: &Explorer) -> Router {
        let routes = esplora::routes().with_state(explorer.clone());
        let fallback = Router::new().route("/{*rest}", any(esplora::no_such_endpoint));
        self.app(Document::openapi())
            .routes(routes)
            .pages(fallback)
            .build()
    }
}

fn main_routes() -> OpenApiRouter<Explorer> {
    OpenApiRouter::new()
        .nest("/api", esplora::routes())
        .nest("/api/v1", v1::routes())
        .merge(native::routes())
}

/// Returns the OpenAPI document of the main listener.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, routes) = main_routes().split_for_parts();
    let (_, streams) = native::streams().split_for_parts();
    let mut document = Document::openapi();
    document.merge(routes);
    document.merge(streams);
    synod_service::docs::complete(document)
}

/// Keeps health checks and gauges until a stop is asked for.
async fn watch(explorer: Explorer, health: Health, metrics: Metrics) {
    let (node, index) = (health.check("node"), health.check("index"));
    let height = Gauge::<i64, AtomicI64>::default();
    let count = Gauge::<i64, AtomicI64>::default();
    metrics.register(|registry| {
        registry.register(
            "explorer_index_height",
            "Height of the index",
            height.clone(),
        );
        registry.register(
            "explorer_mempool_count",
            "Transactions in the mempool",
            count.clone(),
        );
    });
    loop {
        if explorer.follower.is_connected() {
            node.pass();
        } else {
            node.fail("the node does not answer");
        }
        if explorer.follower.has_caught_up() {
            index.pass();
        } else {
            index.fail("the index is behind the node");
        }
        let pool = explorer.snapshots.pool();
        height.set(pool.tip.map_or(-1, |tip| i64::from(tip.height)));
        count.set(i64::try_from(pool.len()).unwrap_or(i64::MAX));
        tokio::select! {
            () = explorer.shutdown.stopping() => return,
            () = tokio::time::sleep(WATCH) => {}
        }
    }
}
