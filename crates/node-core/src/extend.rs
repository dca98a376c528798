//! Making blocks on the tip, many of which become durable at once.

use std::sync::Arc;

use synod_primitives::{Block, BlockHash, Script};

use crate::node::{Node, read, write};
use crate::storage::{Durability, StorageError};
use crate::template::BlockTemplate;
use crate::verdict::Refusal;

impl Node {
    /// Makes blocks that pay to `payout` on the tip, one after the other, and takes them in; all
    /// are durable, as `durability` says, when it returns. `make` completes a template.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again, unless it was full. A refusal would be
    /// a bug of the template or of `make` and is returned inside; the blocks before it stay.
    pub fn extend(
        &mut self,
        count: u32,
        payout: &Script,
        (now, durability): (u64, Durability),
        make: &dyn Fn(&BlockTemplate) -> Block,
    ) -> Result<Result<Vec<BlockHash>, Refusal>, StorageError> {
        let mut made = Vec::new();
        let mut refused = None;
        for _ in 0..count {
            let block = Arc::new(make(&self.template(payout.clone(), now)));
            let taken = self
                .chain
                .take_in_made(Arc::clone(&block), now, &*read(&self.mempool))?;
            if let Err(refusal) = taken {
                refused = Some(refusal);
                break;
            }
            made.push(block.hash());
            if block.transactions().len() > 1 {
                // The next block must not hold them again. Once all blocks are durable the
                // mempool follows them as any others, and finds this done.
                write(&self.mempool).remove_for_block(&block, now);
            }
        }
        let change = self.chain.commit(durability)?;
        self.follow(&change, now)?;
        Ok(refused.map_or(Ok(made), Err))
    }
}
