//! A chain with its coins over a table in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::ThreadPool;
use synod_chainspec::genesis_block;
use synod_ledger::{
    BlockContext, BlockError, BlockUndo, CheckedBlock, Coin, CoinsCache, ConnectError, Connected,
    HashKey, HeaderContext, Lookup, MedianTimes, MuHash, NoSignatureCache, PendingScripts, Rules,
    Scripts, SignatureCache, Workers, check_connects, check_header, connect_block,
    connect_block_ahead, disconnect_block, median_time_past,
};
use synod_primitives::{Block, Height, OutPoint};

use super::{BlockBuilder, Spendable};

/// Seconds between two blocks.
pub(crate) const SPACING: u32 = 60;

pub(crate) struct TestChain {
    pub(crate) rules: Rules,
    pub(crate) cache: CoinsCache,
    /// What was flushed.
    pub(crate) table: BTreeMap<OutPoint, Coin>,
    pub(crate) blocks: Vec<(Block, BlockUndo)>,
}

pub(crate) struct Times(Vec<u32>);

impl MedianTimes for Times {
    fn median_time_past(&self, height: Height) -> u32 {
        median_time_past(&self.0[..=height.0 as usize])
    }
}

/// Scripts verified on the calling thread.
pub(crate) const ONE_THREAD: Scripts<'static> = Scripts::Verify {
    workers: Workers::CallingThread,
    cache: &NoSignatureCache,
};

impl TestChain {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            cache: CoinsCache::new(HashKey::new(1, 2)),
            table: BTreeMap::new(),
            blocks: vec![(genesis_block(), BlockUndo::default())],
        }
    }

    /// A chain under regtest's rules whose first `coins` blocks paid coins that are mature in
    /// the next block, and free to spend.
    pub(crate) fn with_mature_coins(coins: u32) -> (Self, Vec<Spendable>) {
        let mut chain = Self::new(Rules::regtest());
        for _ in 0..coins + chain.rules.coinbase_maturity - 1 {
            let block = chain.next().build();
            chain.connect(&block).expect("an empty block is valid");
        }
        let coins = (1..=coins as usize)
            .map(|height| chain.reward_of(height))
            .collect();
        (chain, coins)
    }

    /// The first output of the coinbase at a height.
    pub(crate) fn reward_of(&self, height: usize) -> Spendable {
        Spendable::of(&self.blocks[height].0.transactions()[0], 0)
    }

    pub(crate) fn tip(&self) -> &Block {
        &self.blocks.last().expect("the genesis block").0
    }

    /// The height of the next block.
    pub(crate) fn next_height(&self) -> Height {
        Height(u32::try_from(self.blocks.len()).expect("a short chain"))
    }

    pub(crate) fn times(&self) -> Times {
        Times(
            self.blocks
                .iter()
                .map(|(block, _)| block.header().time)
                .collect(),
        )
    }

    fn context(&self) -> BlockContext {
        let height = self.next_height();
        let parent = height.previous().expect("above the genesis block");
        BlockContext {
            height,
            parent_median_time: self.times().median_time_past(parent),
        }
    }

    /// An empty, valid block on the tip, to be changed.
    pub(crate) fn next(&self) -> BlockBuilder {
        let height = self.next_height();
        let time = self.tip().header().time + SPACING;
        BlockBuilder::new(
            self.tip().hash(),
            height,
            time,
            self.rules.subsidy(height).sat(),
        )
    }

    /// Checks a block up to the rules that need coins.
    pub(crate) fn check(&self, block: &Block) -> Result<(), BlockError> {
        CheckedBlock::validate(block)?.in_context(self.context(), &self.rules)?;
        Ok(())
    }

    pub(crate) fn fetch(&mut self, outpoints: &[OutPoint]) {
        for outpoint in outpoints {
            self.cache
                .insert_fetched(*outpoint, self.table.get(outpoint).cloned());
        }
    }

    pub(crate) fn connect(&mut self, block: &Block) -> Result<Connected, BlockError> {
        self.connect_with(block, &ONE_THREAD)
    }

    pub(crate) fn connect_with(
        &mut self,
        block: &Block,
        scripts: &Scripts<'_>,
    ) -> Result<Connected, BlockError> {
        let connected = self.run(block, scripts, true)?;
        self.blocks.push((block.clone(), connected.undo.clone()));
        Ok(connected)
    }

    /// Changes the coins, while the scripts are verified on a pool; the chain itself stays.
    pub(crate) fn connect_ahead(
        &mut self,
        block: &Block,
        pool: &ThreadPool,
        cache: &dyn SignatureCache,
    ) -> Result<(Connected, PendingScripts), BlockError> {
        let shared = Arc::new(block.clone());
        let block = CheckedBlock::validate(shared)?.in_context(self.context(), &self.rules)?;
        let missing = self.cache.missing_outpoints(block.block(), &self.rules);
        self.fetch(&missing);
        let times = self.times();
        let (coins, rules) = (&mut self.cache, &self.rules);
        match connect_block_ahead(&block, &times, coins, rules, pool, cache) {
            Ok(connected) => Ok(connected),
            Err(ConnectError::Invalid(error)) => Err(error),
            Err(error @ ConnectError::NotFetched(_)) => panic!("{error}"),
        }
    }

    /// Takes a block off the coins that [`TestChain::connect_ahead`] has put on them.
    pub(crate) fn take_back(&mut self, block: &Block, undo: &BlockUndo) {
        let height = self.next_height();
        disconnect_block(block, height, undo, &mut self.cache).expect("the tip disconnects");
    }

    /// Checks the whole block without connecting it.
    pub(crate) fn check_connects(
        &mut self,
        block: &Block,
        scripts: &Scripts<'_>,
    ) -> Result<Connected, BlockError> {
        self.run(block, scripts, false)
    }

    fn run(
        &mut self,
        block: &Block,
        scripts: &Scripts<'_>,
        keeps: bool,
    ) -> Result<Connected, BlockError> {
        let context = self.context();
        let header_context = HeaderContext {
            height: context.height,
            parent_time: self.tip().header().time,
            parent_median_time: context.parent_median_time,
            now: u64::from(u32::MAX),
        };
        check_header(block.header(), &header_context, &self.rules)?;
        let block = CheckedBlock::validate(block)?.in_context(context, &self.rules)?;
        let missing = self.cache.missing_outpoints(block.block(), &self.rules);
        self.fetch(&missing);
        let times = self.times();
        let run = if keeps { connect_block } else { check_connects };
        match run(&block, &times, &mut self.cache, &self.rules, scripts) {
            Ok(connected) => Ok(connected),
            Err(ConnectError::Invalid(error)) => Err(error),
            Err(error @ ConnectError::NotFetched(_)) => panic!("{error}"),
        }
    }

    /// The code that a block is refused with; `None` for a valid one, which is not connected.
    pub(crate) fn code(&mut self, block: &Block) -> Option<&'static str> {
        self.check_connects(block, &ONE_THREAD)
            .err()
            .map(|error| error.code())
    }

    pub(crate) fn disconnect(&mut self) -> Block {
        let (block, undo) = self.blocks.pop().expect("a block");
        let height = self.next_height();
        let missing = self.cache.missing_outputs(&block, height);
        self.fetch(&missing);
        disconnect_block(&block, height, &undo, &mut self.cache).expect("the tip disconnects");
        block
    }

    pub(crate) fn flush(&mut self) {
        let flush = self.cache.take_flush();
        assert!(flush.inserts.is_sorted_by_key(|(outpoint, _)| *outpoint));
        assert!(flush.deletes.is_sorted());
        for outpoint in flush.deletes {
            self.table
                .remove(&outpoint)
                .expect("only what was written is deleted");
        }
        self.table.extend(flush.inserts);
    }

    /// Forgets all that is only in memory, after a flush.
    pub(crate) fn restart(&mut self) {
        self.flush();
        self.cache = CoinsCache::new(HashKey::new(self.table.len() as u64, 3));
    }

    /// All coins, in memory or not.
    pub(crate) fn coins(&self) -> BTreeMap<OutPoint, Coin> {
        let mut copy = self.cache.clone();
        let flush = copy.take_flush();
        let mut coins = self.table.clone();
        for outpoint in flush.deletes {
            coins.remove(&outpoint);
        }
        coins.extend(flush.inserts);
        coins
    }

    pub(crate) fn has_coin(&mut self, outpoint: OutPoint) -> bool {
        let missing = self.cache.missing_of([outpoint]);
        self.fetch(&missing);
        matches!(self.cache.lookup(&outpoint), Lookup::Coin(_))
    }

    pub(crate) fn muhash(&self) -> [u8; 32] {
        let mut hash = MuHash::new();
        for (outpoint, coin) in self.coins() {
            hash.insert_coin(&outpoint, &coin);
        }
        hash.finalize()
    }
}
