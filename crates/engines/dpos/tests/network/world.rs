//! Nodes, the wires between them, and one clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_engine::{Engine, Input, Millis, Proposal, RequestId, StoredBlock, TimerId};
use synod_engine_dpos::Settings;
use synod_primitives::{Amount, Block, BlockHash, Height};
use synod_seal::{DelegateHash, Mode, Slot, StakeChange, StakeCoin, find_seal};

use crate::kit::{BOND, BOOTSTRAP_BLOCKS, Key, Known, Random, bootstrap_key, settings};
use crate::node::{Blocks, Node, Wish};

#[derive(Clone, Copy)]
enum Event {
    Block {
        to: usize,
        from: usize,
        hash: BlockHash,
    },
    Timer {
        node: usize,
        id: TimerId,
    },
}

/// How the wires and delegates behave.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    /// Of a hundred messages so many are lost, and as many come twice.
    pub(crate) loss_percent: u64,
    /// The longest way in milliseconds; the shortest is 10.
    pub(crate) delay_ms: u64,
}

pub(crate) const CALM: Weather = Weather {
    loss_percent: 0,
    delay_ms: 300,
};

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) keys: Vec<Key>,
    pub(crate) blocks: Blocks,
    pub(crate) nodes: Vec<Node>,
    pub(crate) weather: Weather,
    /// Nodes hear each other within a group; in group 0 nobody.
    pub(crate) groups: Vec<u32>,
    /// Stake transactions and the slot from which on blocks hold them.
    pub(crate) stake: Vec<(u64, StakeChange)>,
    /// Who seals a second block for each of its slots and shows both, to some the one first
    /// and to some the other.
    pub(crate) equivocator: Option<usize>,
    /// Who keeps its blocks back, and the blocks.
    pub(crate) withholder: Option<usize>,
    pub(crate) withheld: Vec<BlockHash>,
    pub(crate) accused: BTreeSet<(usize, DelegateHash)>,
    queue: BTreeMap<(Millis, u64), Event>,
    sequence: u64,
    pub(crate) now: Millis,
    random: Random,
}

impl World {
    /// One node for each of `delegates` keys, `seats` seats; all keys are registered in block 1.
    pub(crate) fn new(seats: u32, delegates: u8, seed: u64) -> Self {
        Self::with(settings(seats), delegates, seed)
    }

    pub(crate) fn with(settings: Settings, delegates: u8, seed: u64) -> Self {
        Self::with_votes(settings, &vec![BOND; delegates.into()], seed)
    }

    /// One delegate for each amount of votes, in satoshis.
    pub(crate) fn with_votes(settings: Settings, votes: &[i64], seed: u64) -> Self {
        let delegates = u8::try_from(votes.len()).expect("few");
        let keys: Vec<Key> = (1..=delegates).map(Key::new).collect();
        let nodes = keys.iter();
        let nodes = nodes.map(|key| Node::new(settings, vec![key.public]));
        let mut world = Self {
            settings,
            nodes: nodes.collect(),
            groups: vec![1; keys.len()],
            keys,
            blocks: BTreeMap::new(),
            weather: CALM,
            stake: Vec::new(),
            equivocator: None,
            withholder: None,
            withheld: Vec::new(),
            accused: BTreeSet::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            now: Millis::from_seconds(settings.start_time().into()),
            random: Random(seed),
        };
        let created = (1..).zip(&world.keys).zip(votes);
        let created = created.map(|((number, key), sat)| {
            let (outpoint, coin) = key.registration(number);
            let amount = Amount::from_sat(*sat);
            (outpoint, StakeCoin { amount, ..coin })
        });
        let registrations = StakeChange {
            created: created.collect(),
            ..StakeChange::default()
        };
        world.stake.push((0, registrations));
        world.bootstrap();
        world
    }

    fn bootstrap(&mut self) {
        let key = bootstrap_key();
        let mut parent = self.settings.genesis;
        let mut blocks = Vec::new();
        for height in 1..=BOOTSTRAP_BLOCKS {
            let mut seal = key.seal(height.into());
            seal.mode = Mode::Bootstrap;
            seal.prevoted = Height(0);
            let time = self.settings.bootstrap_time + height;
            let block = key.block(parent, height, time, &seal, 0);
            parent = self.know(&block);
            blocks.push(parent);
        }
        for node in 0..self.nodes.len() {
            self.feed(node, Input::Restart { records: vec![] });
            for hash in &blocks {
                self.deliver(node, node, *hash);
            }
            let keys = self.nodes[node].keys.clone();
            self.feed(node, Input::Keys(keys));
        }
    }

    /// Takes in a block that somebody has made, and checks it as every node would.
    pub(crate) fn know(&mut self, block: &Block) -> BlockHash {
        let header = *block.header();
        let parent = self.blocks.get(&header.previous_block_hash);
        let height = parent.map_or(1, |it| it.stored.height.0 + 1);
        let seal = find_seal(&block.transactions()[0]).expect("a seal");
        let engine = &self.nodes[0].engine;
        let proof = engine.proof_of(block);
        engine
            .check_header_alone(&header, &proof)
            .expect("only well-formed blocks are made");
        let mut included = parent.map_or_else(BTreeSet::new, |it| BTreeSet::clone(&it.included));
        let slot = if seal.mode == Mode::Bootstrap {
            0
        } else {
            seal.slot.0
        };
        let mut change = StakeChange::default();
        for (index, (from, part)) in self.stake.iter().enumerate() {
            if *from <= slot && included.insert(index) {
                let created = part.created.iter().cloned().map(|(outpoint, mut coin)| {
                    coin.height = Height(height);
                    (outpoint, coin)
                });
                change.created.extend(created);
                change.spent.extend(&part.spent);
                change.guilty.extend(&part.guilty);
            }
        }
        let stored = StoredBlock::new(block, Height(height)).expect("a coinbase");
        let hash = stored.hash;
        let known = Known {
            proof,
            stored: Arc::new(stored),
            stake: Arc::new(change),
            included: Arc::new(included),
        };
        self.blocks.insert(hash, known);
        hash
    }

    pub(crate) fn slot(&self) -> u64 {
        self.settings.slot_at(self.now).0
    }

    /// Plays until the end of a slot.
    pub(crate) fn run_to_slot(&mut self, slot: u64) {
        let end = self.settings.slot_time(Slot(slot + 1)).expect("in range");
        let end = Millis(Millis::from_seconds(end.into()).0 - 1);
        while let Some(((at, _), event)) = self.queue.first_key_value().map(|(k, v)| (*k, *v)) {
            if at > end {
                break;
            }
            self.queue.pop_first();
            self.now = at;
            match event {
                Event::Block { to, from, hash } => self.deliver(to, from, hash),
                Event::Timer { node, id } => self.ring(node, id),
            }
        }
        self.now = end;
    }

    /// Nodes of different groups hear each other again, and show each other their tips.
    pub(crate) fn heal(&mut self) {
        self.regroup(vec![1; self.nodes.len()]);
    }

    /// Splits the nodes anew; those of one group show each other their tips.
    pub(crate) fn regroup(&mut self, groups: Vec<u32>) {
        self.groups = groups;
        for node in 0..self.nodes.len() {
            let keys = self.nodes[node].keys.clone();
            self.feed(node, Input::Keys(keys));
            let tip = self.nodes[node].tip();
            self.spread(node, tip);
        }
    }

    fn ring(&mut self, node: usize, id: TimerId) {
        let is_set = self.nodes[node].timers.get(&id) == Some(&self.now);
        if is_set && self.groups[node] > 0 {
            self.feed(node, Input::Timer(id));
        }
    }

    pub(crate) fn feed(&mut self, node: usize, input: Input) {
        let wishes = self.nodes[node].feed(self.now, input, &self.blocks);
        self.grant(node, wishes);
    }

    pub(crate) fn deliver(&mut self, to: usize, from: usize, hash: BlockHash) {
        if self.nodes[to].has(&hash) || self.nodes[to].refused.contains_key(&hash) {
            return;
        }
        if to != from && !self.hears(to, from) {
            return;
        }
        let parent = self.blocks[&hash].stored.header.previous_block_hash;
        let node = &mut self.nodes[to];
        if !node.has(&parent) && !node.refused.contains_key(&parent) {
            node.orphans.entry(parent).or_default().push(hash);
            self.send(to, from, parent);
            return;
        }
        let wishes = node.store(self.now, hash, &self.blocks);
        self.grant(to, wishes);
        for child in self.nodes[to].orphans.remove(&hash).unwrap_or_default() {
            self.deliver(to, from, child);
        }
    }

    fn hears(&self, a: usize, b: usize) -> bool {
        self.groups[a] == self.groups[b] && self.groups[a] > 0
    }

    fn send(&mut self, to: usize, from: usize, hash: BlockHash) {
        let delay = 10 + self.random.below(self.weather.delay_ms);
        self.at(self.now.plus(delay), Event::Block { to, from, hash });
    }

    fn at(&mut self, at: Millis, event: Event) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), event);
    }

    pub(crate) fn spread(&mut self, from: usize, hash: BlockHash) {
        for node in (0..self.nodes.len()).filter(|it| *it != from) {
            let chance = self.random.below(100);
            if chance >= self.weather.loss_percent {
                self.send(node, from, hash);
            }
            if chance >= 100 - self.weather.loss_percent {
                self.send(node, from, hash);
            }
        }
    }

    fn grant(&mut self, node: usize, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Timer(id, at) => self.at(at, Event::Timer { node, id }),
                Wish::Build(proposal) => self.build(node, &proposal),
                Wish::Spread(hash, block) => {
                    if let Some(block) = block {
                        assert_eq!(self.know(&block), hash);
                    }
                    self.deliver(node, node, hash);
                    if self.withholder == Some(node) {
                        self.withheld.push(hash);
                    } else {
                        self.spread(node, hash);
                    }
                }
                Wish::Accuse(evidence) => {
                    let key = evidence.check(&self.settings.chain_id).expect("a proof");
                    let delegate = key.delegate_hash();
                    self.accused.insert((node, delegate));
                }
            }
        }
    }

    /// Slashes whoever was accused: what a transaction with the evidence would do.
    pub(crate) fn slash(&mut self, delegate: DelegateHash, registration: u32) {
        let slashing = StakeChange {
            spent: vec![crate::kit::outpoint(registration)],
            guilty: vec![delegate],
            ..StakeChange::default()
        };
        self.stake.push((self.slot() + 1, slashing));
    }

    fn build(&mut self, node: usize, proposal: &Proposal) {
        let block = self.sealed(proposal, 0);
        if self.equivocator == Some(node) {
            let other = self.sealed(proposal, 1);
            let hash = self.know(&other);
            self.spread(node, hash);
        }
        let request = RequestId(proposal.seal.slot.0);
        assert_eq!(request, proposal.request);
        let block = Box::new(block);
        self.feed(node, Input::Template { request, block });
    }

    /// Does what a signer does with a proposal.
    pub(crate) fn sealed(&self, proposal: &Proposal, salt: u8) -> Block {
        let key = self.keys.iter().find(|it| it.public == proposal.seal.key);
        let key = key.expect("an own key");
        let mut seal = proposal.seal.clone();
        let reveal = key.reveals.reveal_after(&seal.reveal);
        seal.reveal = reveal.expect("a reveal is left");
        let height = self.blocks[&proposal.parent].stored.height.0 + 1;
        key.block(proposal.parent, height, proposal.time, &seal, salt)
    }

    /// Counts the blocks of each delegate on a node's active chain, in the order of the keys.
    pub(crate) fn blocks_by_delegate(&self, node: usize) -> Vec<u64> {
        let mut counts = vec![0; self.keys.len()];
        for hash in &self.nodes[node].active[1 + BOOTSTRAP_BLOCKS as usize..] {
            let seal = find_seal(&self.blocks[hash].stored.coinbase).expect("a seal");
            let index = self.keys.iter().position(|it| it.public == seal.key);
            counts[index.expect("a known key")] += 1;
        }
        counts
    }

    /// Checks that no two nodes hold different blocks of one height for final.
    pub(crate) fn check_finals_agree(&self) {
        let mut all: BTreeMap<Height, BlockHash> = BTreeMap::new();
        for node in &self.nodes {
            for block in &node.finals {
                let hash = *all.entry(block.height).or_insert(block.hash);
                assert_eq!(hash, block.hash, "two final blocks at {}", block.height);
            }
            let last = node.final_height() as usize;
            for (height, hash) in node.active[..=last].iter().enumerate() {
                let height = Height(u32::try_from(height).expect("short"));
                assert!(all.get(&height).is_none_or(|it| it == hash));
            }
        }
    }

    pub(crate) fn index_of(&self, delegate: DelegateHash) -> usize {
        let index = self.keys.iter().position(|it| it.delegate == delegate);
        index.expect("a known delegate")
    }
}
