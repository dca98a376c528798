//! Delegates that are away, cut off, or cheat.

use synod_engine::{Engine, FinalBlock, HeaderError, Input};
use synod_engine_dpos::DelegateState;
use synod_primitives::Height;
use synod_seal::{Slot, StakeChange, find_seal};

use crate::kit::{Random, seeds, vote};
use crate::world::World;

#[test]
fn with_a_third_away_the_chain_goes_on_nothing_is_final_and_it_recovers() {
    let mut world = World::new(21, 21, 21);
    world.run_to_slot(3 * 21);
    let (height, last) = (world.nodes[0].height(), world.nodes[0].final_height());
    // 14 are left, 15 are a quorum.
    world.groups[14..].fill(0);
    world.run_to_slot(7 * 21);
    let node = &world.nodes[0];
    assert_eq!(
        node.height(),
        height + 4 * 14,
        "two of three slots have a block"
    );
    let stopped = node.final_height();
    assert!(
        stopped < height,
        "what was sealed while all were there, at most"
    );
    assert!(stopped >= last);
    world.run_to_slot(8 * 21);
    assert_eq!(world.nodes[0].final_height(), stopped);
    world.heal();
    world.run_to_slot(12 * 21);
    world.check_finals_agree();
    let tip = world.nodes[0].height();
    assert!(tip - world.nodes[0].final_height() < 29 + 13);
    assert!(
        world
            .nodes
            .iter()
            .all(|it| it.tip() == world.nodes[0].tip())
    );
}

#[test]
fn a_partition_heals_without_a_final_block_reverted() {
    // 5 of 7 are a quorum: in the first split nobody has it, in the second one side.
    for (seed, left) in [(1, 4), (2, 5)] {
        let mut world = World::new(7, 7, seed);
        world.run_to_slot(35);
        let before = world.nodes[0].final_height();
        for (node, group) in world.groups.iter_mut().enumerate() {
            *group = if node < left { 1 } else { 2 };
        }
        world.run_to_slot(35 + 140);
        let finals = [world.nodes[0].final_height(), world.nodes[6].final_height()];
        let split_at = 35 + 2;
        assert!(finals[1] < split_at && finals[1] >= before);
        assert_eq!(finals[0] > split_at + 60, left == 5, "{finals:?}");
        assert_ne!(world.nodes[0].tip(), world.nodes[6].tip());
        world.heal();
        world.run_to_slot(35 + 140 + 42);
        world.check_finals_agree();
        let tip = world.nodes[0].tip();
        assert!(world.nodes.iter().all(|it| it.tip() == tip));
        let lag = world.nodes[0].height() - world.nodes[0].final_height();
        assert!(lag <= 9 + 6, "{lag}");
        assert!(world.nodes[6].deepest_reorg > 20);
        assert!(world.accused.is_empty());
    }
}

/// Groups change at random, then all hear each other again. A node panics when a final block
/// leaves its chain.
#[test]
fn no_final_block_is_reverted_by_random_partitions_over_many_seeds() {
    for seed in 100..100 + seeds(6) {
        let mut world = World::new(7, 7, seed);
        let mut random = Random(seed | 1);
        world.run_to_slot(14);
        for phase in 1..=6 {
            let groups = (0..7).map(|_| 1 + u32::from(random.below(3) == 0));
            world.regroup(groups.collect());
            world.run_to_slot(14 + phase * 14);
            world.check_finals_agree();
        }
        let apart = world.nodes[0].final_height();
        world.heal();
        world.run_to_slot(14 + 6 * 14 + 84);
        world.check_finals_agree();
        let tip = world.nodes[0].tip();
        assert!(world.nodes.iter().all(|it| it.tip() == tip), "seed {seed}");
        assert!(world.nodes[0].final_height() > apart + 14, "seed {seed}");
        assert!(world.accused.is_empty(), "seed {seed}");
    }
}

/// Were misses counted on either side, each side would bench the other after 12 rounds, seat
/// its own standbys and make blocks final that contradict the other side's.
#[test]
fn a_partition_longer_than_the_bench_makes_no_side_final_on_its_own() {
    let mut world = World::new(7, 14, 6);
    world.run_to_slot(35);
    // Both sides have seven delegates: seated ones and standbys.
    for (node, group) in world.groups.iter_mut().enumerate() {
        *group = 1 + u32::from(node % 2 == 0);
    }
    let seated: Vec<_> = world.nodes[0].engine.standings().collect();
    let seated = seated
        .iter()
        .take(7)
        .map(|it| world.index_of(it.delegate) % 2);
    let odd: usize = seated.sum();
    assert!(
        (3..=4).contains(&odd),
        "{odd} of 7 on one side: no side has five"
    );
    world.run_to_slot(35 + 7 * 40);
    for node in [0, 1] {
        assert!(world.nodes[node].final_height() <= 35 + 2);
        let states = world.nodes[node].engine.standings();
        let is_benched = |state| matches!(state, DelegateState::Benched(_));
        assert!(!states.into_iter().any(|it| is_benched(it.state)));
    }
    world.heal();
    // The blocks of those who sealed higher on the branch that was left are no votes until
    // the chain has grown past that height.
    world.run_to_slot(35 + 7 * 40 + 7 * 14);
    world.check_finals_agree();
    assert!(world.nodes[0].final_height() > 35 + 7 * 20);
}

#[test]
fn s15_a_delegate_that_stays_away_is_benched_a_standby_takes_its_seat_and_renewal_brings_it_back() {
    let mut world = World::new(4, 5, 8);
    let by_rank: Vec<_> = world.nodes[0].engine.standings().collect();
    let absent = world.index_of(by_rank[0].delegate);
    let standby = world.index_of(by_rank[4].delegate);
    let seated = |world: &World, index: usize, slot: u64| {
        let round = world.nodes[standby].engine.round_at(Slot(slot));
        round.expect("known").has_seat(&world.keys[index].delegate)
    };
    assert!(seated(&world, absent, 1) && !seated(&world, standby, 1));
    world.groups[absent] = 0;
    // 12 misses take 12 rounds; three are left, a quorum, and their blocks become final.
    world.run_to_slot(4 * 12);
    assert!(seated(&world, absent, 4 * 12 + 1));
    world.run_to_slot(4 * 18);
    assert!(!seated(&world, absent, 4 * 18 + 1), "benched");
    assert!(seated(&world, standby, 4 * 18 + 1), "the standby sits");
    let node = &world.nodes[standby];
    let standing = node.engine.standings().next().expect("still the best");
    assert!(matches!(standing.state, DelegateState::Benched(_)));
    assert_eq!((standing.made, standing.missed >= 12), (0, true));
    // Its slots were empty, no one else's: the four others never missed one.
    assert!(node.engine.standings().skip(1).all(|it| it.missed == 0));
    // Time alone does not bring it back, nor does the node's return.
    world.heal();
    world.run_to_slot(4 * 50);
    assert!(!seated(&world, absent, 4 * 50 + 1));
    // The owner renews the registration: the old output is spent, a new one made.
    let mut renewed = world.keys[absent].registration(900);
    renewed.1.amount = vote(0, world.keys[absent].delegate, crate::kit::BOND)
        .1
        .amount;
    let renewal = StakeChange {
        created: vec![renewed],
        spent: vec![crate::kit::outpoint(
            u32::try_from(absent).expect("small") + 1,
        )],
        ..StakeChange::default()
    };
    world.stake.push((4 * 50 + 1, renewal));
    world.run_to_slot(4 * 54);
    assert!(
        seated(&world, absent, 4 * 54 + 1),
        "two rounds later it sits again"
    );
    assert!(!seated(&world, standby, 4 * 54 + 1));
    world.run_to_slot(4 * 60);
    assert!(world.blocks_by_delegate(standby)[absent] >= 5);
    world.check_finals_agree();
}

#[test]
fn an_equivocator_yields_evidence_and_is_expelled() {
    let mut world = World::new(7, 8, 13);
    let best = world.nodes[0]
        .engine
        .standings()
        .next()
        .expect("candidates");
    let guilty = world.index_of(best.delegate);
    world.equivocator = Some(guilty);
    world.run_to_slot(21);
    let accusers = world.accused.iter().filter(|(_, it)| *it == best.delegate);
    assert_eq!(accusers.count(), 8, "everybody saw both blocks");
    assert!(world.accused.iter().all(|(_, it)| *it == best.delegate));
    world.slash(best.delegate, u32::try_from(guilty).expect("small") + 1);
    world.run_to_slot(28);
    let before = world.blocks_by_delegate(0)[guilty];
    world.run_to_slot(28 + 14);
    let round = world.nodes[0]
        .engine
        .round_at(Slot(28 + 15))
        .expect("known");
    assert!(!round.has_seat(&best.delegate));
    assert_eq!(round.seats().len(), 7, "a standby sits there");
    world.run_to_slot(28 + 42);
    assert_eq!(world.blocks_by_delegate(0)[guilty], before);
    world.check_finals_agree();
    let lag = world.nodes[0].height() - world.nodes[0].final_height();
    assert!(lag <= 9 + 6, "{lag}");
}

/// S15: a delegate that keeps its blocks back and shows them later has only lost its turns.
#[test]
fn s15_a_block_withheld_and_shown_late_moves_no_tip_and_leaves_an_empty_slot() {
    let mut world = World::new(7, 7, 17);
    world.withholder = Some(3);
    world.run_to_slot(7 * 3);
    let node = &world.nodes[0];
    assert_eq!(node.height(), 2 + 6 * 3, "six of seven slots have a block");
    assert_eq!(world.blocks_by_delegate(0)[3], 0);
    let mut withheld = world.withheld.clone();
    assert_eq!(withheld.len(), 3);
    let tip = node.tip();
    // One whose turn nobody has followed yet would only be late.
    withheld.retain(|hash| world.blocks[hash].stored.height.0 <= node.height());
    assert!(withheld.len() >= 2);
    for hash in withheld {
        for to in [0, 1, 2] {
            world.deliver(to, 3, hash);
            assert_eq!(world.nodes[to].tip(), tip);
        }
    }
    // A prevote is a block that others build on: these count for nothing.
    world.run_to_slot(7 * 8);
    assert_eq!(world.blocks_by_delegate(0)[3], 0);
    assert!(world.nodes[0].final_height() > 2 + 6 * 3);
    let standing = world.nodes[0].engine.standings();
    let standing = standing
        .into_iter()
        .find(|it| it.delegate == world.keys[3].delegate);
    let standing = standing.expect("a candidate");
    assert!(standing.made == 0 && standing.missed >= 5, "{standing:?}");
    world.check_finals_agree();
}

/// S08: of two branches that are equally good a delegate extends the one that it follows, with
/// one block a slot, and its blocks on both are evidence.
#[test]
fn s08_a_delegate_that_is_shown_two_equal_forks_seals_on_one_of_them() {
    let mut world = World::new(4, 4, 19);
    world.run_to_slot(8);
    let slot = 9;
    let round = world.nodes[0].engine.round_at(Slot(slot)).expect("known");
    let leader = world.index_of(round.leader(Slot(slot)).expect("a seat").delegate);
    world.equivocator = Some(leader);
    world.run_to_slot(slot);
    world.equivocator = None;
    world.run_to_slot(40);
    world.check_finals_agree();
    let mut by_slot = std::collections::BTreeMap::<_, u32>::new();
    for known in world.blocks.values() {
        let seal = find_seal(&known.stored.coinbase).expect("a seal");
        *by_slot.entry((seal.mode, seal.slot, seal.key)).or_default() += 1;
    }
    let twice = by_slot.iter().filter(|(_, count)| **count > 1);
    let twice: Vec<_> = twice.map(|((_, slot, key), _)| (slot.0, *key)).collect();
    assert_eq!(twice, [(slot, world.keys[leader].public)]);
    assert!(
        world
            .nodes
            .iter()
            .all(|it| it.tip() == world.nodes[0].tip())
    );
    // Everybody who had both decides the same way, in whatever order they came.
    let ends: Vec<_> = world.blocks.keys().collect();
    let node = &world.nodes[0];
    for a in &ends {
        for b in &ends {
            let (a, b) = (node.end(**a, &world.blocks), node.end(**b, &world.blocks));
            assert!(!(node.engine.prefers(&a, &b) && node.engine.prefers(&b, &a)));
        }
    }
}

#[test]
fn a_branch_below_the_final_block_is_never_preferred_however_long_it_is() {
    let mut world = World::new(4, 4, 23);
    world.run_to_slot(6);
    let old = world.nodes[3].tip();
    world.groups[3] = 2;
    world.run_to_slot(60);
    let node = &world.nodes[0];
    assert!(node.final_height() > 10);
    let last = node.engine.finalized().expect("final");
    assert_ne!(
        last,
        FinalBlock {
            height: Height(0),
            hash: old
        }
    );
    // Node 3 sealed alone, on top of a block far below what is final now.
    let alone = world.nodes[3].tip();
    let mut boast = node.end(alone, &world.blocks);
    boast.height = Height(1_000_000);
    let active = node.end(node.tip(), &world.blocks);
    assert!(!node.engine.prefers(&boast, &active));
    world.deliver(0, 3, alone);
    assert_eq!(world.nodes[0].tip(), active.hash);
}

#[test]
fn a_guilty_delegates_block_is_refused_in_the_seat_that_it_still_has() {
    let mut world = World::new(4, 4, 29);
    world.run_to_slot(8);
    let guilty = world.keys[0].delegate;
    world.slash(guilty, 1);
    world.run_to_slot(9);
    let count = world.blocks_by_delegate(0)[0];
    world.run_to_slot(16);
    assert_eq!(world.blocks_by_delegate(0)[0], count);
    let slot = (10..=24).map(Slot).find(|slot| {
        let round = world.nodes[0].engine.round_at(*slot);
        let seat = round.as_ref().and_then(|it| it.leader(*slot));
        seat.is_some_and(|seat| seat.delegate == guilty)
    });
    // Its last seats are those of the round after the one in which it was slashed.
    if let Some(slot) = slot {
        let refused = HeaderError::Proposer;
        assert!(slot < Slot(17), "{refused}: it has no seat any more");
    }
}

/// S17: a block of a benched delegate is refused before it is stored, and no vote.
#[test]
fn s17_a_benched_delegates_block_is_refused_and_its_evidence_still_counts() {
    let mut world = World::new(4, 5, 31);
    let best = world.nodes[0].engine.standings().next();
    let benched = world.index_of(best.expect("candidates").delegate);
    let other = (benched + 1) % 5;
    world.groups[benched] = 0;
    world.run_to_slot(4 * 18);
    let slot = world.slot() + 1;
    let node = &world.nodes[other];
    let round = node.engine.round_at(Slot(slot)).expect("known");
    assert!(!round.has_seat(&world.keys[benched].delegate));
    let key = &world.keys[benched];
    let time = world.settings.slot_time(Slot(slot)).expect("in range");
    let blocks = [0, 1].map(|salt| {
        let mut seal = key.seal(slot);
        seal.prevoted = node.engine.prevoted();
        key.block(node.tip(), node.height() + 1, time, &seal, salt)
    });
    let tip = node.tip();
    let hashes = blocks.each_ref().map(|block| world.know(block));
    for hash in hashes {
        world.deliver(other, other, hash);
        let refused = world.nodes[other].refused.get(&hash);
        assert_eq!(refused, Some(&HeaderError::Proposer));
    }
    assert_eq!(world.nodes[other].tip(), tip);
    // It sealed two blocks for one slot all the same: whoever shows them is believed.
    let statement = |block: &synod_primitives::Block| {
        let sealed = synod_seal::SealedHeader::of_block(block);
        synod_seal::Statement::Block(Box::new(sealed.expect("a coinbase")))
    };
    let evidence = synod_seal::Evidence {
        first: statement(&blocks[0]),
        second: statement(&blocks[1]),
    };
    let delegate = world.keys[benched].delegate;
    world.feed(other, Input::Evidence(Box::new(evidence)));
    assert!(world.accused.contains(&(other, delegate)));
}
