//! What a healthy or badly wired network comes to.

use synod_engine::Engine;

use crate::kit::{BOND, BOOTSTRAP_BLOCKS, settings};
use crate::world::{Weather, World};

/// The sum of squared differences from the mean, over the mean, in thousandths.
fn chi_squared_thousandths(counts: &[u64]) -> u64 {
    let total: u64 = counts.iter().sum();
    let seats = counts.len() as u64;
    let squares = counts.iter().map(|it| (it * seats).abs_diff(total).pow(2));
    squares.sum::<u64>() * 1000 / (total * seats)
}

#[test]
fn twenty_one_delegates_seal_twenty_blocks_each_in_twenty_rounds() {
    let mut world = World::new(21, 21, 11);
    world.run_to_slot(20 * 21);
    assert_eq!(world.blocks_by_delegate(0), [20; 21]);
    assert_eq!(chi_squared_thousandths(&world.blocks_by_delegate(0)), 0);
    world.check_finals_agree();
    let tip = world.nodes[0].tip();
    for node in &world.nodes {
        assert_eq!(node.tip(), tip);
        assert_eq!(node.deepest_reorg, 0);
        // (T - 1) + T blocks on top at the least, with T = 15; shuffles add a few.
        let lag = node.height() - node.final_height();
        assert!((29..=29 + 13).contains(&lag), "{lag}");
        // From the end of the bootstrap on, and higher each time.
        assert_eq!(node.finals[0].height.0, BOOTSTRAP_BLOCKS);
        assert!(node.finals.is_sorted_by(|a, b| a.height < b.height));
    }
    assert!(world.accused.is_empty());
}

/// 25 candidates with 25 amounts of votes for 21 seats: the seats go by stake, and whoever sits
/// takes one turn a round.
#[test]
fn the_twenty_one_with_the_most_stake_share_the_blocks_of_twenty_rounds() {
    let votes: Vec<i64> = (0..25).map(|index| BOND + (index * 7) % 25).collect();
    let mut world = World::with_votes(settings(21), &votes, 4);
    world.weather.loss_percent = 5;
    world.run_to_slot(20 * 21);
    let counts = world.blocks_by_delegate(0);
    let mut by_stake: Vec<(i64, u64)> = votes.iter().copied().zip(counts).collect();
    by_stake.sort_unstable_by(|a, b| b.cmp(a));
    let (seated, left_out) = by_stake.split_at(21);
    let counts: Vec<u64> = seated.iter().map(|(_, blocks)| *blocks).collect();
    let chi_squared = chi_squared_thousandths(&counts);
    println!(
        "blocks by falling stake: {counts:?}, chi-squared {}.{:03} of 45.31",
        chi_squared / 1000,
        chi_squared % 1000
    );
    assert!(chi_squared < 45_310);
    assert!(counts.iter().sum::<u64>() > 20 * 21 * 3 / 4, "{counts:?}");
    assert!(
        left_out.iter().all(|(_, blocks)| *blocks == 0),
        "{left_out:?}"
    );
}

/// A tenth of the messages lost, a tenth twice, delays beyond a slot, so that blocks come in
/// another order than they were made. Chance passes 45.31 with 20 degrees of freedom once in a
/// thousand times.
#[test]
fn lost_repeated_and_reordered_messages_cost_blocks_but_neither_fairness_nor_agreement() {
    let mut world = World::new(21, 21, 3);
    world.weather = Weather {
        loss_percent: 10,
        delay_ms: 3_500,
    };
    world.run_to_slot(20 * 21);
    let counts = world.blocks_by_delegate(0);
    let total: u64 = counts.iter().sum();
    assert!(total > 20 * 21 / 2, "{total} blocks");
    assert!(chi_squared_thousandths(&counts) < 45_310, "{counts:?}");
    assert!(
        world.nodes.iter().any(|it| it.deepest_reorg > 0),
        "too calm a sea"
    );
    world.check_finals_agree();
    let finals = world.nodes.iter().map(crate::node::Node::final_height);
    assert!(finals.min().expect("nodes") > u32::try_from(total / 2).expect("small"));
    assert!(world.accused.is_empty(), "an honest delegate is accused");
}

#[test]
fn a_run_repeats_itself_exactly() {
    let play = || {
        let mut world = World::new(7, 7, 5);
        world.weather.loss_percent = 15;
        world.run_to_slot(80);
        let tips = world.nodes.iter().map(|it| (it.tip(), it.final_height()));
        tips.collect::<Vec<_>>()
    };
    assert_eq!(play(), play());
}

#[test]
fn a_node_that_joins_late_comes_to_the_same_state_from_the_same_blocks() {
    let mut world = World::new(7, 7, 9);
    world.groups[6] = 0;
    world.run_to_slot(60);
    assert_eq!(world.nodes[6].height(), BOOTSTRAP_BLOCKS);
    world.heal();
    world.run_to_slot(75);
    world.check_finals_agree();
    let tip = world.nodes[0].tip();
    assert!(world.nodes.iter().all(|it| it.tip() == tip));
    let slot = synod_seal::Slot(world.slot() + 1);
    let round = |node: usize| world.nodes[node].engine.round_at(slot);
    assert_eq!(round(0), round(6));
    assert!(
        world.nodes[6].engine.finalized() >= world.nodes[0].finals.iter().rev().nth(3).copied()
    );
}
