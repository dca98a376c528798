//! The first blocks, which give a new network mature coins at once.

use anyhow::{Context, Result};
use bytes::Bytes;
use synod_node::chain::ChainHandle;
use synod_node::duty::seal_bootstrap;
use synod_node::mining;
use synod_node::payout::script_of;
use synod_primitives::Script;

use super::network::Network;

/// The height that a regtest network starts with: the first coinbase is mature then.
const REGTEST_HEIGHT: u32 = 101;
/// Blocks that all nodes are given together.
const BLOCKS_PER_BATCH: usize = 200;

/// Makes the first blocks on one node and gives them to all.
///
/// Blocks pay to `address`. A node that stands higher already is left alone.
///
/// # Errors
/// A node refuses a block, which would be a bug, or storage failed.
pub(super) async fn run(network: &Network, nodes: &[ChainHandle], address: &str) -> Result<()> {
    let Some((first, others)) = nodes.split_first() else {
        return Ok(());
    };
    let script =
        script_of(address).map_err(|error| anyhow::anyhow!("{}", error.problem().detail))?;
    let made = make(network, first, script).await?;
    if made.is_empty() {
        return Ok(());
    }
    for node in others {
        for batch in made.chunks(BLOCKS_PER_BATCH) {
            let batch = batch.to_vec();
            node.run(move |node, now| mining::take_all(node, &batch, now))
                .await?
                .context("the first blocks")?;
        }
    }
    Ok(())
}

async fn make(network: &Network, node: &ChainHandle, script: Script) -> Result<Vec<Bytes>> {
    let spec_height = network.spec.bootstrap_height().0;
    if let Some(sealing) = &network.sealing {
        let (key, mut sign) = sealing.bootstrap_signer();
        let made = node.run(move |node, now| seal_bootstrap(node, key, &script, &mut sign, now));
        return made.await?.context("the first blocks");
    }
    let height = if spec_height == 0 {
        REGTEST_HEIGHT
    } else {
        spec_height
    };
    let start = network.start_time - height;
    let made = node.run(move |node, now| mining::mine_up_to(node, &script, height, start, now));
    made.await?.context("the first blocks")
}
