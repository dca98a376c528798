//! What makes a block of this engine, and the code of every rule that it can break.

use std::sync::Arc;

use synod_engine::{Engine, Millis, StoredBlock};
use synod_primitives::{Block, Height};
use synod_seal::{Checkpoint, Epoch, Mode, Seal, Sections, Slot, VoteLink, find_seal};

use crate::kit::{Draft, SLOT_S, START, Validator, bootstrap_key, spec};
use crate::network::Network;
use crate::node::Node;

const AMOUNTS: [u64; 2] = [30, 20];

/// A node that hears nobody, after a few slots.
fn node() -> Node {
    let signers = [vec![1, 2]];
    let mut network = Network::with_signers(&AMOUNTS, &signers, 20);
    network.run_slots(6);
    network.nodes.remove(0)
}

/// The next block on a node's tip, as its leader would make it, and its leader.
fn next(node: &mut Node) -> (Draft, Validator) {
    let parent = node.block(&node.tip());
    let slot = find_seal(&parent.transactions()[0]).expect("sealed").slot;
    let slot = Slot(slot.0 + 1);
    let time = START + 2 + u32::try_from(slot.0 * SLOT_S).expect("small");
    let leaders = [1, 2].map(Validator::new);
    for leader in leaders {
        for used in 0..8 {
            let draft = Draft {
                parent: node.tip(),
                height: Height(node.height() + 1),
                time,
                seal: Seal {
                    mode: Mode::Pos,
                    slot,
                    round: 0,
                    previously_sealed: Height(0),
                    prevoted: Height(0),
                    reveal: leader.chain.reveal(used).expect("a long chain"),
                    key: leader.public(),
                    signature: [0; 64],
                    sections: Sections::default(),
                },
                salt: 77,
            };
            let block = leader.seal(&draft, &node.spec.chain_id().0);
            let stored = StoredBlock::new(&block, draft.height).expect("a coinbase");
            if node.engine.check_proposer(&stored).is_ok() {
                return (draft, leader);
            }
        }
    }
    panic!("every slot has a leader");
}

/// The code that a block is refused with by any of the three questions.
fn code(node: &mut Node, block: &Block) -> Option<&'static str> {
    let mut sent = Vec::new();
    let now = Millis::from_seconds(u64::from(START) + 100);
    if let Err(error) = node.submit(now, Arc::new(block.clone()), &mut sent) {
        return Some(error.code());
    }
    node.is_rejected(&block.hash())
        .then_some("rejected when connected")
}

fn sealed(node: &Node, draft: &Draft, by: &Validator) -> Block {
    by.seal(draft, &node.spec.chain_id().0)
}

#[test]
fn only_the_leader_of_a_slot_makes_its_block() {
    let mut node = node();
    let (draft, leader) = next(&mut node);
    let other = [1, 2].map(Validator::new);
    let other = other
        .iter()
        .find(|it| it.public() != leader.public())
        .expect("two");
    let stranger = Validator::new(9);
    for by in [other, &stranger, &bootstrap_key()] {
        let mut wrong = draft.clone();
        wrong.seal.key = by.public();
        let block = sealed(&node, &wrong, by);
        assert_eq!(code(&mut node, &block), Some("bad-seal-proposer"));
    }
    let block = sealed(&node, &draft, other);
    assert_eq!(code(&mut node, &block), Some("bad-seal-signature"));
    let height = node.height();
    let block = sealed(&node, &draft, &leader);
    assert_eq!(code(&mut node, &block), None);
    assert_eq!(node.height(), height + 1);
}

#[test]
fn a_reveal_follows_the_one_before() {
    let mut node = node();
    let (draft, leader) = next(&mut node);
    for reveal in [
        [0; 32],
        leader.chain.anchor(),
        leader.chain.reveal(20).expect("long"),
    ] {
        let mut wrong = draft.clone();
        wrong.seal.reveal = reveal;
        let block = sealed(&node, &wrong, &leader);
        let stored = StoredBlock::new(&block, draft.height).expect("a coinbase");
        let error = node.engine.check_proposer(&stored).expect_err("refused");
        assert_eq!(error.code(), "bad-seal-reveal");
        assert_eq!(code(&mut node, &block), Some("rejected when connected"));
    }
}

/// A change of a draft.
type Change = fn(&mut Draft);

#[test]
fn slot_time_mode_and_height_fit_together() {
    let mut node = node();
    let (draft, leader) = next(&mut node);
    let change = |change: Change| {
        let mut wrong = draft.clone();
        change(&mut wrong);
        wrong
    };
    let cases: [(Change, &str); 9] = [
        (|it| it.time += 1, "bad-seal-slot"),
        (|it| it.time += 2, "bad-seal-slot"),
        (|it| it.seal.slot.0 += 1, "bad-seal-slot"),
        (
            |it| {
                it.seal.slot.0 -= 1;
                it.time -= 2;
            },
            "bad-seal-slot",
        ),
        (|it| it.seal.mode = Mode::Bootstrap, "bad-seal-mode"),
        (|it| it.seal.mode = Mode::Dpos, "bad-seal-mode"),
        (|it| it.height = Height(it.height.0 + 1), "bad-seal-height"),
        (|it| it.seal.round = 1, "bad-seal-statement"),
        (|it| it.seal.prevoted = Height(1), "bad-seal-statement"),
    ];
    for (index, (case, expected)) in cases.into_iter().enumerate() {
        let block = sealed(&node, &change(case), &leader);
        assert_eq!(code(&mut node, &block), Some(expected), "case {index}");
    }
}

#[test]
fn votes_in_a_block_are_signed() {
    let mut node = node();
    let (mut draft, leader) = next(&mut node);
    let hash = node.active[2];
    let checkpoint = |epoch| Checkpoint {
        epoch: Epoch(epoch),
        hash,
    };
    let link = VoteLink {
        source: checkpoint(0),
        target: checkpoint(1),
    };
    let mut vote = leader.vote(link, &node.spec.chain_id().0);
    vote.signature[0] ^= 1;
    draft.seal.sections = Sections::from_votes(&[vote]);
    let block = sealed(&node, &draft, &leader);
    let stored = StoredBlock::new(&block, draft.height).expect("a coinbase");
    let error = node.engine.check_proposer(&stored).expect_err("refused");
    assert_eq!(error.code(), "bad-seal-section");
}

#[test]
fn a_branch_that_leaves_the_chain_below_a_final_block_is_refused() {
    let signers = [vec![1, 2]];
    let mut network = Network::with_signers(&AMOUNTS, &signers, 21);
    network.run_slots(1);
    let (old_draft, leader) = {
        let node = &mut network.nodes[0];
        next(node)
    };
    let block = sealed(&network.nodes[0], &old_draft, &leader);
    network.run_epochs(6);
    let node = &mut network.nodes[0];
    let finalized = node.engine.finalized().expect("final");
    assert!(finalized.height > old_draft.height);
    assert_eq!(code(node, &block), Some("bad-fork-prior-to-finalized"));
}

#[test]
fn bootstrap_blocks_are_sealed_by_the_bootstraps_key_in_their_second() {
    let spec = spec(&AMOUNTS);
    let mut node = Node::new(&spec, &[1], 0);
    let genesis = node.active[0];
    let draft = |time| Draft {
        parent: genesis,
        height: Height(1),
        time,
        seal: Seal {
            mode: Mode::Bootstrap,
            slot: Slot(1),
            round: 0,
            previously_sealed: Height(0),
            prevoted: Height(0),
            reveal: [0; 32],
            key: bootstrap_key().public(),
            signature: [0; 64],
            sections: Sections::default(),
        },
        salt: 5,
    };
    let late = sealed(&node, &draft(START + 2), &bootstrap_key());
    assert_eq!(code(&mut node, &late), Some("bad-bootstrap-time"));
    let mut theirs = draft(START + 1);
    theirs.seal.key = Validator::new(1).public();
    let theirs = sealed(&node, &theirs, &Validator::new(1));
    assert_eq!(code(&mut node, &theirs), Some("bad-seal-proposer"));
    let mut moved = draft(START + 1);
    moved.seal.slot = Slot(2);
    let moved = sealed(&node, &moved, &bootstrap_key());
    assert_eq!(code(&mut node, &moved), Some("bad-seal-slot"));
    let second = sealed(&node, &draft(START + 1), &bootstrap_key());
    assert_eq!(
        code(&mut node, &second),
        Some("bad-fork-prior-to-finalized")
    );
}
