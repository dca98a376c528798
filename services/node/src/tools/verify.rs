//! `synod-node verify`: every row of the database against its checksum.

use anyhow::Result;
use synod_chainspec::genesis_block;
use synod_store::{Identity, Options, Store, VerifyReport};

use crate::config::NodeConfig;

/// Reads and checks the whole database.
///
/// # Errors
/// The database cannot be opened or read at all; damage is in the report.
pub async fn run(config: &NodeConfig) -> Result<VerifyReport> {
    let spec = config.spec()?;
    let identity = Identity {
        network: spec.name.clone(),
        chain_id: spec.chain_id().0,
        genesis: genesis_block().hash(),
    };
    let mut store = Store::open(&config.data, &identity, &Options::default()).await?;
    let report = store
        .maintenance
        .verify(|step| tracing::info!(step, "checking"))
        .await?;
    store.close().await?;
    Ok(report)
}
