//! Taking in blocks whose signatures are known: all the work of a node but signatures and storage.

use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use synod_blockfile::BlockFiles;
use synod_chainspec::genesis_block;
use synod_ledger::{
    BlockContext, CheckedBlock, CoinsCache, HashKey, MedianTimes, Rules, Scripts, SignatureCache,
    Workers, connect_block, median_time_past,
};
use synod_primitives::{Block, Height, Wtxid};
use synod_script::Flags;

use super::rounds::Rounds;

/// Blocks from so many inputs on are measured.
const FULL: usize = 1_000;

/// A signature cache that has met every transaction.
struct KnowsAll;

impl SignatureCache for KnowsAll {
    fn is_verified(&self, _: &Wtxid, _: Flags) -> bool {
        true
    }
}

/// The times of the blocks so far.
struct Times(Vec<u32>);

impl MedianTimes for Times {
    fn median_time_past(&self, height: Height) -> u32 {
        median_time_past(&self.0[..=height.0 as usize])
    }
}

/// What the measured work changes.
struct Chain {
    rules: Rules,
    coins: CoinsCache,
    times: Times,
}

impl Chain {
    fn new() -> Self {
        Self {
            rules: Rules::regtest(),
            coins: CoinsCache::new(HashKey::new(1, 2)),
            times: Times(vec![genesis_block().header().time]),
        }
    }

    /// Decodes, checks and connects a block on top of the chain, which is in its file in order.
    fn take(&mut self, raw: &Bytes) -> Result<usize> {
        let block = Block::decode(raw)?;
        let height = Height(u32::try_from(self.times.0.len())?);
        let parent = height.previous().context("above the genesis block")?;
        let context = BlockContext {
            height,
            parent_median_time: self.times.median_time_past(parent),
        };
        let checked = CheckedBlock::validate(&block)?.in_context(context, &self.rules)?;
        let scripts = Scripts::Verify {
            workers: Workers::CallingThread,
            cache: &KnowsAll,
        };
        // Every coin of the chain is in memory: what is not known is not there.
        for outpoint in self.coins.missing_outpoints(&block, &self.rules) {
            self.coins.insert_fetched(outpoint, None);
        }
        let connected = connect_block(
            &checked,
            &self.times,
            &mut self.coins,
            &self.rules,
            &scripts,
        )?;
        let undo = connected.undo.encode(block.hash());
        self.times.0.push(block.header().time);
        Ok(connected.undo.coins().len() * usize::from(!undo.is_empty()))
    }
}

/// Measures the full blocks of a chain that `synod-bench chain` wrote.
pub(crate) fn connect(file: &Path, rounds: usize) -> Result<()> {
    let blocks: Result<Vec<Bytes>, _> = BlockFiles::find(file)?
        .read()
        .map(|block| block.map(|block| block.raw))
        .collect();
    let blocks = blocks?;
    let mut times = Rounds::new();
    let mut inputs = 0;
    for _ in 0..rounds {
        let mut chain = Chain::new();
        let is_full = |raw: &&Bytes| raw.len() > FULL * 100;
        let first_full = blocks.iter().position(|raw| is_full(&raw));
        let (before, full) = blocks.split_at(first_full.unwrap_or(0));
        for raw in before {
            chain.take(raw)?;
        }
        inputs = 0;
        let mut failure = None;
        times.time(|| {
            for raw in full {
                match chain.take(raw) {
                    Ok(count) => inputs += count,
                    Err(error) => failure = Some(error),
                }
            }
        });
        failure.map_or(Ok(()), Err)?;
    }
    times.tell("decode, check, connect; an input", inputs);
    Ok(())
}
