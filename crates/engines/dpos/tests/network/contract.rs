//! The contract of engines, on what happened to a node in a network with every kind of fault.

use bytes::Bytes;
use synod_engine::{BranchEnd, Engine, Input, Millis, Output, contract};
use synod_engine_dpos::{DelegatedStake, MAX_REPORTED_KEYS};
use synod_primitives::{BlockHash, Height, Work};
use synod_seal::{Evidence, Statement};

use crate::kit::{Key, Random, settings};
use crate::node::Node;
use crate::world::{Weather, World};

/// A network whose first node has seen forks, an equivocator, and finality.
fn eventful(slots: u64) -> World {
    let mut world = World::new(4, 4, 37);
    world.weather = Weather {
        loss_percent: 10,
        delay_ms: 3_300,
    };
    world.equivocator = Some(2);
    world.run_to_slot(slots);
    assert!(world.nodes[0].deepest_reorg > 0);
    assert!(world.nodes[0].finals.len() > 3);
    world
}

fn new() -> Box<dyn Engine> {
    Box::new(DelegatedStake::new(settings(4)))
}

#[test]
fn it_keeps_the_contract_of_engines() {
    let world = eventful(28);
    let script = &world.nodes[0].script;
    contract::check_determinism(&new, script);
    contract::check_disturbed_messages(&new, script, 7, 4);
    contract::check_restart_at_every_point(&new, script);
    let mut random = Random(5);
    let junk = (0..2_000).map(|_| {
        let length = random.below(300);
        let bytes = (0..length).map(|_| u8::try_from(random.below(256)).expect("a byte"));
        Bytes::from_iter(bytes)
    });
    contract::check_flood(&new, script, junk);
}

#[test]
fn fork_choice_keeps_the_contract_over_all_blocks_of_a_run() {
    let world = eventful(40);
    let node: &Node = &world.nodes[0];
    let mut ends: Vec<BranchEnd> = world
        .blocks
        .keys()
        .map(|hash| node.end(*hash, &world.blocks))
        .collect();
    for salt in 0..5 {
        ends.push(BranchEnd {
            hash: BlockHash::from_bytes([salt; 32]),
            height: Height(u32::MAX),
            chainwork: Work::ZERO,
            block_work: Work::ZERO,
            arrival: u64::from(salt),
        });
    }
    contract::check_fork_choice_is_a_strict_order(&node.engine, &ends);
    let active = node.end(node.tip(), &world.blocks);
    assert!(
        ends.iter().all(|it| !node.engine.prefers(it, &active)),
        "the best is active"
    );
}

#[test]
fn evidence_is_checked_reported_once_and_strangers_cannot_fill_the_list() {
    let mut world = World::new(4, 4, 41);
    world.run_to_slot(6);
    let pair = |key: &Key| {
        let block = |salt| {
            let mut seal = key.seal(50);
            seal.prevoted = Height(2);
            key.block(world.settings.genesis, 9, 1_900_000_000, &seal, salt)
        };
        let statement = |salt| {
            let sealed = synod_seal::SealedHeader::of_block(&block(salt)).expect("a block");
            Statement::Block(Box::new(sealed))
        };
        Box::new(Evidence {
            first: statement(1),
            second: statement(2),
        })
    };
    let good = pair(&world.keys[1]);
    let same = Box::new(Evidence {
        first: good.first.clone(),
        second: good.first.clone(),
    });
    let strangers: Vec<_> = (100..140).map(|seed| pair(&Key::new(seed))).collect();
    let now = world.now;
    let engine = &mut world.nodes[0].engine;
    let held = engine.held_items();
    for evidence in strangers.into_iter().chain([same]) {
        assert_eq!(engine.handle(now, Input::Evidence(evidence)), []);
    }
    assert_eq!(engine.held_items(), held);
    let outputs = engine.handle(now, Input::Evidence(good.clone()));
    assert_eq!(outputs, [Output::Misbehaviour(good.clone())]);
    assert_eq!(engine.handle(now, Input::Evidence(good)), []);
    assert!(engine.max_held_items() <= MAX_REPORTED_KEYS);
}

#[test]
fn memory_follows_what_is_stored_above_the_final_block_and_not_the_length_of_the_chain() {
    let held_after = |slots| {
        let mut world = World::new(4, 4, 43);
        world.run_to_slot(slots);
        world.nodes[0].engine.held_items()
    };
    let (early, late) = (held_after(60), held_after(300));
    assert!(late <= early + 8, "{early} items, then {late}");
}

#[test]
fn a_clock_that_jumps_back_across_a_sealed_slot_seals_nothing_twice() {
    let mut world = World::new(1, 1, 47);
    world.run_to_slot(10);
    let node = &mut world.nodes[0];
    let height = node.height();
    for back in 1..40 {
        let now = Millis(world.now.0 - back * 1_000);
        let wishes = node.feed(now, Input::Keys(node.keys.clone()), &world.blocks);
        assert!(
            wishes
                .iter()
                .all(|it| matches!(it, crate::node::Wish::Timer(..)))
        );
    }
    assert_eq!(world.nodes[0].height(), height);
}
