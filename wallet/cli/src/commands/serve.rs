//! `serve`: the REST service on this wallet directory.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::json;
use synod_service::{Shutdown, bind, logging};
use synod_wallet_cold::{
    answer::Answer,
    exit::{Exit, Failure},
};

use super::Hot;
use crate::service::{self, Config, TOKEN_FILE};

/// Options of `serve`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = service::default_address())]
    listen: SocketAddr,
    /// Directory of the token's file [default: the wallet directory]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Unlock a wallet with the password in a file; may be given several times
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_unlock)]
    unlock: Vec<(String, PathBuf)>,
    /// Further host name that is answered (as in a container)
    #[arg(long, value_name = "HOST")]
    allowed_host: Vec<String>,
    /// Log level or filter
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
}

fn parse_unlock(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write NAME=FILE")?;
    Ok((name.to_owned(), PathBuf::from(file)))
}

pub(crate) async fn run(
    hot: &Hot,
    args: &ServeArgs,
    explorer: String,
    explorer_timeout: Duration,
) -> Result<Answer, Failure> {
    let broken = |e: &dyn std::fmt::Display| Failure::new(Exit::Internal, "wallet-service", e);
    logging::init(logging::LogFormat::Text, &args.log)
        .map_err(|e| Failure::new(Exit::Usage, "log-filter", e))?;
    hot.session.home.make()?;
    let wallet_dir = hot.session.home.dir().to_owned();
    let data_dir = args.data.clone().unwrap_or_else(|| wallet_dir.clone());
    let mut config = Config {
        explorer,
        explorer_timeout,
        ..Config::new(wallet_dir, data_dir)
    };
    config.unlock.clone_from(&args.unlock);
    config.access.allowed_hosts.clone_from(&args.allowed_host);
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals().map_err(|e| broken(&e))?;
    let listener = bind(args.listen)
        .await
        .map_err(|e| Failure::new(Exit::Usage, "listen", e))?;
    let wallets = service::open_wallets(&config)
        .await
        .map_err(|e| broken(&e))?;
    let token = config.data_dir.join(TOKEN_FILE);
    tracing::info!(address = %args.listen, token = %token.display(), "the wallet service is ready");
    service::run(&config, wallets, listener, shutdown)
        .await
        .map_err(|e| broken(&e))?;
    Ok(Answer::new(json!({"stopped": true}), String::new()))
}
