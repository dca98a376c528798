//! The first blocks, which give a new network mature coins at once.

use anyhow::{Context, Result};
use bytes::Bytes;
use synod_node::chain::ChainHandle;
use synod_node::mining;
use synod_node::payout::script_of;

use super::network::Network;

/// The height that a regtest network starts with: the first coinbase is mature then.
const REGTEST_HEIGHT: u32 = 101;
/// Blocks that all nodes are given together.
const BLOCKS_PER_BATCH: usize = 200;

/// Mines the first blocks on one node and gives them to all.
///
/// Blocks pay to `address`. A node that stands higher already is left alone.
///
/// # Errors
/// A node refuses a block, which would be a bug, or storage failed.
pub(super) async fn run(network: &Network, nodes: &[ChainHandle], address: &str) -> Result<()> {
    let spec_height = network.spec.bootstrap_height().0;
    let height = if spec_height == 0 {
        REGTEST_HEIGHT
    } else {
        spec_height
    };
    let Some((first, others)) = nodes.split_first() else {
        return Ok(());
    };
    let script =
        script_of(address).map_err(|error| anyhow::anyhow!("{}", error.problem().detail))?;
    let start = network.start_time - height;
    let mined: Vec<Bytes> = first
        .run(move |node, now| mining::mine_up_to(node, &script, height, start, now))
        .await?
        .context("the first blocks")?;
    if mined.is_empty() {
        return Ok(());
    }
    for node in others {
        for batch in mined.chunks(BLOCKS_PER_BATCH) {
            let batch = batch.to_vec();
            node.run(move |node, now| mining::take_all(node, &batch, now))
                .await?
                .context("the first blocks")?;
        }
    }
    Ok(())
}
