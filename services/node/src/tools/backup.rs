//! `synod-node backup`: a copy of the database, also while a node runs on it.

use std::path::Path;

use anyhow::{Result, bail};

use crate::app::identity_of;
use crate::config::NodeConfig;

/// Copies the database into a directory that has none; the copy is a data directory.
///
/// The copy is of one moment. A node that runs meanwhile goes on; its log grows until the copy
/// is done. The operator's token is not copied.
///
/// # Errors
/// There is no database of this network; the directory has one already; the disk is full.
pub async fn run(config: &NodeConfig, to: &Path) -> Result<()> {
    let spec = config.spec()?;
    if !config.data.join(synod_store::DATABASE_FILE).exists() {
        bail!("there is no database in {}", config.data.display());
    }
    synod_store::backup(&config.data, &identity_of(&spec), to).await?;
    Ok(())
}
