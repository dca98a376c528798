//! Weak subjectivity: who was away for longer than stake stays slashable follows nobody without
//! a block that its operator trusts.

use bytes::Bytes;
use synod_chainspec::ChainSpec;
use synod_node_core::{Blame, HeaderSync, NEEDS_TRUST, Node, Placement, Refusal};
use synod_primitives::{Block, BlockHash, Header, Height};
use synod_testkit::{Author, submit};

use crate::kit::{Disk, open_spec, try_open_spec_at};
use crate::pos::{bootstrapped, finalized};

/// The preset's blocks for which stake that leaves stays slashable, in seconds.
const PERIOD_S: u64 = 256 * 2;
/// When the node left.
const LEFT: u64 = 16;

/// A node that was away, the honest history since, and one that the same key has made when its
/// stake was gone.
struct Away {
    author: Author,
    disk: Disk,
    finalized: (u32, BlockHash),
    honest: Vec<Block>,
    forged: Vec<Block>,
}

impl Away {
    fn new(author: Author, other: &Author) -> Self {
        let disk = Disk::default();
        let mut node = bootstrapped(&author, &disk);
        for slot in 1..=LEFT {
            author.run_slot(&mut node, slot);
        }
        let finalized = finalized(&node);
        drop(node);
        let go_on = |author: &Author, slots: std::ops::RangeInclusive<u64>| {
            let mut copy = open_spec(&author.spec, &Disk::of(disk.lock().clone()));
            let blocks = slots.flat_map(|slot| author.run_slot(&mut copy, slot));
            blocks.collect::<Vec<_>>()
        };
        let honest = go_on(&author, LEFT + 1..=LEFT + 24);
        // Longer, and with as many votes.
        let forged = go_on(other, LEFT + 1..=LEFT + 48);
        Self {
            author,
            disk,
            finalized,
            honest,
            forged,
        }
    }

    fn pos() -> Self {
        let other = crate::pos::author().paying(2);
        Self::new(crate::pos::author(), &other)
    }

    fn dpos() -> Self {
        let other = crate::dpos::author().paying(2);
        Self::new(crate::dpos::author(), &other)
    }

    fn trusting(&self, blocks: &[(u32, BlockHash)]) -> ChainSpec {
        let mut spec = self.author.spec.clone();
        let blocks = blocks.iter().map(|(at, hash)| (Height(*at), *hash));
        spec.trust.checkpoints = blocks.collect();
        spec
    }

    /// Starts the node at a moment on a copy of its disk.
    fn start(&self, spec: &ChainSpec, now: u64) -> Node {
        let copy = Disk::of(self.disk.lock().clone());
        try_open_spec_at(spec, &copy, now).expect("storage works")
    }

    fn page(&self, node: &Node, blocks: &[Block]) -> Vec<(Header, Bytes)> {
        let engine = node.chain().engine();
        let pair = |block: &Block| (*block.header(), engine.proof_of(block));
        blocks.iter().map(pair).collect()
    }

    fn show(&self, node: &mut Node, blocks: &[Block], now: u64) -> Result<(), Refusal> {
        let page = self.page(node, blocks);
        let sync = &mut HeaderSync::default();
        node.chain_mut()
            .judge_headers(sync, &page, false, now)
            .map(drop)
    }
}

fn final_time(away: &Away, node: &Node) -> u64 {
    let id = node.chain().tree().find(away.finalized.1).expect("known");
    node.chain().tree().entry(id).record.header.time.into()
}

#[test]
fn s09_a_node_that_was_away_too_long_follows_nobody_and_says_why() {
    for away in [Away::pos(), Away::dpos()] {
        let spec = away.author.spec.clone();
        let at = {
            let node = away.start(&spec, 0);
            final_time(&away, &node)
        };
        let node = away.start(&spec, at + PERIOD_S);
        assert_eq!(
            node.view().needs_trust,
            None,
            "stake is slashable to the end"
        );
        let now = at + PERIOD_S + 1;
        let mut node = away.start(&spec, now);
        let needs = node.view().needs_trust.expect("one second more");
        assert_eq!((needs.age_s, needs.period_s), (PERIOD_S + 1, PERIOD_S));
        assert_eq!((needs.block.height.0, needs.block.hash), away.finalized);
        assert!(needs.to_string().contains("--trust-checkpoint HEIGHT:HASH"));
        let tip = node.view().hash;
        for branch in [&away.honest, &away.forged] {
            let refusal = submit(&mut node, &branch[0], now).expect_err("nobody is followed");
            assert_eq!(
                (&*refusal.code, refusal.blame),
                (NEEDS_TRUST, Blame::Nobody)
            );
            let refusal = away
                .show(&mut node, branch, now)
                .expect_err("nor by headers");
            assert_eq!(
                (&*refusal.code, refusal.blame),
                (NEEDS_TRUST, Blame::Nobody)
            );
        }
        assert_eq!(node.view().hash, tip);
        // Its own keys are silent too.
        let slot = LEFT + 40;
        assert!(away.author.run_slot(&mut node, slot).is_empty());
        // An operator who knows that the whole network stood still says so.
        node.chain_mut().trust_stored_chain();
        assert_eq!(node.view().needs_trust, None);
        assert_eq!(
            submit(&mut node, &away.honest[0], now),
            Ok(Placement::Active)
        );
    }
}

#[test]
fn s09_an_old_key_long_range_branch_is_refused_and_the_trusted_one_is_followed() {
    for away in [Away::pos(), Away::dpos()] {
        let at = away.honest[0].header().time;
        let now = u64::from(at) + PERIOD_S + 100;
        let trusted = away.honest.last().expect("some").hash();
        let height = LEFT as u32 + 3 + 24;
        let spec = away.trusting(&[(height, trusted)]);
        let mut node = away.start(&spec, now);
        assert_eq!(
            node.view().needs_trust,
            None,
            "the operator vouches for a later block"
        );
        let tip = node.view().hash;
        // Blocks of either history are only kept while the trusted block is not known.
        for (honest, forged) in away.honest.iter().zip(&away.forged).take(10) {
            assert_eq!(submit(&mut node, forged, now), Ok(Placement::Side));
            assert_eq!(submit(&mut node, honest, now), Ok(Placement::Side));
        }
        assert_eq!(node.view().hash, tip);
        assert!(away.author.run_slot(&mut node, LEFT + 200).is_empty());
        let refusal = away
            .show(&mut node, &away.forged, now)
            .expect_err("refused");
        assert_eq!(refusal.code, "bad-fork-prior-to-finalized");
        assert_eq!(node.view().hash, tip);
        away.show(&mut node, &away.honest, now)
            .expect("its headers lead to the trusted block");
        for block in &away.honest[10..] {
            submit(&mut node, block, now).expect("valid");
        }
        assert_eq!(node.view().hash, trusted);
        assert!(finalized(&node).0 > away.finalized.0);
        // Now that it is there, the forged history has no place any more.
        let next = submit(&mut node, &away.forged[30], now);
        assert!(!matches!(next, Ok(Placement::Active)));
        assert_eq!(node.view().hash, trusted);
    }
}

#[test]
fn a_trusted_block_below_the_tip_that_is_another_one_takes_the_tip_back_or_is_refused() {
    let away = Away::pos();
    let mut history = open_spec(&away.author.spec, &Disk::of(away.disk.lock().clone()));
    let tip = history.view();
    let now = away.author.slot_time(LEFT + 1);
    // Above what is final an operator may overrule the stored chain.
    let other = BlockHash::from_bytes([7; 32]);
    let node = away.start(&away.trusting(&[(tip.height.0, other)]), now);
    assert_eq!(node.view().hash, tip.header.previous_block_hash);
    // At what is final nobody may.
    let copy = Disk::of(away.disk.lock().clone());
    let spec = away.trusting(&[(away.finalized.0, other)]);
    let refused = try_open_spec_at(&spec, &copy, now);
    let why = refused.err().expect("refused").to_string();
    assert!(why.contains("remove the data directory"), "{why}");
    // What it was before is still there.
    assert_eq!(history.view().hash, tip.hash);
    history.flush().expect("storage works");
}

#[test]
fn a_new_node_of_an_old_network_needs_trust_and_takes_in_the_bootstrap_before() {
    let author = crate::pos::author();
    let disk = Disk::default();
    let mut source = open_spec(&author.spec, &Disk::default());
    let bootstrap = author.bootstrap(&mut source);
    let first = author.run_slot(&mut source, 1);
    let now = author.slot_time(0) + PERIOD_S;
    let node = try_open_spec_at(&author.spec, &disk, now).expect("storage works");
    assert_eq!(node.view().needs_trust, None);
    drop(node);
    let mut node = try_open_spec_at(&author.spec, &disk, now + 1).expect("storage works");
    assert!(node.view().needs_trust.is_some());
    for block in &bootstrap {
        assert_eq!(submit(&mut node, block, now), Ok(Placement::Active));
    }
    let refusal = submit(&mut node, &first[0], now).expect_err("nobody is followed");
    assert_eq!(refusal.code, NEEDS_TRUST);
}
