//! Elections.

use synod_seal::{Slot, StakeChange};

use crate::kit::vote;
use crate::world::World;

fn seated(world: &World, slot: u64) -> Vec<usize> {
    let round = world.nodes[0].engine.round_at(Slot(slot)).expect("known");
    let seats = round.seats().iter();
    seats.map(|seat| world.index_of(seat.delegate)).collect()
}

#[test]
fn s14_equal_votes_are_ranked_by_the_smaller_hash_on_every_node() {
    let world = World::new(4, 9, 1);
    let mut by_hash: Vec<usize> = (0..9).collect();
    by_hash.sort_by_key(|index| world.keys[*index].delegate);
    assert_eq!(seated(&world, 1), by_hash[..4]);
    for node in &world.nodes {
        let ranks: Vec<_> = node
            .engine
            .standings()
            .map(|it| (it.rank, it.delegate))
            .collect();
        let expected = (1..).zip(by_hash.iter().map(|index| world.keys[*index].delegate));
        assert_eq!(ranks, expected.collect::<Vec<_>>());
    }
}

#[test]
fn s14_votes_moved_within_a_round_count_as_they_are_at_its_last_block_two_rounds_later() {
    let mut world = World::new(4, 6, 2);
    let ranked: Vec<_> = world.nodes[0].engine.standings().collect();
    let last = world.index_of(ranked[5].delegate);
    let fifth = world.index_of(ranked[4].delegate);
    // In round 1 (slots 5 to 8): a vote for the fifth, moved on to the last before it ends.
    let created = vec![vote(500, world.keys[fifth].delegate, 100)];
    world.stake.push((
        5,
        StakeChange {
            created,
            ..StakeChange::default()
        },
    ));
    let moved = StakeChange {
        created: vec![vote(501, world.keys[last].delegate, 100)],
        spent: vec![crate::kit::outpoint(500)],
        ..StakeChange::default()
    };
    world.stake.push((7, moved));
    world.run_to_slot(8);
    for slot in [5, 9] {
        let seats = seated(&world, slot);
        assert!(
            !seats.contains(&last) && !seats.contains(&fifth),
            "round of {slot}"
        );
    }
    world.run_to_slot(12);
    let seats = seated(&world, 13);
    assert_eq!(seats[0], last, "most votes, first seat");
    assert!(!seats.contains(&fifth));
    let supply = synod_primitives::Amount::from_sat(8 * crate::kit::BOND);
    let turnout = world.nodes[0].engine.turnout(supply);
    assert_eq!(turnout.voting_sat, 6 * 5_000_000_000 + 100);
    assert_eq!(turnout.millionths(), 750_000);
}

#[test]
fn a_network_with_fewer_delegates_than_seats_lets_them_take_turns() {
    let mut world = World::new(7, 3, 3);
    world.run_to_slot(70);
    assert_eq!(world.nodes[0].height(), 2 + 70);
    let counts = world.blocks_by_delegate(0);
    assert!(counts.iter().all(|it| (20..=30).contains(it)), "{counts:?}");
    // Three of three are the quorum.
    assert!(world.nodes[0].final_height() > 60);
    world.check_finals_agree();
}

#[test]
fn a_sole_delegate_makes_every_block_final_by_the_next() {
    let mut world = World::new(1, 1, 4);
    world.run_to_slot(20);
    assert_eq!(world.nodes[0].height(), 22);
    assert_eq!(world.nodes[0].final_height(), 21);
}

#[test]
fn where_the_last_candidate_leaves_the_seats_stay_as_they_were() {
    let mut world = World::new(4, 4, 5);
    let all = StakeChange {
        spent: (1..=4).map(crate::kit::outpoint).collect(),
        ..StakeChange::default()
    };
    world.stake.push((6, all));
    world.run_to_slot(40);
    assert_eq!(world.nodes[0].engine.standings().count(), 0);
    assert_eq!(world.nodes[0].height(), 42);
    world.check_finals_agree();
}

#[test]
fn a_new_anchor_takes_effect_two_rounds_after_it_was_registered() {
    // Security: could a delegate in its seat replace its hash chain, it could choose what it
    // reveals, and so the next order.
    let mut world = World::new(4, 4, 6);
    let mut renewed = world.keys[0].registration(700);
    renewed.1.anchor = Some([0xab; 32]);
    let change = StakeChange {
        created: vec![renewed],
        spent: vec![crate::kit::outpoint(1)],
        ..StakeChange::default()
    };
    world.stake.push((5, change));
    world.run_to_slot(8);
    let delegate = world.keys[0].delegate;
    let anchor = |slot| {
        let round = world.nodes[1].engine.round_at(Slot(slot)).expect("known");
        let seat = round.seats().iter().find(|it| it.delegate == delegate);
        seat.expect("a seat").anchor
    };
    assert_eq!(anchor(8), world.keys[0].reveals.anchor());
    assert_eq!(anchor(9), world.keys[0].reveals.anchor());
    assert_eq!(anchor(13), [0xab; 32]);
}
