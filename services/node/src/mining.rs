//! Mining inside the node's process: for tests, and for the first blocks of a network.

use bytes::Bytes;
use synod_node_core::{BlockTemplate, Durability, FoundWork, Node, Refusal, StorageError};
use synod_primitives::{Block, BlockHash, Script};

/// Mines blocks on the tip and takes them in, all durable when it returns; returns their hashes.
///
/// # Errors
/// Storage failed. A refusal would be a bug of the template and is returned inside.
pub fn mine(
    node: &mut Node,
    count: u32,
    script: &Script,
    now: u64,
) -> Result<Result<Vec<BlockHash>, Refusal>, StorageError> {
    node.extend(count, script, (now, Durability::Synced), &search)
}

/// Mines until the chain has a height, the blocks one second apart from `start` on where the
/// engine fixes no time; returns the blocks.
///
/// # Errors
/// Storage failed. A refusal would be a bug of the template and is returned inside.
pub fn mine_up_to(
    node: &mut Node,
    script: &Script,
    height: u32,
    start: u32,
    now: u64,
) -> Result<Result<Vec<Bytes>, Refusal>, StorageError> {
    let mut mined = Vec::new();
    while node.view().height.0 < height {
        let time = u64::from(start) + u64::from(node.view().height.next().0);
        let block = search(&node.template(script.clone(), time));
        mined.push(block.raw().clone());
        let taken = take_all(node, &mined[mined.len() - 1..], now)?;
        if let Err(refusal) = taken {
            return Ok(Err(refusal));
        }
    }
    node.sync()?;
    Ok(Ok(mined))
}

/// Takes in blocks that another node of the same process mined.
///
/// # Errors
/// Storage failed. A refusal is returned inside.
pub fn take_all(
    node: &mut Node,
    blocks: &[Bytes],
    now: u64,
) -> Result<Result<(), Refusal>, StorageError> {
    for verdict in node.submit_blocks(blocks, now, Durability::Deferred)? {
        if let Err(refusal) = verdict {
            return Ok(Err(refusal));
        }
    }
    node.sync()?;
    Ok(Ok(()))
}

/// Counts nonces, and extra nonces when those run out, until the target is met.
///
/// # Panics
/// When the template's target is none, which no engine asks for.
#[must_use]
pub fn search(template: &BlockTemplate) -> Block {
    let target = template
        .bits
        .to_target()
        .expect("the engine asks for a target");
    for extra in 0u64.. {
        let mut work = FoundWork {
            extra_nonce: extra.to_le_bytes(),
            time: template.time,
            nonce: 0,
            version: None,
        };
        let mut header = template.header(&work);
        for nonce in 0..=u32::MAX {
            header.nonce = nonce;
            if target.is_met_by(header.block_hash()) {
                work.nonce = nonce;
                return template.assemble(&work);
            }
        }
    }
    unreachable!("2^96 headers are more than anyone can try")
}
