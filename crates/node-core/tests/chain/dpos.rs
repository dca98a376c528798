//! A node of a chain with delegated proof of stake: blocks from templates, finality, restarts.

use synod_chainspec::ChainSpec;
use synod_engine::{Input, Millis, Output, Proposal, TimerId};
use synod_engine_dpos::FinalityProof;
use synod_node_core::{FoundWork, Node, Placement};
use synod_primitives::{Block, Height, hex};
use synod_seal::{Mode, Seal, Sections, Slot};

use crate::kit::{Disk, free, open_spec, start_of};
use crate::pos::{Signer, bootstrap_signer, finalized, submit, unsealed};

const START: u32 = 1_800_000_000;
/// The preset's seconds of a slot.
const SLOT_S: u64 = 2;

/// One delegate for four seats, so that this node alone makes blocks final.
fn spec() -> ChainSpec {
    let delegate = Signer::new(1);
    let text = format!(
        "base = \"sealed\"\nname = \"test\"\nengine = \"dpos\"\n[dpos]\nseats = 4\n[bootstrap]\ntime = {START}\nblocks = 3\nkey = \"{}\"\n[[bootstrap.bonds]]\nowner = \"{}\"\ndelegate = \"{}\"\nanchor = \"{}\"\namount_sat = 5000000000\nname = \"first\"\n",
        hex::encode(bootstrap_signer().public().0),
        "01".repeat(20),
        delegate.public().delegate_hash(),
        hex::encode(delegate.chain.anchor()),
    );
    ChainSpec::parse(&text).expect("a spec")
}

/// A chain at the end of its bootstrap.
fn bootstrapped(disk: &Disk) -> Node {
    let spec = spec();
    let mut node = open_spec(&spec, disk);
    for height in 1..=3u32 {
        let now = u64::from(START + height);
        let template = unsealed(&node, None, now);
        let seal = Seal {
            mode: Mode::Bootstrap,
            slot: Slot(height.into()),
            round: 0,
            previously_sealed: Height(0),
            prevoted: Height(0),
            reveal: [0; 32],
            key: bootstrap_signer().public(),
            signature: [0; 64],
            sections: Sections::default(),
        };
        let block = bootstrap_signer().seal(&template, &seal, &spec);
        assert_eq!(submit(&mut node, &block, now), Ok(Placement::Active));
    }
    node
}

/// Builds and seals what the engine has asked for; `payout` makes another block of it.
fn build(node: &Node, proposal: &Proposal, now: u64, payout: u8) -> Block {
    let delegate = Signer::new(1);
    let mut seal = proposal.seal.clone();
    let reveal = delegate.chain.reveal_after(&seal.reveal);
    seal.reveal = reveal.expect("a long chain");
    let template = node.template(free(payout), now);
    let start = start_of(&template);
    let template = template.assemble(&FoundWork {
        time: proposal.time,
        ..start
    });
    delegate.seal(&template, &seal, &spec())
}

/// Runs the engine through a slot and builds what it asks for; returns how many blocks.
fn run_slot(node: &mut Node, slot: u64) -> usize {
    let now = u64::from(START) + 3 + slot * SLOT_S;
    let at = Millis::from_seconds(now);
    let mut built = 0;
    let mut inputs = vec![
        Input::Timer(TimerId(0)),
        Input::Keys(vec![Signer::new(1).public()]),
    ];
    while let Some(input) = inputs.pop() {
        for output in node.handle(at, input).expect("storage works") {
            match output {
                Output::BuildBlock(proposal) => inputs.push(Input::Template {
                    request: proposal.request,
                    block: Box::new(build(node, &proposal, now, 1)),
                }),
                Output::CheckBlock(block) => {
                    assert_eq!(submit(node, &block, now), Ok(Placement::Active));
                    built += 1;
                }
                Output::SetTimer { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    built
}

#[test]
fn the_bootstrap_is_final_and_so_is_every_block_but_the_last_of_a_sole_delegate() {
    let disk = Disk::default();
    let mut node = bootstrapped(&disk);
    assert_eq!(finalized(&node).0, 3);
    for slot in 1..=10 {
        assert_eq!(run_slot(&mut node, slot), 1);
        assert_eq!(run_slot(&mut node, slot), 0, "a slot is used once");
        assert_eq!(
            node.view().height.0,
            3 + u32::try_from(slot).expect("small")
        );
        assert_eq!(finalized(&node).0, node.view().height.0 - 1);
    }
    let (block, proof) = node.chain().finality().expect("final");
    let proof = FinalityProof::decode(proof).expect("a proof");
    assert_eq!(proof.block, *block);
    assert_eq!(proof.shown_by.hash, node.view().hash);
    // An empty slot is no block and no time for one.
    run_slot(&mut node, 14);
    assert_eq!(node.view().height.0, 3 + 11);
}

#[test]
fn a_start_from_any_commit_knows_what_was_final_and_uses_no_slot_twice() {
    let disk = Disk::default();
    let mut node = bootstrapped(&disk);
    for slot in 1..=9 {
        run_slot(&mut node, slot);
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
        let node = open_spec(&spec(), &Disk::of(storage));
        heights.push(node.view().finalized.map_or(0, |it| it.height.0));
    }
    assert!(heights.is_sorted(), "{heights:?}");
    let mut node = open_spec(&spec(), &disk);
    assert_eq!((node.view().hash, finalized(&node)), (tip, last));
    assert_eq!(run_slot(&mut node, 9), 0);
    assert_eq!(run_slot(&mut node, 10), 1);
    assert_eq!(finalized(&node).0, last.0 + 1);
}

#[test]
fn a_second_block_for_a_slot_is_stored_beside_the_first_and_a_stranger_s_is_not() {
    let disk = Disk::default();
    let mut node = bootstrapped(&disk);
    let now = u64::from(START) + 3 + SLOT_S;
    let at = Millis::from_seconds(now);
    let keys = Input::Keys(vec![Signer::new(1).public()]);
    let outputs = node.handle(at, keys).expect("storage works");
    let proposal = outputs.into_iter().find_map(|output| match output {
        Output::BuildBlock(proposal) => Some(proposal),
        _ => None,
    });
    let proposal = proposal.expect("the only delegate leads every slot");
    let first = build(&node, &proposal, now, 1);
    let second = build(&node, &proposal, now, 2);
    let stranger = {
        let mut seal = proposal.seal.clone();
        seal.key = Signer::new(9).public();
        let template = unsealed(&node, Some(proposal.time), now);
        Signer::new(9).seal(&template, &seal, &spec())
    };
    let refusal = submit(&mut node, &stranger, now).expect_err("it has no seat");
    assert_eq!(refusal.code, "bad-seal-proposer");
    assert_eq!(submit(&mut node, &first, now), Ok(Placement::Active));
    assert_eq!(submit(&mut node, &second, now), Ok(Placement::Side));
    assert_eq!(node.view().hash, first.hash());
}
