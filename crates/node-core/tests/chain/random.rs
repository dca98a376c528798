//! Random histories of blocks, good and bad, on any branch, with an operator's corrections and
//! restarts: the node always stands on the longest chain that is allowed, with its coins.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use synod_chainspec::ChainSpec;
use synod_ledger::{Coin, height_script};
use synod_node_core::Node;
use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, MerkleRoot, OutPoint, Script, Transaction,
    TxIn, TxOut, Witness,
};

use crate::kit::*;

/// Blocks on top of a coinbase before it can be spent, here.
const MATURITY: u32 = 2;
const SUBSIDY: i64 = 5_000_000_000;

#[derive(Clone, Debug)]
enum Step {
    /// A block on one of those that are known, with or without a payment.
    Extend {
        parent: u8,
        pays: bool,
    },
    /// A block that breaks a rule which is found only when it is connected.
    Bad {
        parent: u8,
        is_greedy: bool,
    },
    Invalidate(u8),
    Reconsider(u8),
    Flush,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u8>(), any::<bool>()).prop_map(|(parent, pays)| Step::Extend { parent, pays }),
        2 => (any::<u8>(), any::<bool>())
            .prop_map(|(parent, is_greedy)| Step::Bad { parent, is_greedy }),
        1 => any::<u8>().prop_map(Step::Invalidate),
        1 => any::<u8>().prop_map(Step::Reconsider),
        1 => Just(Step::Flush),
        1 => Just(Step::Restart),
    ]
}

/// A block as the test knows it.
struct Known {
    block: Block,
    /// The position of its parent; the genesis block has none.
    parent: Option<usize>,
    height: u32,
    breaks_a_rule: bool,
}

struct World {
    disk: Disk,
    node: Node,
    known: Vec<Known>,
    /// Blocks that the operator took out.
    taken_out: BTreeSet<usize>,
}

fn spec() -> ChainSpec {
    let mut spec = ChainSpec::preset("regtest").expect("a preset");
    spec.consensus.coinbase_maturity = MATURITY;
    spec
}

impl World {
    fn new() -> Self {
        let disk = Disk::default();
        let genesis = Known {
            block: synod_chainspec::genesis_block(),
            parent: None,
            height: 0,
            breaks_a_rule: false,
        };
        Self {
            node: open_spec(&spec(), &disk),
            disk,
            known: vec![genesis],
            taken_out: BTreeSet::new(),
        }
    }

    fn pick(&self, number: u8) -> usize {
        // Late blocks more often than early ones, so that chains grow.
        let back = usize::from(number) % self.known.len().min(6);
        self.known.len() - 1 - back
    }

    /// The blocks from the genesis block up to one.
    fn chain_to(&self, end: usize) -> Vec<usize> {
        let mut chain = vec![end];
        while let Some(parent) = self.known[*chain.last().expect("one at least")].parent {
            chain.push(parent);
        }
        chain.reverse();
        chain
    }

    fn is_allowed(&self, end: usize) -> bool {
        let chain = self.chain_to(end);
        let is_out = |at: &usize| self.known[*at].breaks_a_rule || self.taken_out.contains(at);
        !chain.iter().any(is_out)
    }

    fn build(&self, parent: usize, pays: bool, fault: Option<bool>) -> Block {
        let below = &self.known[parent];
        let height = below.height + 1;
        // A payment leaves a fee of one satoshi, so two more than the subsidy are too many.
        let greed = if fault == Some(true) { 2 } else { 0 };
        let mut script = height_script(height.into()).as_bytes().to_vec();
        script.extend(u32::try_from(self.known.len()).expect("few").to_le_bytes());
        let mut transactions = vec![pay(OutPoint::NULL, script, SUBSIDY + greed)];
        let chain = self.chain_to(parent);
        let mature = height.checked_sub(MATURITY).filter(|it| *it > 0);
        if let (Some(mature), true) = (mature, pays) {
            let coinbase = &self.known[chain[mature as usize]].block.transactions()[0];
            transactions.push(pay(coinbase.outpoint(0), Vec::new(), SUBSIDY - 1));
        }
        if fault == Some(false) {
            let missing = transactions[0].outpoint(7);
            transactions.push(pay(missing, Vec::new(), 1));
        }
        let header = Header {
            version: 4,
            previous_block_hash: below.block.hash(),
            merkle_root: MerkleRoot::ZERO,
            time: below.block.header().time + 600,
            bits: CompactTarget(0x207f_ffff),
            nonce: 0,
        };
        rebuilt(&Block::new(header, transactions.clone()), transactions)
    }

    fn add(&mut self, parent: usize, pays: bool, fault: Option<bool>) {
        let block = self.build(parent, pays, fault);
        // A block on a branch that was refused is refused, a bad one when it is connected.
        let _ = submit(&mut self.node, &block);
        let is_there = self.node.chain().tree().find(block.hash()).is_some();
        if is_there {
            self.known.push(Known {
                height: self.known[parent].height + 1,
                parent: Some(parent),
                breaks_a_rule: fault.is_some(),
                block,
            });
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Extend { parent, pays } => self.add(self.pick(parent), pays, None),
            Step::Bad { parent, is_greedy } => self.add(self.pick(parent), true, Some(is_greedy)),
            Step::Invalidate(number) => {
                let at = self.pick(number).max(1);
                if let Some(hash) = self.known.get(at).map(|it| it.block.hash()) {
                    self.node.invalidate(hash, NOW).expect("a known block");
                    self.taken_out.insert(at);
                }
            }
            Step::Reconsider(number) => {
                let at = self.pick(number).max(1);
                if let Some(hash) = self.known.get(at).map(|it| it.block.hash()) {
                    self.node.reconsider(hash, NOW).expect("a known block");
                    let below = self.chain_to(at);
                    let above = |it: &usize| self.chain_to(*it).contains(&at);
                    let stays = |it: &usize| !below.contains(it) && !above(it);
                    self.taken_out = self.taken_out.iter().copied().filter(stays).collect();
                }
            }
            Step::Flush => self.node.flush().expect("storage works"),
            Step::Restart => self.node = open_spec(&spec(), &self.disk),
        }
    }

    /// The coins of a chain, from its blocks alone.
    fn replayed(&self, end: usize) -> BTreeMap<OutPoint, Coin> {
        let mut coins = BTreeMap::new();
        for (height, at) in (0u32..).zip(self.chain_to(end)).skip(1) {
            let block = &self.known[at].block;
            for (index, transaction) in block.transactions().iter().enumerate() {
                for input in transaction.inputs().iter().filter(|_| index > 0) {
                    coins.remove(&input.prevout).expect("unspent");
                }
                for (vout, output) in (0..).zip(transaction.outputs()) {
                    let coin = Coin::new(output, height.into(), index == 0);
                    coins.insert(transaction.outpoint(vout), coin);
                }
            }
        }
        coins
    }

    fn find(&self, hash: BlockHash) -> usize {
        let position = self.known.iter().position(|it| it.block.hash() == hash);
        position.expect("the tip is a known block")
    }

    fn check(&self) {
        let tip = self.find(self.node.view().hash);
        assert!(self.is_allowed(tip));
        let allowed = (0..self.known.len()).filter(|at| self.is_allowed(*at));
        let highest = allowed.map(|at| self.known[at].height).max();
        assert_eq!(Some(self.known[tip].height), highest);
        // A second node on a copy of the storage stands where this one does.
        let copy = Disk::of(self.disk.lock().clone());
        let mut reopened = open_spec(&spec(), &copy);
        assert_eq!(reopened.view().hash, self.node.view().hash);
        let coins = coins_after_flush(&mut reopened, &copy);
        let expected = self.replayed(tip);
        assert_eq!(coins, expected.into_iter().collect::<Vec<_>>());
        let total: i64 = coins.iter().map(|(_, coin)| coin.value.sat()).sum();
        assert!(total <= SUBSIDY * i64::from(self.known[tip].height));
    }
}

fn pay(prevout: OutPoint, script_sig: Vec<u8>, sat: i64) -> Transaction {
    let input = TxIn {
        prevout,
        script_sig: Script::new(script_sig),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let output = TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: Script::new(vec![0x51]),
    };
    Transaction::new(2, vec![input], vec![output], 0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn c27_the_coins_are_those_of_the_longest_allowed_chain_after_any_history(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.check();
        }
    }
}
