//! Bringing the index to the node's tip.

use synod_primitives::{Block, BlockHash};

use super::identity::FollowError;
use crate::index::{Departure, Indexer};
use crate::node::{Node, NodeChain, NodeError};

/// Blocks that are read ahead and written in one transaction at most.
const BATCH_BLOCKS: u32 = 512;
/// Bytes of blocks after which a batch is full.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Blocks that are asked for before their sizes are looked at.
const STRIDE: usize = 32;
/// Headers compared at once while a fork is looked for.
const FORK_STRIDE: u32 = 500;
/// Closer than this to the node's tip, blocks are news and not history.
const LIVE_DISTANCE: u32 = 6;

/// What one step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The index stands at the node's tip.
    AtTip,
    /// Blocks were added; there may be more.
    Advanced,
    /// Blocks were added after leaving a branch.
    Reorganised { fork_height: u32, depth: u32 },
}

/// A batch that was read ahead, and the block that it follows on.
#[derive(Debug)]
pub(super) struct Ahead {
    parent: BlockHash,
    blocks: Vec<Block>,
}

/// Reads the blocks that follow on a height, as many as a batch takes.
async fn read_batch(node: &Node, from: u32) -> Result<Vec<Block>, NodeError> {
    let hashes: Vec<BlockHash> = node
        .hashes(from, BATCH_BLOCKS)
        .await?
        .into_iter()
        .map(|(_, hash)| hash)
        .collect();
    let mut blocks = Vec::with_capacity(hashes.len());
    let mut bytes = 0;
    for stride in hashes.chunks(STRIDE) {
        let read = node.blocks(stride).await?;
        bytes += read.iter().map(Block::size).sum::<usize>();
        blocks.extend(read);
        if bytes >= BATCH_BYTES {
            break;
        }
    }
    Ok(blocks)
}

/// Moves the index one batch towards the node's tip.
///
/// # Errors
/// The node or the database failed; the index is as it was then.
pub(super) async fn step(
    indexer: &mut Indexer,
    node: &Node,
    chain: &NodeChain,
    departure: Option<Departure>,
    ahead: &mut Option<Ahead>,
    now: i64,
) -> Result<Step, FollowError> {
    let base = departure.map(|departure| departure.fork_height);
    let height = base.or(indexer.tip().map(|tip| tip.height));
    let from = height.map_or(0, |height| height + 1);
    let parent = indexer.tip().map_or(BlockHash::ZERO, |tip| tip.hash);
    let read = match ahead.take() {
        Some(ahead) if departure.is_none() && ahead.parent == parent => ahead.blocks,
        _ => read_batch(node, from).await?,
    };
    if read.is_empty() && departure.is_none() {
        return Ok(Step::AtTip);
    }
    let last = read.last().map(Block::hash);
    let next = from + u32::try_from(read.len()).unwrap_or(u32::MAX);
    let is_live = next + LIVE_DISTANCE > chain.tip.height;
    let old_height = indexer.tip().map_or(0, |tip| tip.height);
    // The next batch is read while this one is written.
    let more = async {
        match last {
            Some(parent) if next <= chain.tip.height => {
                let blocks = read_batch(node, next).await.ok()?;
                Some(Ahead { parent, blocks })
            }
            _ => None,
        }
    };
    let (written, more) = tokio::join!(indexer.advance(departure, &read, now, is_live), more);
    written?;
    *ahead = more;
    Ok(match base {
        None => Step::Advanced,
        Some(fork_height) => Step::Reorganised {
            fork_height,
            depth: old_height - fork_height,
        },
    })
}

/// Finds out whether the node's chain has left the index's, and where.
///
/// # Errors
/// The node or the database failed, or not even block 0 is common.
pub(super) async fn find_departure(
    indexer: &mut Indexer,
    node: &Node,
    chain: &NodeChain,
) -> Result<Option<Departure>, FollowError> {
    let Some(tip) = indexer.tip() else {
        return Ok(None);
    };
    let mut to = tip.height;
    loop {
        let from = to.saturating_sub(if to == tip.height { 0 } else { FORK_STRIDE - 1 });
        let theirs = node.hashes(from, to - from + 1).await?;
        let ours = indexer.hashes(from, to - from + 1).await?;
        let common = theirs
            .iter()
            .rev()
            .find(|(height, hash)| ours.get(height) == Some(hash));
        if let Some(&(fork_height, _)) = common {
            let is_departed = fork_height < tip.height;
            let departure = Departure {
                fork_height,
                new_tip: chain.tip,
                new_work: chain.work,
            };
            return Ok(is_departed.then_some(departure));
        }
        if from == 0 {
            return Err(crate::index::IndexError::Detached(chain.tip.hash).into());
        }
        to = from - 1;
    }
}
