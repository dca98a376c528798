//! The miner's program: reads its settings and runs until it is told to stop.

use anyhow::Result;
use clap::Parser;
use synod_miner::config::Arguments;
use synod_service::{DataDir, Shutdown, bind, logging};

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Arguments::parse().settings()?;
    logging::init(settings.log_format, &settings.log)?;
    let data = DataDir::open(&settings.data)?;
    let config = settings.miner(&data)?;
    let listener = bind(settings.listen).await?;
    tracing::info!(listen = %listener.local_addr()?, node = config.node, "mining");
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    Ok(synod_miner::run(config, listener, shutdown).await?)
}
