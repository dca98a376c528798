//! A node around an engine: blocks, the active chain, records and signers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use synod_chainspec::{ChainSpec, genesis_block};
use synod_engine::contract::Script;
use synod_engine::{
    Ancestry, BranchEnd, Connected, Engine, FinalBlock, HeaderError, Input, Millis, Output, PeerId,
    Proposal, Record, RecordKey, STATE_RECORD, StoredBlock,
};
use synod_engine_pos::ProofOfStake;
use synod_primitives::{Block, BlockHash, Header, Height, Work};
use synod_seal::{Evidence, SealKey};

use crate::kit::{Draft, Validator, bootstrap, stake_of};

/// What a node sends to the others.
#[derive(Clone)]
pub(crate) enum Packet {
    Block(Arc<Block>),
    Engine(Bytes),
}

struct Known {
    block: Arc<Block>,
    height: Height,
    arrival: u64,
}

pub(crate) struct Node {
    pub(crate) spec: ChainSpec,
    pub(crate) engine: ProofOfStake,
    known: BTreeMap<BlockHash, Known>,
    rejected: BTreeSet<BlockHash>,
    orphans: Vec<Arc<Block>>,
    /// The active chain from height 0.
    pub(crate) active: Vec<BlockHash>,
    validators: Vec<Validator>,
    pub(crate) is_signing: bool,
    salt: u64,
    records: BTreeMap<RecordKey, Record>,
    pub(crate) finals: Vec<FinalBlock>,
    pub(crate) proofs: Vec<Bytes>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) punished: u32,
    pub(crate) timer: Millis,
    pub(crate) script: Script,
}

struct Branch<'a> {
    known: &'a BTreeMap<BlockHash, Known>,
    end: BlockHash,
}

impl Ancestry for Branch<'_> {
    fn header_at(&self, height: Height) -> Option<Header> {
        let mut at = self.known.get(&self.end);
        while let Some(it) = at.filter(|it| it.height > height) {
            at = self.known.get(&it.block.header().previous_block_hash);
        }
        let header = at.filter(|it| it.height == height);
        let genesis = (height == Height(0)).then(|| *genesis_block().header());
        header.map(|it| *it.block.header()).or(genesis)
    }
}

impl Node {
    /// A node at the end of the bootstrap that signs for validators of these seeds.
    pub(crate) fn new(spec: &ChainSpec, seeds: &[u8], salt: u64) -> Self {
        let genesis = genesis_block().hash();
        let mut node = Self {
            spec: spec.clone(),
            engine: ProofOfStake::new(spec, genesis).expect("a spec of engine pos"),
            known: BTreeMap::new(),
            rejected: BTreeSet::new(),
            orphans: Vec::new(),
            active: vec![genesis],
            validators: seeds.iter().map(|seed| Validator::new(*seed)).collect(),
            is_signing: true,
            salt,
            records: BTreeMap::new(),
            finals: Vec::new(),
            proofs: Vec::new(),
            evidence: Vec::new(),
            punished: 0,
            timer: Millis::default(),
            script: Script::new(),
        };
        let start = Millis::from_seconds(u64::from(crate::kit::START));
        let mut sent = Vec::new();
        node.tell(
            start,
            Input::Restart {
                records: Vec::new(),
            },
            &mut sent,
        );
        for block in bootstrap(spec) {
            let verdict = node.submit(start, Arc::new(block), &mut sent);
            assert_eq!(verdict, Ok(()), "the bootstrap is valid");
        }
        node.tell(start, Input::Keys(node.keys()), &mut sent);
        node
    }

    fn keys(&self) -> Vec<SealKey> {
        self.validators.iter().map(Validator::public).collect()
    }

    pub(crate) fn tip(&self) -> BlockHash {
        *self.active.last().expect("the genesis block")
    }

    pub(crate) fn height(&self) -> u32 {
        u32::try_from(self.active.len() - 1).expect("a short chain")
    }

    pub(crate) fn blocks(&self) -> Vec<Arc<Block>> {
        let mut all: Vec<_> = self.known.values().collect();
        all.sort_by_key(|it| (it.height, it.arrival));
        all.iter().map(|it| Arc::clone(&it.block)).collect()
    }

    pub(crate) fn block(&self, hash: &BlockHash) -> Arc<Block> {
        Arc::clone(&self.known[hash].block)
    }

    /// Forgets all that is in memory and starts again from storage.
    pub(crate) fn restart(&mut self, now: Millis, with_state: bool) {
        let genesis = genesis_block().hash();
        let state = self.engine.state_at_final().filter(|_| with_state);
        self.engine = ProofOfStake::new(&self.spec, genesis).expect("a spec of engine pos");
        let mut records: Vec<Record> = self.records.values().cloned().collect();
        records.extend(state.iter().map(|(_, value)| Record {
            key: STATE_RECORD,
            value: value.clone(),
        }));
        let mut sent = Vec::new();
        self.tell(now, Input::Restart { records }, &mut sent);
        let stands_at = self.engine.stands_at().expect("it stands somewhere");
        if let Some((block, _)) = state {
            assert_eq!(stands_at, block);
        }
        let height = stands_at.height;
        for block in self.blocks() {
            let stored = StoredBlock::new(&block, self.known[&block.hash()].height);
            let stored = Arc::new(stored.expect("a coinbase"));
            if stored.height > height {
                self.tell(now, Input::Stored(stored), &mut sent);
            }
        }
        let above = self.active.split_off(height.0 as usize + 1);
        for hash in above {
            self.active.push(hash);
            self.tell_connected(now, hash, &mut sent);
        }
        self.tell(now, Input::Keys(self.keys()), &mut sent);
    }

    pub(crate) fn tell(&mut self, now: Millis, input: Input, sent: &mut Vec<Packet>) {
        self.script.push((now, input.clone()));
        for output in self.engine.handle(now, input) {
            self.carry_out(now, output, sent);
        }
    }

    fn carry_out(&mut self, now: Millis, output: Output, sent: &mut Vec<Packet>) {
        match output {
            Output::Persist { records, barrier } => {
                assert!(barrier, "what this engine writes is a promise");
                for record in records {
                    self.records.insert(record.key, record);
                }
            }
            Output::Broadcast(bytes) => sent.push(Packet::Engine(bytes)),
            Output::SetTimer { at, .. } => self.timer = at,
            Output::BuildBlock(proposal) => self.build(now, &proposal, sent),
            Output::SignVote { key, link } => {
                let id = self.spec.chain_id().0;
                if let Some(validator) = self.signer(key) {
                    let vote = validator.vote(link, &id);
                    self.tell(now, Input::Voted(vote), sent);
                }
            }
            Output::CheckBlock(block) => {
                let block: Arc<Block> = Arc::new(*block);
                let verdict = self.submit(now, block, sent);
                assert_eq!(verdict, Ok(()), "its own block is valid");
            }
            Output::Connect(_) | Output::Disconnect(_) => self.settle(now, sent),
            Output::Final { block, proof } => {
                assert!(self.finals.last().is_none_or(|it| it.height < block.height));
                assert_eq!(self.active.get(block.height.0 as usize), Some(&block.hash));
                self.finals.push(block);
                self.proofs.push(proof);
            }
            Output::Misbehaviour(evidence) => self.evidence.push(*evidence),
            Output::Punish(_) => self.punished += 1,
            Output::Send { .. } => panic!("this engine sends to all"),
        }
    }

    fn signer(&self, key: SealKey) -> Option<&Validator> {
        let mut validators = self.validators.iter();
        validators.find(|it| it.public() == key && self.is_signing)
    }

    fn build(&mut self, now: Millis, proposal: &Proposal, sent: &mut Vec<Packet>) {
        let Some(validator) = self.signer(proposal.seal.key) else {
            return;
        };
        let mut seal = proposal.seal.clone();
        let reveal = validator.chain.reveal_after(&seal.reveal);
        seal.reveal = reveal.expect("the chain is long enough");
        let draft = Draft {
            parent: proposal.parent,
            height: Height(self.height() + 1),
            time: proposal.time,
            seal,
            salt: self.salt,
        };
        let block = validator.seal(&draft, &self.spec.chain_id().0);
        let request = proposal.request;
        let block = Box::new(block);
        self.tell(now, Input::Template { request, block }, sent);
    }

    /// Takes in a block as a node does, and passes it on when it is new.
    pub(crate) fn submit(
        &mut self,
        now: Millis,
        block: Arc<Block>,
        sent: &mut Vec<Packet>,
    ) -> Result<(), HeaderError> {
        let (header, hash) = (*block.header(), block.hash());
        if self.known.contains_key(&hash) || self.rejected.contains(&hash) {
            return Ok(());
        }
        let proof = self.engine.proof_of(&block);
        self.engine.check_header_alone(&header, &proof)?;
        let parent = header.previous_block_hash;
        let height = match self.known.get(&parent) {
            Some(it) => Height(it.height.0 + 1),
            None if parent == self.active[0] => Height(1),
            None => {
                self.orphans.push(block);
                return Ok(());
            }
        };
        let branch = Branch {
            known: &self.known,
            end: parent,
        };
        self.engine.check_header(&header, &proof, height, &branch)?;
        let arrival = self.known.len() as u64;
        let stored = StoredBlock::new(&block, height).expect("a coinbase");
        sent.push(Packet::Block(Arc::clone(&block)));
        self.known.insert(
            hash,
            Known {
                block,
                height,
                arrival,
            },
        );
        self.tell(now, Input::Stored(Arc::new(stored)), sent);
        self.settle(now, sent);
        let (children, others) = std::mem::take(&mut self.orphans)
            .into_iter()
            .partition(|it: &Arc<Block>| it.header().previous_block_hash == hash);
        self.orphans = others;
        let children: Vec<Arc<Block>> = children;
        for child in children {
            self.submit(now, child, sent)?;
        }
        Ok(())
    }

    fn end(&self, hash: &BlockHash) -> BranchEnd {
        let it = self.known.get(hash);
        BranchEnd {
            hash: *hash,
            height: it.map_or(Height(0), |it| it.height),
            chainwork: Work::ZERO,
            block_work: Work::ZERO,
            arrival: it.map_or(0, |it| it.arrival + 1),
        }
    }

    /// Moves to the branch that the engine prefers.
    fn settle(&mut self, now: Millis, sent: &mut Vec<Packet>) {
        loop {
            let tip = self.tip();
            let usable = self.known.keys().filter(|it| !self.rejected.contains(it));
            let best = usable.fold(tip, |best, hash| {
                let is_better = self.engine.prefers(&self.end(hash), &self.end(&best));
                if is_better { *hash } else { best }
            });
            if best == tip {
                return;
            }
            self.move_to(now, best, sent);
        }
    }

    fn move_to(&mut self, now: Millis, target: BlockHash, sent: &mut Vec<Packet>) {
        let mut path = Vec::new();
        let mut at = target;
        while !self.active.contains(&at) {
            path.push(at);
            at = self.known[&at].block.header().previous_block_hash;
        }
        while self.tip() != at {
            let hash = self.active.pop().expect("above the fork");
            let height = u32::try_from(self.active.len()).expect("a short chain");
            let last = self.finals.last().map_or(0, |it| it.height.0);
            assert!(height > last, "a final block is disconnected");
            self.tell(now, Input::Disconnected(hash), sent);
        }
        for hash in path.into_iter().rev() {
            // Telling the engine may have moved the chain.
            if self.tip() != self.known[&hash].block.header().previous_block_hash {
                return;
            }
            let known = &self.known[&hash];
            let stored = StoredBlock::new(&known.block, known.height).expect("a coinbase");
            if self.engine.check_proposer(&stored).is_err() {
                self.reject(now, hash, sent);
                return;
            }
            self.active.push(hash);
            self.tell_connected(now, hash, sent);
        }
    }

    fn tell_connected(&mut self, now: Millis, hash: BlockHash, sent: &mut Vec<Packet>) {
        let known = &self.known[&hash];
        let stake = stake_of(&self.spec, &known.block, known.height);
        let block = StoredBlock::new(&known.block, known.height).expect("a coinbase");
        let connected = Connected {
            block: Arc::new(block),
            stake: Arc::new(stake),
        };
        self.tell(now, Input::Connected(connected), sent);
    }

    fn reject(&mut self, now: Millis, hash: BlockHash, sent: &mut Vec<Packet>) {
        self.rejected.insert(hash);
        for block in self.blocks() {
            if self.rejected.contains(&block.header().previous_block_hash) {
                self.rejected.insert(block.hash());
            }
        }
        self.tell(now, Input::Rejected(hash), sent);
    }

    pub(crate) fn is_rejected(&self, hash: &BlockHash) -> bool {
        self.rejected.contains(hash)
    }

    pub(crate) fn receive(
        &mut self,
        now: Millis,
        from: u64,
        packet: Packet,
        sent: &mut Vec<Packet>,
    ) {
        match packet {
            // A peer's block can be wrong; what it breaks is nobody else's matter here.
            Packet::Block(block) => drop(self.submit(now, block, sent)),
            Packet::Engine(bytes) => {
                let from = PeerId(from);
                self.tell(now, Input::Message { from, bytes }, sent);
            }
        }
    }
}
