//! Playing a sealed chain slot by slot: one node whose engine has all keys.

use synod_chainspec::{ChainSpec, EngineSpec};
use synod_engine::{Input, Millis, Output, Proposal, TimerId};
use synod_mempool::Policy;
use synod_node_core::{
    ChainSettings, Durability, FoundWork, MemoryStorage, Node, Placement, Refusal, Settings,
};
use synod_primitives::{Block, Height, Script};
use synod_seal::{Mode, Seal, SealKey, Sections, Slot, Vote, VoteLink};

use crate::signer::{Signer, bootstrap_signer};

/// Signs whatever the engine of a node asks for.
#[derive(Debug)]
pub struct Author {
    /// The chain's spec.
    pub spec: ChainSpec,
    payout: Script,
    signers: Vec<Signer>,
}

/// Anyone can spend what pays here; the byte makes blocks differ.
#[must_use]
pub fn free(branch: u8) -> Script {
    Script::new(vec![0x51, 0x51, 0x75, 0x50 + (branch % 16 + 1), 0x75])
}

/// Returns settings of a small node, always the same.
#[must_use]
pub fn settings() -> Settings {
    Settings {
        chain: ChainSettings {
            coins_cache_bytes: 64 << 20,
            threads: 1,
            hash_key: (1, 2),
        },
        policy: Policy::default(),
    }
}

/// Opens a node in memory.
///
/// # Panics
/// The spec has no engine that runs.
#[must_use]
pub fn open_in_memory(spec: &ChainSpec, now: u64) -> Node {
    let storage = Box::new(MemoryStorage::new());
    Node::open(spec, storage, settings(), now).expect("memory does not fail")
}

/// Submits a block; `now` is in seconds since 1970.
///
/// # Errors
/// The rule that the block breaks.
///
/// # Panics
/// Storage failed.
pub fn submit(node: &mut Node, block: &Block, now: u64) -> Result<Placement, Refusal> {
    let raws = [block.raw().clone()];
    let verdicts = node.submit_blocks(&raws, now, Durability::Synced);
    let verdict = verdicts.expect("storage works").remove(0);
    verdict.map(|it| it.placement)
}

impl Author {
    /// Makes the author with the signers of these seeds.
    #[must_use]
    pub fn new(spec: ChainSpec, seeds: &[u8]) -> Self {
        Self {
            spec,
            payout: free(1),
            signers: seeds.iter().map(|seed| Signer::new(*seed)).collect(),
        }
    }

    /// Pays to another script, so that its blocks differ from another author's in one slot.
    #[must_use]
    pub fn paying(self, payout: u8) -> Self {
        self.paying_to(free(payout))
    }

    /// Pays to a script.
    #[must_use]
    pub fn paying_to(self, payout: Script) -> Self {
        Self { payout, ..self }
    }

    /// Signs a vote; `None` when the key is another's.
    #[must_use]
    pub fn vote(&self, key: SealKey, link: VoteLink) -> Option<Vote> {
        let signer = self.signers.iter().find(|it| it.public() == key)?;
        Some(signer.vote(link, &self.spec.chain_id().0))
    }

    /// Returns when a slot begins, in seconds since 1970; slot 0 is the bootstrap's end.
    ///
    /// # Panics
    /// The spec has no slots.
    #[must_use]
    pub fn slot_time(&self, slot: u64) -> u64 {
        let slot_s = match self.spec.consensus.engine {
            EngineSpec::Pos(pos) => pos.slot_s,
            EngineSpec::Dpos(dpos) => dpos.slot_s,
            EngineSpec::Pow(_) => panic!("proof of work has no slots"),
        };
        let bootstrap = self.spec.consensus.bootstrap.as_ref();
        let bootstrap = bootstrap.expect("slots count from the bootstrap");
        u64::from(bootstrap.time) + u64::from(bootstrap.blocks) + slot * u64::from(slot_s)
    }

    /// Returns the block on the node's tip without its seal.
    #[must_use]
    pub fn template(&self, node: &Node, time: Option<u32>, now: u64) -> Block {
        let template = node.template(self.payout.clone(), now);
        template.assemble(&FoundWork {
            extra_nonce: [0; 8],
            time: time.unwrap_or(template.time),
            nonce: 0,
            version: None,
        })
    }

    /// Makes the bootstrap's blocks and submits them; returns them.
    ///
    /// # Panics
    /// The spec has none, or a block is refused.
    pub fn bootstrap(&self, node: &mut Node) -> Vec<Block> {
        let bootstrap = self.spec.consensus.bootstrap.expect("a bootstrap");
        let signer = bootstrap_signer();
        let seal_at = |height: u32| Seal {
            mode: Mode::Bootstrap,
            slot: Slot(height.into()),
            round: 0,
            previously_sealed: Height(0),
            prevoted: Height(0),
            reveal: [0; 32],
            key: signer.public(),
            signature: [0; 64],
            sections: Sections::default(),
        };
        let blocks = (1..=bootstrap.blocks).map(|height| {
            let now = u64::from(bootstrap.time + height);
            let template = self.template(node, None, now);
            let block = signer.seal(&template, &seal_at(height), &self.spec.chain_id().0);
            assert_eq!(submit(node, &block, now), Ok(Placement::Active));
            block
        });
        blocks.collect()
    }

    /// Builds and seals what the engine has asked for; `None` when the key is another's.
    ///
    /// # Panics
    /// The hash chain is used up.
    #[must_use]
    pub fn build(&self, node: &Node, proposal: &Proposal, now: u64) -> Option<Block> {
        let mut signers = self.signers.iter();
        let signer = signers.find(|it| it.public() == proposal.seal.key)?;
        let mut seal = proposal.seal.clone();
        let reveal = signer.reveals.reveal_after(&seal.reveal);
        seal.reveal = reveal.expect("the hash chain is long enough");
        let template = self.template(node, Some(proposal.time), now);
        Some(signer.seal(&template, &seal, &self.spec.chain_id().0))
    }

    /// Runs the node's engine through the start of a slot and signs all that it asks for; returns
    /// the blocks that it made, which are active.
    ///
    /// # Panics
    /// Storage fails, or the node refuses its own block.
    pub fn run_slot(&self, node: &mut Node, slot: u64) -> Vec<Block> {
        let now = self.slot_time(slot);
        let at = Millis::from_seconds(now);
        let keys = self.signers.iter().map(Signer::public).collect();
        let mut inputs = vec![
            Input::Keys(keys),
            Input::Timer(TimerId(0)),
            Input::Timer(TimerId(1)),
        ];
        let mut blocks = Vec::new();
        while !inputs.is_empty() {
            let input = inputs.remove(0);
            for output in node.handle(at, input).expect("storage works") {
                match output {
                    Output::BuildBlock(proposal) => {
                        let block = self.build(node, &proposal, now);
                        inputs.extend(block.map(|block| Input::Template {
                            request: proposal.request,
                            block: Box::new(block),
                        }));
                    }
                    Output::SignVote { key, link } => {
                        inputs.extend(self.vote(key, link).map(Input::Voted));
                    }
                    Output::CheckBlock(block) => {
                        assert_eq!(submit(node, &block, now), Ok(Placement::Active));
                        blocks.push(*block);
                    }
                    _ => {}
                }
            }
        }
        blocks
    }
}
