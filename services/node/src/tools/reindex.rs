//! `synod-node run --reindex`: everything from the stored blocks.
//!
//! A new database is built beside the old one and takes its place when it is whole. Killed
//! before, the next `--reindex` goes on where this one was.

use std::path::Path;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use synod_node_core::{Durability, Node};
use synod_primitives::Header;
use synod_store::{Maintenance, REINDEX_DIRECTORY, Salvage, install_rebuilt};
use tokio::runtime::Handle;

use crate::app::{identity_of, open_node};
use crate::config::NodeConfig;
use crate::state::clock;

/// Blocks that are read and submitted together.
const BATCH_BLOCKS: u32 = 128;
/// After how many batches the new database's log is moved into it, and progress is told.
const BATCHES_PER_CHECKPOINT: u64 = 16;

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReindexReport {
    /// Blocks that were read.
    pub read: u64,
    /// Blocks that could not be read any more.
    pub damaged: u64,
    /// Blocks that break a rule, or whose ancestors are missing.
    pub refused: u64,
    /// The height of the new chain.
    pub height: u32,
}

/// Rebuilds the database in the data directory from the blocks that it holds.
///
/// # Errors
/// There is no database, or it is in use or of another network; its old blocks were pruned; no
/// block connects; the disk is full or broken. The old database stays as it is then.
pub async fn run(config: &NodeConfig) -> Result<ReindexReport> {
    let spec = config.spec()?;
    let mut old = Salvage::open(&config.data, &identity_of(&spec)).await?;
    if old.pruned_below().0 > 0 {
        bail!(
            "the blocks below height {} were pruned, so nothing can be rebuilt from what is \
             left: move {} away and let the node fetch the chain again",
            old.pruned_below(),
            config.data.display()
        );
    }
    let before = old.height();
    let built = config.data.join(REINDEX_DIRECTORY);
    let inner = NodeConfig {
        data: built.clone(),
        ..config.clone()
    };
    let (mut node, reader, maintenance) = open_node(&inner, &spec).await?;
    // These blocks were followed before.
    node.chain_mut().trust_stored_chain();
    tracing::info!(
        height = node.view().height.0,
        "rebuilding from the stored blocks"
    );
    let runtime = Handle::current();
    let work = tokio::task::spawn_blocking(move || {
        let mut rebuild = Rebuild {
            node,
            maintenance,
            runtime,
            report: ReindexReport::default(),
        };
        let done = rebuild.all(&mut old);
        (done, rebuild, old)
    });
    let (done, rebuild, old) = work.await.context("rebuilding")?;
    let Rebuild {
        node,
        maintenance,
        report,
        ..
    } = rebuild;
    tokio::task::spawn_blocking(move || drop(node)).await?;
    reader.close().await;
    // The directory stays locked until the last handle is gone.
    drop(reader);
    maintenance.close().await?;
    old.close().await?;
    done?;
    finish(&config.data, &built, report, before.map(|it| it.0))
}

fn finish(
    data: &Path,
    built: &Path,
    report: ReindexReport,
    before: Option<u32>,
) -> Result<ReindexReport> {
    if report.height == 0 && before != Some(0) {
        bail!(
            "none of the {} stored blocks connects to the genesis block; the old database stays",
            report.read
        );
    }
    install_rebuilt(data, built)?;
    if let Some(lost) = before.and_then(|before| before.checked_sub(report.height))
        && lost > 0
    {
        tracing::warn!(
            blocks = lost,
            "the end of the chain could not be rebuilt; peers will be asked for it"
        );
    }
    tracing::info!(
        blocks = report.read,
        damaged = report.damaged,
        refused = report.refused,
        height = report.height,
        "the database is rebuilt"
    );
    Ok(report)
}

struct Rebuild {
    node: Node,
    maintenance: Maintenance,
    runtime: Handle,
    report: ReindexReport,
}

impl Rebuild {
    /// Goes through all blocks in the order in which their headers came, so that parents come
    /// before children.
    fn all(&mut self, old: &mut Salvage) -> Result<()> {
        let mut after = 0;
        for batch in 1.. {
            let blocks = self
                .runtime
                .block_on(old.stored_blocks(after, BATCH_BLOCKS))?;
            let Some((last, _)) = blocks.last() else {
                break;
            };
            after = *last;
            let mut raws = Vec::with_capacity(blocks.len());
            for (_, block) in blocks {
                match block {
                    Ok(raw) => raws.push(raw),
                    Err(error) => {
                        self.report.damaged += 1;
                        tracing::warn!(%error, "a block cannot be read");
                    }
                }
            }
            self.take(raws)?;
            if batch % BATCHES_PER_CHECKPOINT == 0 {
                self.runtime.block_on(self.maintenance.checkpoint())?;
                tracing::info!(height = self.node.view().height.0, "rebuilding");
            }
        }
        self.node.flush()?;
        self.runtime.block_on(self.maintenance.checkpoint())?;
        self.report.height = self.node.view().height.0;
        Ok(())
    }

    fn take(&mut self, mut raws: Vec<Bytes>) -> Result<()> {
        self.report.read += raws.len() as u64;
        // What an interrupted rebuild had already.
        raws.retain(|raw| !self.knows(raw));
        let verdicts = self
            .node
            .submit_blocks(&raws, clock(), Durability::Deferred)?;
        drop(self.node.take_events());
        for refusal in verdicts.into_iter().filter_map(Result::err) {
            self.report.refused += 1;
            tracing::warn!(%refusal, "a stored block was refused");
        }
        Ok(())
    }

    fn knows(&self, raw: &Bytes) -> bool {
        let Some(header) = raw.first_chunk().map(Header::decode) else {
            return false;
        };
        let tree = self.node.chain().tree();
        let found = tree.find(header.block_hash());
        found.is_some_and(|id| tree.entry(id).record.status.has_block())
    }
}
