//! `synod-node verify`: the database against its checksums, and the last blocks against the
//! rules.

use anyhow::{Context, Result};
use synod_store::{Options, Store, VerifyLevel, VerifyReport};

use crate::app::{identity_of, open_node};
use crate::config::NodeConfig;

/// How much is checked; each level includes those below it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Level(u8);

impl Level {
    /// The most that can be checked: the last blocks are taken off and connected again.
    pub const REPLAY: Self = Self(4);

    /// Makes a level of its number, 1 to 4.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (1..=4).contains(&number).then_some(Self(number))
    }

    fn of_store(self) -> VerifyLevel {
        match self.0 {
            1 => VerifyLevel::Structure,
            2 => VerifyLevel::Blocks,
            _ => VerifyLevel::Everything,
        }
    }
}

/// Reads and checks the database as far as `level` says; on the last level also connects the
/// last `blocks` blocks once more, with all scripts.
///
/// # Errors
/// The database cannot be opened or read at all; damage is in the report.
pub async fn run(config: &NodeConfig, level: Level, blocks: u32) -> Result<VerifyReport> {
    let spec = config.spec()?;
    let mut store = Store::open(&config.data, &identity_of(&spec), &Options::default()).await?;
    let mut report = store
        .maintenance
        .verify_level(level.of_store(), |step| tracing::info!(step, "checking"))
        .await?;
    store.close().await?;
    if level < Level::REPLAY || !report.is_sound() {
        return Ok(report);
    }
    let (mut node, reader, maintenance) = open_node(config, &spec).await?;
    let replayed = tokio::task::spawn_blocking(move || node.chain_mut().recheck(blocks));
    match replayed.await.context("replaying")? {
        Ok(count) => tracing::info!(blocks = count, "connected again"),
        Err(error) => {
            report.faults += 1;
            report.listed.push(error.to_string());
        }
    }
    reader.close().await;
    maintenance.close().await?;
    Ok(report)
}
