//! What a seal must show, and the code of each rule.

use synod_engine::{Ancestry, Engine, HeaderError, Input, Millis, Output, StoredBlock};
use synod_engine_dpos::DelegatedStake;
use synod_primitives::{Block, Header, Height};
use synod_seal::{Mode, Seal, Slot, find_seal};

use crate::kit::{Key, bootstrap_key};
use crate::world::World;

struct Parent(Header);

impl Ancestry for Parent {
    fn header_at(&self, _: Height) -> Option<Header> {
        Some(self.0)
    }
}

fn alone(world: &World, block: &Block) -> Result<(), HeaderError> {
    let engine = &world.nodes[0].engine;
    engine.check_header_alone(block.header(), &engine.proof_of(block))
}

fn in_place(world: &World, block: &Block, height: u32) -> Result<(), HeaderError> {
    let engine = &world.nodes[0].engine;
    let parent = world.blocks[&block.header().previous_block_hash]
        .stored
        .header;
    let proof = engine.proof_of(block);
    engine.check_header(block.header(), &proof, Height(height), &Parent(parent))
}

fn entitled(world: &World, block: &Block, height: u32) -> Result<(), HeaderError> {
    let stored = StoredBlock::new(block, Height(height)).expect("a coinbase");
    world.nodes[0].engine.check_proposer(&stored)
}

/// The seal that the leader of `slot` would make on node 0's tip.
fn honest(world: &World, slot: u64) -> (&Key, Seal) {
    let engine: &DelegatedStake = &world.nodes[0].engine;
    let round = engine.round_at(Slot(slot)).expect("known");
    let seat = *round.leader(Slot(slot)).expect("a seat");
    let key = &world.keys[world.index_of(seat.delegate)];
    let blocks = world.nodes[0].active.iter().skip(3);
    let own = blocks
        .map(|hash| &world.blocks[hash].stored)
        .filter(|stored| find_seal(&stored.coinbase).expect("a seal").key == key.public);
    let last = own.clone().next_back();
    let mut seal = key.seal(slot);
    seal.reveal = key
        .reveals
        .reveal(u32::try_from(own.count()).expect("small"))
        .expect("left");
    seal.previously_sealed = last.map_or(Height(0), |it| it.height);
    seal.prevoted = engine.prevoted();
    (key, seal)
}

fn time(world: &World, slot: u64) -> u32 {
    world.settings.slot_time(Slot(slot)).expect("in range")
}

/// Seals for slot 11 on node 0's tip after ten slots, with a change.
fn changed(world: &World, change: impl Fn(&mut Seal)) -> (Block, u32) {
    let (key, mut seal) = honest(world, 11);
    change(&mut seal);
    let height = world.nodes[0].height() + 1;
    let block = key.block(world.nodes[0].tip(), height, time(world, 11), &seal, 9);
    (block, height)
}

fn world() -> World {
    let mut world = World::new(4, 5, 31);
    world.run_to_slot(10);
    world
}

#[test]
fn the_leaders_block_is_taken_and_every_other_statement_has_its_code() {
    let world = world();
    let (block, height) = changed(&world, |_| {});
    assert_eq!(alone(&world, &block), Ok(()));
    assert_eq!(in_place(&world, &block, height), Ok(()));
    assert_eq!(entitled(&world, &block, height), Ok(()));
    let code = |change: &dyn Fn(&mut Seal)| {
        let (block, height) = changed(&world, change);
        let checks = alone(&world, &block)
            .and_then(|()| in_place(&world, &block, height))
            .and_then(|()| entitled(&world, &block, height));
        checks.expect_err("a rule is broken").code()
    };
    assert_eq!(code(&|seal| seal.mode = Mode::Pos), "bad-seal-mode");
    assert_eq!(code(&|seal| seal.mode = Mode::Bootstrap), "bad-seal-mode");
    assert_eq!(code(&|seal| seal.round = 1), "bad-seal-section");
    assert_eq!(code(&|seal| seal.slot = Slot(12)), "bad-seal-slot");
    assert_eq!(code(&|seal| seal.slot = Slot(0)), "bad-seal-slot");
    assert_eq!(code(&|seal| seal.slot = Slot(u64::MAX)), "bad-seal-slot");
    assert_eq!(code(&|seal| seal.reveal[0] ^= 1), "bad-seal-reveal");
    assert_eq!(code(&|seal| seal.prevoted.0 += 1), "bad-seal-statement");
    assert_eq!(code(&|seal| seal.prevoted.0 -= 1), "bad-seal-statement");
    let at_itself = |seal: &mut Seal| seal.prevoted = Height(height);
    assert_eq!(code(&at_itself), "bad-seal-statement");
    // What was sealed elsewhere may be higher, but not less than what this chain shows.
    assert_eq!(
        code(&|seal| seal.previously_sealed.0 -= 1),
        "bad-seal-statement"
    );
    let (block, height) = changed(&world, |seal| seal.previously_sealed.0 += 1);
    assert_eq!(entitled(&world, &block, height), Ok(()));
}

#[test]
fn a_key_without_the_slot_is_refused_before_its_block_is_stored() {
    let world = world();
    let (leader, seal) = honest(&world, 11);
    let height = world.nodes[0].height() + 1;
    for key in world.keys.iter().filter(|it| it.public != leader.public) {
        let seal = Seal {
            key: key.public,
            prevoted: Height(height - 1),
            ..seal.clone()
        };
        let block = key.block(world.nodes[0].tip(), height, time(&world, 11), &seal, 0);
        assert_eq!(alone(&world, &block), Ok(()));
        let error = in_place(&world, &block, height).expect_err("not its slot");
        assert_eq!(error.code(), "bad-seal-proposer");
        assert_eq!(entitled(&world, &block, height), Err(error));
    }
}

#[test]
fn a_slot_comes_once_on_a_chain_and_the_height_is_the_one_stated() {
    let world = world();
    let tip = world.nodes[0].tip();
    let height = world.nodes[0].height() + 1;
    let (key, seal) = honest(&world, 11);
    // Slot 10 again, on top of the block of slot 10.
    let again = Seal {
        slot: Slot(10),
        ..seal.clone()
    };
    let block = key.block(tip, height, time(&world, 10), &again, 0);
    let error = in_place(&world, &block, height).expect_err("the slot is used");
    assert_eq!(error.code(), "bad-seal-slot");
    assert_eq!(entitled(&world, &block, height), Err(error));
    let block = key.block(tip, height + 1, time(&world, 11), &seal, 0);
    let error = in_place(&world, &block, height).expect_err("another height");
    assert_eq!(error.code(), "bad-seal-height");
}

#[test]
fn a_bootstrap_block_is_the_bootstrap_keys_at_its_height_and_time() {
    let world = World::new(4, 4, 1);
    let start = world.settings.bootstrap_time;
    let check = |key: &Key, height: u32, slot: u64, time: u32| {
        let mut seal = key.seal(slot);
        seal.mode = Mode::Bootstrap;
        let block = key.block(world.settings.genesis, height, time, &seal, 0);
        let engine = &world.nodes[0].engine;
        let genesis = *synod_chainspec::genesis_block().header();
        let proof = engine.proof_of(&block);
        alone(&world, &block).and_then(|()| {
            engine.check_header(block.header(), &proof, Height(height), &Parent(genesis))
        })
    };
    assert_eq!(check(&bootstrap_key(), 1, 1, start + 1), Ok(()));
    let code = |result: Result<(), HeaderError>| result.expect_err("a rule is broken").code();
    assert_eq!(
        code(check(&world.keys[0], 1, 1, start + 1)),
        "bad-seal-proposer"
    );
    assert_eq!(
        code(check(&bootstrap_key(), 1, 2, start + 1)),
        "bad-seal-slot"
    );
    assert_eq!(
        code(check(&bootstrap_key(), 1, 1, start + 2)),
        "bad-bootstrap-time"
    );
    assert_eq!(
        code(check(&bootstrap_key(), 3, 3, start + 3)),
        "bad-seal-mode"
    );
}

#[test]
fn a_block_that_comes_before_its_slot_waits_for_it() {
    let mut world = world();
    let (block, height) = changed(&world, |_| {});
    let stored = StoredBlock::new(&block, Height(height)).expect("a coinbase");
    let hash = stored.hash;
    let begins = Millis::from_seconds(time(&world, 11).into());
    assert!(world.now < begins);
    world.know(&block);
    let engine = &mut world.nodes[0].engine;
    let outputs = engine.handle(Millis(begins.0 - 500), Input::Stored(stored.into()));
    let timer = outputs.iter().find_map(|it| match it {
        Output::SetTimer { id, at } if *at == begins => Some(*id),
        _ => None,
    });
    let timer = timer.expect("a timer for its slot");
    let node = &world.nodes[0];
    let (new, old) = (
        node.end(hash, &world.blocks),
        node.end(node.tip(), &world.blocks),
    );
    assert!(!node.engine.prefers(&new, &old));
    let engine = &mut world.nodes[0].engine;
    let outputs = engine.handle(begins, Input::Timer(timer));
    assert!(outputs.contains(&Output::Connect(hash)));
    let node = &world.nodes[0];
    assert!(node.engine.prefers(&new, &old));
}

#[test]
fn a_leaders_block_that_states_what_is_false_is_rejected_and_the_tip_stays() {
    let mut world = world();
    let tip = world.nodes[0].tip();
    let (block, height) = changed(&world, |seal| seal.reveal[0] ^= 1);
    world.now = Millis::from_seconds(time(&world, 11).into());
    let hash = world.know(&block);
    let held = world.nodes[0].engine.held_items();
    // Its seat is right, so it is stored; only connecting shows the reveal.
    world.deliver(0, 1, hash);
    let node = &world.nodes[0];
    assert_eq!(node.tip(), tip);
    assert_eq!(node.refused.get(&hash), Some(&HeaderError::Reveal));
    let rejected = node
        .script
        .iter()
        .filter(|(_, input)| *input == Input::Rejected(hash));
    assert_eq!(rejected.count(), 1);
    assert!(
        node.engine.held_items() <= held + 1,
        "watched, and nothing else"
    );
    let (new, old) = (node.end(hash, &world.blocks), node.end(tip, &world.blocks));
    assert!(!node.engine.prefers(&new, &old));
    assert_eq!(new.height, Height(height));
    // The chain goes on without it.
    world.run_to_slot(16);
    assert_eq!(world.nodes[0].height(), height - 1 + 6);
    assert!(
        world
            .nodes
            .iter()
            .all(|it| it.tip() == world.nodes[0].tip())
    );
}
