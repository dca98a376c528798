//! A node of a chain with proof of stake: blocks from templates, votes, finality, restarts.

use synod_engine::{Input, Millis, Output, Proposal, TimerId};
use synod_node_core::{Event, Node, NodeError, Storage as _};
use synod_primitives::{Block, BlockHash, Height};
use synod_seal::Vote;
use synod_testkit::{Author, Bond, SealedSpec, Signer, submit};

use crate::kit::{Disk, open_spec};

const START: u32 = 1_800_000_000;
const EPOCH: u64 = 4;

/// One validator, so that this node alone makes blocks final.
pub(crate) fn author() -> Author {
    let spec = SealedSpec {
        engine: "pos",
        rules: String::new(),
        settings: format!("epoch_slots = {EPOCH}"),
        time: START,
        blocks: 3,
        bonds: vec![Bond {
            seed: 1,
            amount_sat: 5_000_000_000,
        }],
    };
    Author::new(spec.spec(), &[1])
}

/// A chain at the end of its bootstrap.
pub(crate) fn bootstrapped(author: &Author, disk: &Disk) -> Node {
    let mut node = open_spec(&author.spec, disk);
    author.bootstrap(&mut node);
    node
}

/// What the engine asks for when a slot begins.
pub(crate) fn proposal(author: &Author, node: &mut Node, slot: u64) -> Box<Proposal> {
    let at = Millis::from_seconds(author.slot_time(slot));
    let inputs = [
        Input::Keys(vec![Signer::new(1).public()]),
        Input::Timer(TimerId(0)),
        Input::Timer(TimerId(1)),
    ];
    let outputs = inputs.map(|input| node.handle(at, input).expect("storage works"));
    let proposal = outputs
        .into_iter()
        .flatten()
        .find_map(|output| match output {
            Output::BuildBlock(proposal) => Some(proposal),
            _ => None,
        });
    proposal.expect("the only validator leads every slot")
}

/// A block for a slot with another payout: as from another history.
pub(crate) fn rival(author: &Author, disk: &Disk, slot: u64) -> Block {
    let mut copy = open_spec(&author.spec, &Disk::of(disk.lock().clone()));
    let proposal = proposal(author, &mut copy, slot);
    let other = self::author().paying(2);
    let block = other.build(&copy, &proposal, author.slot_time(slot));
    block.expect("its own key")
}

pub(crate) fn finalized(node: &Node) -> (u32, BlockHash) {
    let block = node.view().finalized.expect("the bootstrap is final");
    (block.height.0, block.hash)
}

#[test]
fn the_bootstrap_is_final_and_every_epoch_after_it() {
    let (author, disk) = (author(), Disk::default());
    let mut node = bootstrapped(&author, &disk);
    assert_eq!(finalized(&node).0, 3);
    for slot in 1..=4 * EPOCH {
        author.run_slot(&mut node, slot);
    }
    assert_eq!(node.view().height, Height(3 + 16), "no slot is empty");
    // The votes of epoch 3 make the checkpoint of epoch 2 final: the last block of epoch 1.
    assert_eq!(finalized(&node).0, 3 + 8);
    let (_, proof) = node.chain().finality().expect("final");
    assert_eq!(proof.len(), Vote::SIZE);
    let told = node
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Finalized { height, .. } => Some(height.0),
            _ => None,
        });
    assert_eq!(told.collect::<Vec<_>>(), [3, 7, 11]);
}

#[test]
fn a_start_from_any_commit_knows_what_was_final_and_goes_on() {
    let (author, disk) = (author(), Disk::default());
    let mut node = bootstrapped(&author, &disk);
    for slot in 1..=3 * EPOCH {
        author.run_slot(&mut node, slot);
    }
    let (tip, last) = (node.view().hash, finalized(&node));
    drop(node);
    let history = disk
        .history
        .lock()
        .expect("no test panics while it writes")
        .clone();
    let mut heights = Vec::new();
    for storage in history {
        let copy = Disk::of(storage);
        let node = open_spec(&author.spec, &copy);
        heights.push(node.view().finalized.map_or(0, |it| it.height.0));
    }
    assert!(heights.is_sorted(), "{heights:?}");
    let mut node = open_spec(&author.spec, &disk);
    assert_eq!((node.view().hash, finalized(&node)), (tip, last));
    for slot in 3 * EPOCH..=5 * EPOCH {
        author.run_slot(&mut node, slot);
    }
    assert_eq!(
        node.view().height,
        Height(3 + 20),
        "the slot it was stopped in is not used twice"
    );
    assert!(finalized(&node).0 > last.0);
}

#[test]
fn final_blocks_stay_and_branches_below_them_are_refused() {
    let (author, disk) = (author(), Disk::default());
    let mut node = bootstrapped(&author, &disk);
    let early = rival(&author, &disk, 1);
    for slot in 1..=4 * EPOCH {
        author.run_slot(&mut node, slot);
    }
    let now = author.slot_time(4 * EPOCH) + 10;
    let refusal = submit(&mut node, &early, now).expect_err("refused");
    assert_eq!(refusal.code, "bad-fork-prior-to-finalized");
    let (height, hash) = finalized(&node);
    let tip = node.view().hash;
    let below = node.chain().tree().active_at(Height(height - 1));
    let below = node
        .chain()
        .tree()
        .entry(below.expect("active"))
        .record
        .hash;
    for hash in [hash, below] {
        let refused = node.invalidate(hash, now);
        let Err(NodeError::Refused(refusal)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal.code, "block-is-final");
    }
    assert_eq!((finalized(&node), node.view().hash), ((height, hash), tip));
    // Above it an operator may still take blocks out.
    node.invalidate(tip, now).expect("it is not final");
    assert_ne!(node.view().hash, tip);
}

#[test]
fn bootstrap_templates_make_the_specs_bonds() {
    let (author, disk) = (author(), Disk::default());
    let node = open_spec(&author.spec, &disk);
    let block = author.template(&node, None, u64::from(START) + 1);
    let outputs = block.transactions()[0].outputs();
    assert_eq!(outputs[1].value.sat(), 5_000_000_000);
    assert_eq!(
        outputs[2].value.sat(),
        0,
        "the bond takes the whole subsidy"
    );
    let program = synod_seal::StakeProgram::of_script(outputs[1].script_pubkey.as_bytes());
    let delegate = program.expect("a bond").delegate;
    assert_eq!(delegate, Signer::new(1).public().delegate_hash());
}

/// What a start needs when the state at the final block was kept: the blocks above it.
#[test]
fn a_start_goes_on_from_the_kept_state_without_the_blocks_below() {
    for author in [author(), crate::dpos::author()] {
        let disk = Disk::default();
        let mut node = bootstrapped(&author, &disk);
        for slot in 1..=5 * EPOCH {
            author.run_slot(&mut node, slot);
        }
        node.flush().expect("storage works");
        let (tip, last) = (node.view().hash, finalized(&node));
        drop(node);
        assert!(last.0 > 3);
        let forgotten = disk.lock().prune(Height(last.0 + 1));
        forgotten.expect("memory forgets");
        let mut node = open_spec(&author.spec, &disk);
        assert_eq!((node.view().hash, finalized(&node)), (tip, last));
        // Its engine knows leaders, reveals and votes as if it had never stopped.
        for slot in 5 * EPOCH + 1..=8 * EPOCH {
            assert_eq!(author.run_slot(&mut node, slot).len(), 1);
        }
        assert!(finalized(&node).0 > last.0 + 4);
    }
}

#[test]
fn a_kept_state_that_cannot_be_used_costs_time_and_nothing_else() {
    let (author, disk) = (author(), Disk::default());
    let mut node = bootstrapped(&author, &disk);
    for slot in 1..=4 * EPOCH {
        author.run_slot(&mut node, slot);
    }
    node.flush().expect("storage works");
    let (tip, last) = (node.view().hash, finalized(&node));
    drop(node);
    let kept = disk.lock().load().expect("memory").engine_state;
    let kept = kept.expect("it was kept").to_vec();
    let mut of_another_block = kept.clone();
    of_another_block[4] ^= 1;
    let mut of_another_version = kept.clone();
    of_another_version[36] ^= 1;
    for state in [
        &kept[..kept.len() - 1],
        &of_another_block,
        &of_another_version,
        &[],
    ] {
        let mut copy = Disk::of(disk.lock().clone());
        let batch = synod_node_core::Batch {
            engine_state: Some(bytes::Bytes::copy_from_slice(state)),
            ..synod_node_core::Batch::default()
        };
        copy.commit(batch).expect("memory");
        let mut node = open_spec(&author.spec, &copy);
        assert_eq!((node.view().hash, finalized(&node)), (tip, last));
        assert_eq!(author.run_slot(&mut node, 4 * EPOCH + 1).len(), 1);
    }
}

#[test]
fn pruning_keeps_what_the_engine_needs_at_a_start() {
    let (author, disk) = (author(), Disk::default());
    let mut node = bootstrapped(&author, &disk);
    for slot in 1..=320 {
        author.run_slot(&mut node, slot);
    }
    let (tip, last) = (node.view().hash, finalized(&node));
    assert!(node.prune(1000).expect("storage works"));
    let below = node.chain().pruned_below();
    assert!(below.0 > 3 && below.0 <= last.0 + 1, "{below}");
    drop(node);
    let mut node = open_spec(&author.spec, &disk);
    assert_eq!((node.view().hash, finalized(&node)), (tip, last));
    assert_eq!(author.run_slot(&mut node, 321).len(), 1);
}
