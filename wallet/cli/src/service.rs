//! The wallet service: wallets over REST, for programs on the same machine.
//!
//! Routes: `/v1/wallets[/{name}[/addresses|/balance|/history|/psbts|/payments]]`, all with the
//! bearer token, and the kit's health, metrics and documentation.
//! Files: the wallet directory (see the crate), and `wallet.token` (0600) in the data directory.
//! Tasks: one that syncs every open wallet in turn. On a stop the task ends after the wallet that
//! it is at; payments that are signed and not yet sent are durable and sent at the next start.

mod bodies;
mod error;
mod http;
mod wallets;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use synod_service::{AccessPolicy, App, Check, Health, Limits, Metrics, Shutdown, Token, serve};
use tokio::net::TcpListener;
use utoipa::OpenApi as _;

pub use self::wallets::{MAX_OPEN, OpenWallet, SYNC_AGE, Wallets, WalletsError};
use crate::explorer::{DEFAULT_URL, Explorer, ExplorerError};

/// Name of the token's file in the data directory.
pub const TOKEN_FILE: &str = "wallet.token";

/// Settings of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of the wallets.
    pub wallet_dir: PathBuf,
    /// Directory of the token's file.
    pub data_dir: PathBuf,
    /// Esplora API of the explorer.
    pub explorer: String,
    /// Longest wait for one answer of the explorer.
    pub explorer_timeout: Duration,
    /// Pause between two rounds of syncing.
    pub sync_interval: Duration,
    /// Wallets that are unlocked at the start: name and password file.
    pub unlock: Vec<(String, PathBuf)>,
    /// Which hosts and origins are answered.
    pub access: AccessPolicy,
    /// Limits of the listener.
    pub limits: Limits,
}

impl Config {
    /// Takes the directories; everything else as usual.
    pub fn new(wallet_dir: PathBuf, data_dir: PathBuf) -> Self {
        Self {
            wallet_dir,
            data_dir,
            explorer: DEFAULT_URL.to_owned(),
            explorer_timeout: Duration::from_secs(20),
            sync_interval: Duration::from_secs(5),
            unlock: Vec::new(),
            access: AccessPolicy {
                is_publicly_readable: false,
                ..AccessPolicy::default()
            },
            limits: Limits::default(),
        }
    }
}

/// Why the service could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The explorer's address is wrong.
    #[error(transparent)]
    Explorer(#[from] ExplorerError),
    /// A wallet could not be unlocked.
    #[error("wallet '{name}': {reason}")]
    Unlock {
        /// The wallet.
        name: String,
        /// Why.
        reason: String,
    },
    /// The token's file is broken.
    #[error(transparent)]
    Token(#[from] synod_service::auth::TokenError),
    /// A directory or the listener failed.
    #[error("wallet service: {0}")]
    Io(#[from] std::io::Error),
}

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub(crate) wallets: Arc<Wallets>,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Synod wallet service",
        description = "Wallets for programs on the same machine. All routes below `/v1` want the bearer token.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags((name = "wallets", description = "Wallets, addresses, coins and payments"))
)]
struct Document;

/// Opens the wallets of a configuration and unlocks those that it names.
///
/// `synod up` adds its faucet's wallet to them with [`Wallets::open_from_seed`].
///
/// # Errors
/// When the explorer's address is wrong or a named wallet cannot be unlocked.
pub async fn open_wallets(config: &Config) -> Result<Arc<Wallets>, ServiceError> {
    let explorer = Explorer::new(&config.explorer, config.explorer_timeout)?;
    let wallets = Arc::new(Wallets::new(config.wallet_dir.clone(), explorer));
    for (name, file) in &config.unlock {
        let unlock_error = |reason: String| ServiceError::Unlock {
            name: name.clone(),
            reason,
        };
        let password = synod_wallet_cold::password::from_file(file)
            .map_err(|e| unlock_error(e.to_string()))?;
        wallets
            .unlock(name, password)
            .await
            .map_err(|e| unlock_error(e.to_string()))?;
    }
    Ok(wallets)
}

/// Serves the wallets until a stop is asked for.
///
/// # Errors
/// When the token's file is broken or the listener fails.
pub async fn run(
    config: &Config,
    wallets: Arc<Wallets>,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), ServiceError> {
    std::fs::create_dir_all(&config.data_dir)?;
    let token = Token::load_or_create(&config.data_dir.join(TOKEN_FILE))?;
    let (health, metrics) = (Health::default(), Metrics::default());
    let explorer = health.check("explorer");
    let app = router(config, Arc::clone(&wallets), &token, (&health, &metrics));
    let sync = tokio::spawn(sync_all(
        wallets,
        config.sync_interval,
        explorer,
        shutdown.clone(),
    ));
    let served = serve(listener, app, shutdown, config.limits.clone()).await;
    // The task ends with the shutdown that ended the listener; its panic would be a bug to show.
    sync.await.map_err(std::io::Error::other)?;
    Ok(served?)
}

/// The address that the service listens on unless another is given.
pub fn default_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], synod_api::WALLET_PORT))
}

fn router(
    config: &Config,
    wallets: Arc<Wallets>,
    token: &Token,
    (health, metrics): (&Health, &Metrics),
) -> Router {
    let routes = http::routes().with_state(AppState { wallets });
    App::new(Document::openapi(), &config.limits)
        .routes(token.protect(routes))
        .access(config.access.clone())
        .health(health)
        .metrics(metrics)
        .build()
}

/// Returns the service's OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, routes) = http::routes().split_for_parts();
    let mut document = Document::openapi();
    document.merge(routes);
    synod_service::docs::complete(document)
}

/// Syncs every open wallet, again and again.
async fn sync_all(wallets: Arc<Wallets>, pause: Duration, explorer: Check, shutdown: Shutdown) {
    while !shutdown.is_stopping() {
        match wallets.explorer().height().await {
            Ok(_) => explorer.pass(),
            Err(_) => explorer.fail("the explorer does not answer"),
        }
        for wallet in wallets.open_ones().await {
            if shutdown.is_stopping() {
                return;
            }
            if let Err(error) = wallet.hot().refresh(wallets.explorer()).await {
                tracing::warn!(wallet = wallet.hot().name(), %error, "sync failed");
            }
        }
        tokio::select! {
            () = shutdown.stopping() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
