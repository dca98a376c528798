//! A node as far as an engine sees it: stores blocks, follows the engine's choice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use synod_engine::{
    Ancestry, BranchEnd, Engine, FinalBlock, HeaderError, Input, Millis, Output, Proposal, Record,
    RecordKey, TimerId, contract::Script,
};
use synod_engine_dpos::{DelegatedStake, Settings};
use synod_primitives::{Block, BlockHash, Header, Height, Work};
use synod_seal::{Evidence, SealKey};

use crate::kit::Known;

pub(crate) type Blocks = BTreeMap<BlockHash, Known>;

/// What a node wants from the world around it.
pub(crate) enum Wish {
    Timer(TimerId, Millis),
    Build(Box<Proposal>),
    Spread(BlockHash, Option<Box<Block>>),
    Accuse(Box<Evidence>),
}

pub(crate) struct Node {
    pub(crate) engine: DelegatedStake,
    /// The active chain by height.
    pub(crate) active: Vec<BlockHash>,
    arrivals: BTreeMap<BlockHash, u64>,
    pub(crate) refused: BTreeMap<BlockHash, HeaderError>,
    pub(crate) orphans: BTreeMap<BlockHash, Vec<BlockHash>>,
    pub(crate) records: BTreeMap<RecordKey, Record>,
    pub(crate) finals: Vec<FinalBlock>,
    /// The longest chain of blocks that was ever taken back at once.
    pub(crate) deepest_reorg: usize,
    pub(crate) timers: BTreeMap<TimerId, Millis>,
    /// All that went into the engine.
    pub(crate) script: Script,
    pub(crate) keys: Vec<SealKey>,
}

struct Parent(Header);

impl Ancestry for Parent {
    fn header_at(&self, _height: Height) -> Option<Header> {
        Some(self.0)
    }
}

impl Node {
    pub(crate) fn new(settings: Settings, keys: Vec<SealKey>) -> Self {
        Self {
            engine: DelegatedStake::new(settings),
            active: vec![settings.genesis],
            arrivals: BTreeMap::from([(settings.genesis, 0)]),
            refused: BTreeMap::new(),
            orphans: BTreeMap::new(),
            records: BTreeMap::new(),
            finals: Vec::new(),
            deepest_reorg: 0,
            timers: BTreeMap::new(),
            script: Vec::new(),
            keys,
        }
    }

    pub(crate) fn tip(&self) -> BlockHash {
        *self.active.last().expect("genesis at least")
    }

    pub(crate) fn height(&self) -> u32 {
        u32::try_from(self.active.len()).expect("short chains") - 1
    }

    pub(crate) fn final_height(&self) -> u32 {
        self.engine.finalized().map_or(0, |it| it.height.0)
    }

    pub(crate) fn has(&self, hash: &BlockHash) -> bool {
        self.arrivals.contains_key(hash)
    }

    /// Gives the engine an input and does what it asks for.
    pub(crate) fn feed(&mut self, now: Millis, input: Input, blocks: &Blocks) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.script.push((now, input.clone()));
            for output in self.engine.handle(now, input) {
                self.carry_out(now, output, blocks, &mut wishes);
            }
        }
        wishes
    }

    fn carry_out(&mut self, now: Millis, output: Output, blocks: &Blocks, wishes: &mut Vec<Wish>) {
        match output {
            Output::Persist { records, .. } => {
                let records = records.into_iter();
                self.records.extend(records.map(|it| (it.key, it)));
            }
            Output::SetTimer { id, at } => {
                self.timers.insert(id, at);
                wishes.push(Wish::Timer(id, at));
            }
            Output::BuildBlock(proposal) => {
                assert_eq!(proposal.parent, self.tip(), "built on the tip");
                wishes.push(Wish::Build(proposal));
            }
            Output::CheckBlock(block) => {
                wishes.push(Wish::Spread(block.hash(), Some(block)));
            }
            Output::Connect(hash) => wishes.extend(self.consider(now, hash, blocks)),
            Output::Final { block, .. } => {
                let before = self.finals.last();
                assert!(before.is_none_or(|it| it.height < block.height));
                assert_eq!(self.active[block.height.0 as usize], block.hash);
                self.finals.push(block);
            }
            Output::Misbehaviour(evidence) => wishes.push(Wish::Accuse(evidence)),
            other => panic!("not asked for in these tests: {other:?}"),
        }
    }

    /// Stores a block whose parent is stored, and follows it if the engine prefers it.
    pub(crate) fn store(&mut self, now: Millis, hash: BlockHash, blocks: &Blocks) -> Vec<Wish> {
        let known = &blocks[&hash];
        let (header, height) = (known.stored.header, known.stored.height);
        let parent = header.previous_block_hash;
        if self.refused.contains_key(&parent) {
            self.refused.insert(hash, self.refused[&parent]);
            return Vec::new();
        }
        let parent_header = blocks.get(&parent).map(|it| it.stored.header);
        let ancestry = Parent(parent_header.unwrap_or(*synod_chainspec::genesis_block().header()));
        let checked = self
            .engine
            .check_header(&header, &known.proof, height, &ancestry);
        if let Err(error) = checked {
            self.refused.insert(hash, error);
            return Vec::new();
        }
        let arrival = self.arrivals.len() as u64;
        self.arrivals.insert(hash, arrival);
        let mut wishes = self.feed(now, Input::Stored(known.stored.clone()), blocks);
        wishes.extend(self.consider(now, hash, blocks));
        wishes
    }

    pub(crate) fn end(&self, hash: BlockHash, blocks: &Blocks) -> BranchEnd {
        BranchEnd {
            hash,
            height: blocks
                .get(&hash)
                .map_or(Height(0), |known| known.stored.height),
            chainwork: Work::ZERO,
            block_work: Work::ZERO,
            arrival: self.arrivals.get(&hash).copied().unwrap_or(u64::MAX),
        }
    }

    fn consider(&mut self, now: Millis, hash: BlockHash, blocks: &Blocks) -> Vec<Wish> {
        let candidate = self.end(hash, blocks);
        let active = self.end(self.tip(), blocks);
        if self.refused.contains_key(&hash) || !self.engine.prefers(&candidate, &active) {
            return Vec::new();
        }
        let on_chain: BTreeSet<BlockHash> = self.active.iter().copied().collect();
        let mut branch = Vec::new();
        let mut at = hash;
        while !on_chain.contains(&at) {
            branch.push(at);
            at = blocks[&at].stored.header.previous_block_hash;
        }
        let mut wishes = Vec::new();
        let mut left = Vec::new();
        while self.tip() != at {
            left.push(self.disconnect(now, blocks, &mut wishes));
        }
        self.deepest_reorg = self.deepest_reorg.max(left.len());
        let fork = self.tip();
        for hash in branch.iter().rev() {
            if let Err(error) = self.connect(now, *hash, blocks, &mut wishes) {
                self.refused.insert(*hash, error);
                while self.tip() != fork {
                    self.disconnect(now, blocks, &mut wishes);
                }
                for hash in left.iter().rev() {
                    let back = self.connect(now, *hash, blocks, &mut wishes);
                    back.expect("it was connected before");
                }
                wishes.extend(self.feed(now, Input::Rejected(*hash), blocks));
                break;
            }
        }
        wishes
    }

    fn disconnect(&mut self, now: Millis, blocks: &Blocks, wishes: &mut Vec<Wish>) -> BlockHash {
        assert!(
            self.height() > self.final_height(),
            "a final block is reverted"
        );
        let hash = self.active.pop().expect("above genesis");
        wishes.extend(self.feed(now, Input::Disconnected(hash), blocks));
        hash
    }

    fn connect(
        &mut self,
        now: Millis,
        hash: BlockHash,
        blocks: &Blocks,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), HeaderError> {
        let known = &blocks[&hash];
        self.engine.check_proposer(&known.stored)?;
        self.active.push(hash);
        wishes.extend(self.feed(now, Input::Connected(known.connected()), blocks));
        let stands = self.engine.stands_at().expect("it asks for blocks");
        assert_eq!(stands.hash, hash, "the engine takes in what is connected");
        Ok(())
    }
}
