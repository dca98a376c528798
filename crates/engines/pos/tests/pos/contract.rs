//! The contract of engines, on what happened to a node of a real run.

use bytes::Bytes;
use proptest::prelude::*;
use synod_chainspec::genesis_block;
use synod_engine::contract::{self, Script};
use synod_engine::{BranchEnd, Engine, Input};
use synod_engine_pos::ProofOfStake;
use synod_primitives::{BlockHash, Height, Work};
use synod_seal::{Checkpoint, Epoch, VoteLink};

use crate::kit::{Validator, mix, spec};
use crate::network::Network;

const AMOUNTS: [u64; 4] = [20, 20, 20, 20];

fn engine() -> Box<dyn Engine> {
    let engine = ProofOfStake::new(&spec(&AMOUNTS), genesis_block().hash());
    Box::new(engine.expect("a spec of engine pos"))
}

/// What happened to one node: an epoch together, two apart, two together again.
fn script() -> Script {
    let mut network = Network::new(&AMOUNTS, 11);
    network.run_epochs(2);
    network.groups = vec![0, 0, 1, 1];
    network.run_epochs(2);
    network.heal();
    network.run_epochs(2);
    let is_wanted = |script: &Script| {
        let has = |wanted: fn(&Input) -> bool| script.iter().any(|(_, input)| wanted(input));
        has(|it| matches!(it, Input::Disconnected(_)))
            && has(|it| matches!(it, Input::Voted(_)))
            && has(|it| matches!(it, Input::Template { .. }))
    };
    let scripts = network.nodes.into_iter().map(|node| node.script);
    let mut left_a_branch = scripts.filter(is_wanted);
    left_a_branch.next().expect("a node has left its branch")
}

#[test]
fn two_runs_of_one_script_are_the_same() {
    contract::check_determinism(&engine, &script());
}

#[test]
fn a_start_at_any_point_keeps_every_promise() {
    contract::check_restart_at_every_point(&engine, &script());
}

#[test]
fn lost_repeated_and_late_messages_break_no_promise() {
    contract::check_disturbed_messages(&engine, &script(), 12, 6);
}

#[test]
fn a_flood_of_votes_and_junk_stays_within_the_limit() {
    let id = spec(&AMOUNTS).chain_id().0;
    let checkpoint = |epoch, salt: u64| Checkpoint {
        epoch: Epoch(epoch),
        hash: BlockHash::from_bytes([salt.to_le_bytes()[0]; 32]),
    };
    let vote = |number: u64| {
        let seed = 1 + mix(1, number).to_le_bytes()[0] % 9;
        let link = VoteLink {
            source: checkpoint(0, number % 7),
            target: checkpoint(1 + number % 200, number),
        };
        let vote = Validator::new(seed).vote(link, &id);
        Bytes::from([&[1][..], &vote.encode()].concat())
    };
    let junk = |number: u64| Bytes::from(vec![number.to_le_bytes()[0]; (number % 300) as usize]);
    let messages = (0..400).flat_map(|number| [vote(number), junk(number)]);
    // Two validators alone can make nothing final, whatever they say.
    contract::check_flood(&engine, &quiet_script(), messages);
}

/// A node that has heard nobody.
fn quiet_script() -> Script {
    let mut network = Network::new(&AMOUNTS, 13);
    network.groups = vec![0, 1, 2, 3];
    network.run_epochs(3);
    network.nodes.remove(0).script
}

fn ends(script: &Script) -> Vec<(BlockHash, Height)> {
    let stored = script.iter().filter_map(|(_, input)| match input {
        Input::Stored(block) => Some((block.hash, block.height)),
        _ => None,
    });
    stored.collect()
}

#[test]
fn fork_choice_is_a_strict_order_over_the_blocks_of_a_run() {
    let script = script();
    let mut engine = engine();
    for (now, input) in &script {
        engine.handle(*now, input.clone());
    }
    let branch_end = |(arrival, (hash, height)): (u64, (BlockHash, Height))| BranchEnd {
        hash,
        height,
        chainwork: Work::ZERO,
        block_work: Work::ZERO,
        arrival,
    };
    let all: Vec<BranchEnd> = (0..).zip(ends(&script)).map(branch_end).collect();
    contract::check_fork_choice_is_a_strict_order(&*engine, &all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_message_makes_the_engine_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut engine = engine();
        let message = Input::Message { from: synod_engine::PeerId(1), bytes: bytes.into() };
        let now = synod_engine::Millis::default();
        engine.handle(now, Input::Restart { records: Vec::new() });
        engine.handle(now, message);
        prop_assert_eq!(engine.held_items(), 0);
    }
}
