//! A long row of blocks, as in bulk imports.

use std::collections::VecDeque;

use crate::chain::Chain;
use crate::event::Event;
use crate::node::{Node, read};
use crate::prepared::PreparedBlock;
use crate::storage::{Batch, Durability, StorageError};
use crate::submit::{Taken, View};
use crate::verdict::{Accepted, Refusal};

/// Bytes of blocks and undo data that are written together.
const COMMIT_BYTES: usize = 4 << 20;
/// The most blocks that are written together.
const COMMIT_BLOCKS: usize = 256;

/// Verdicts on blocks, in the order of the blocks.
pub type Verdicts = Vec<Result<Accepted, Refusal>>;

/// Takes in blocks one after the other, without waiting between them: while the scripts of some
/// still run, the next ones are connected, and those before are written.
///
/// It holds the node, since the tip runs ahead of the scripts between two calls; what it shows of
/// itself ([`Row::sync`], [`Row::take_events`]) is verified and written. What is written is durable
/// with the next synced commit. Dropping it waits for the scripts and writes nothing more.
pub struct Row<'n> {
    node: &'n mut Node,
    /// Blocks without verdict, oldest first, each with the number of blocks that the tip had run
    /// ahead of when it was taken in.
    taken: VecDeque<(u64, Taken)>,
}

impl Node {
    /// Starts a row of blocks.
    pub fn row(&mut self) -> Row<'_> {
        Row {
            node: self,
            taken: VecDeque::new(),
        }
    }
}

impl Row<'_> {
    /// Borrows the chain, for its tree.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        self.node.chain()
    }

    /// Returns how many blocks the tip runs ahead of.
    #[must_use]
    pub fn ahead(&self) -> usize {
        self.node.chain.ahead.len()
    }

    /// Takes in a block; returns the verdicts that are there by now.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn push(&mut self, block: PreparedBlock, now: u64) -> Result<Verdicts, StorageError> {
        let taken = {
            let mempool = read(&self.node.mempool);
            self.node.chain.take_in_row(block, now, &*mempool)?
        };
        self.taken
            .push_back((self.node.chain.ahead.pushed(), taken));
        let work = &self.node.chain.work;
        if work.bytes > COMMIT_BYTES + self.node.chain.ahead.bytes()
            || work.blocks.len().max(self.taken.len()) > COMMIT_BLOCKS
        {
            self.commit(now)?;
        }
        Ok(self.take_verdicts())
    }

    /// Waits for the scripts of the lowest block that the tip runs ahead of; returns the verdicts
    /// that are there by now, nothing when all were.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn settle_next(&mut self) -> Result<Option<Verdicts>, StorageError> {
        let chain = &mut self.node.chain;
        if chain.ahead.is_empty() && self.taken.is_empty() {
            return Ok(None);
        }
        if !chain.settle_lowest()? {
            // Another branch may be the best now.
            chain.advance(&*read(&self.node.mempool))?;
        }
        Ok(Some(self.take_verdicts()))
    }

    /// Makes durable what is verified, without waiting for the rest; returns what readers may see
    /// of it.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn sync(&mut self, now: u64) -> Result<View, StorageError> {
        self.commit(now)?;
        // What hangs on single blocks at the tip, as an index does, is none of a row's business.
        self.node.chain.storage.commit(Batch {
            durability: Durability::Synced,
            ..Batch::default()
        })?;
        Ok(self.node.chain.stored_view())
    }

    /// Takes what happened since the last time, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.node.take_events()
    }

    /// Waits for all verdicts, writes the rest and returns the verdicts that were not returned yet.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn finish(mut self, now: u64) -> Result<Verdicts, StorageError> {
        {
            let mempool = read(&self.node.mempool);
            self.node.chain.activate_best(&*mempool)?;
        }
        self.commit(now)?;
        Ok(self.take_verdicts())
    }

    fn commit(&mut self, now: u64) -> Result<(), StorageError> {
        let change = self.node.chain.commit(Durability::Deferred)?;
        self.node.follow(&change, now)
    }

    /// Correctness: a block has its verdict when everything has that the tip ran ahead of when the
    /// block came.
    fn take_verdicts(&mut self) -> Verdicts {
        let settled = self.node.chain.ahead.settled();
        let has_verdict = |(pushed, _): &(u64, Taken)| *pushed <= settled;
        let count = self.taken.iter().take_while(|it| has_verdict(it)).count();
        let taken = self.taken.drain(..count);
        taken
            .map(|(_, taken)| self.node.chain.verdict_of(taken))
            .collect()
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        // A failure is met again by whoever uses the node next.
        let _ = self.node.chain.settle_ahead();
    }
}
