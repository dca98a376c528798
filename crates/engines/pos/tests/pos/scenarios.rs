//! What happens to whole networks.

use synod_primitives::BlockHash;
use synod_seal::{Statement, Vote, find_seal};

use crate::kit::{EPOCH, Validator, mix, seeds, spec_with};
use crate::network::Network;

const EQUAL: [u64; 4] = [20, 20, 20, 20];

fn finals_grew(before: &[u32], after: &[u32], least: u64) {
    for (before, after) in before.iter().zip(after) {
        assert!(u64::from(after - before) >= least, "{before} to {after}");
    }
}

#[test]
fn with_everybody_there_every_slot_has_a_block_and_two_epochs_later_it_is_final() {
    for seed in 1..=3 {
        let mut network = Network::new(&EQUAL, seed);
        network.run_epochs(8);
        network.check_safety();
        network.check_one_tip();
        let height = network.nodes[0].height();
        assert_eq!(u64::from(height), 4 + 8 * EPOCH, "no slot is empty");
        // The checkpoint of epoch 7 is final when the votes of epoch 8 are in.
        for last in network.finals() {
            assert!(u64::from(last) >= 4 + 6 * EPOCH, "{last} of {height}");
        }
        assert!(
            network
                .nodes
                .iter()
                .all(|it| it.evidence.is_empty() && it.punished == 0)
        );
    }
}

#[test]
fn a_final_block_carries_votes_of_more_than_two_thirds() {
    let mut network = Network::new(&EQUAL, 4);
    network.run_epochs(5);
    let node = &network.nodes[0];
    let chain_id = node.spec.chain_id().0;
    assert!(
        node.proofs[0].is_empty(),
        "the bootstrap is final by the spec"
    );
    for (block, proof) in node.finals.iter().zip(&node.proofs).skip(1) {
        let votes: Vec<Vote> = proof
            .chunks(Vote::SIZE)
            .map(|it| Vote::decode(it).expect("a vote"))
            .collect();
        assert!(votes.len() >= 3);
        let mut keys: Vec<_> = votes.iter().map(|it| it.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), votes.len());
        for vote in votes {
            assert!(vote.is_signed(&chain_id));
            assert_eq!(vote.link.source.hash, block.hash);
        }
    }
}

#[test]
fn halves_that_do_not_hear_each_other_make_nothing_final_and_heal() {
    for seed in 1..=3 {
        let mut network = Network::new(&EQUAL, seed);
        network.run_epochs(4);
        let before = network.finals();
        network.groups = vec![0, 0, 1, 1];
        network.run_epochs(6);
        network.check_safety();
        let apart = network.finals();
        for (before, apart) in before.iter().zip(&apart) {
            assert!(
                u64::from(apart - before) <= EPOCH,
                "half of the stake is not enough"
            );
        }
        assert_ne!(network.nodes[0].tip(), network.nodes[2].tip());
        network.heal();
        network.run_epochs(5);
        network.check_safety();
        finals_grew(&apart, &network.finals(), 6 * EPOCH / 2);
        let evidence: usize = network.nodes.iter().map(|it| it.evidence.len()).sum();
        assert_eq!(evidence, 0, "nobody did wrong");
    }
}

#[test]
fn a_validator_that_was_cut_off_comes_back_to_the_final_branch() {
    let mut network = Network::new(&EQUAL, 5);
    network.run_epochs(3);
    network.groups = vec![0, 0, 0, 1];
    network.run_epochs(6);
    network.check_safety();
    let apart = network.finals();
    assert!(
        apart[0] > apart[3],
        "three of four go on to make blocks final"
    );
    network.heal();
    network.run_epochs(4);
    network.check_safety();
    network.check_one_tip();
    finals_grew(&apart, &network.finals(), EPOCH);
}

#[test]
fn with_a_third_away_the_chain_goes_on_without_finality_and_recovers() {
    let mut network = Network::new(&[20, 20, 20], 6);
    network.run_epochs(4);
    let (before, height) = (network.finals(), network.nodes[0].height());
    network.nodes[2].is_signing = false;
    network.run_epochs(8);
    network.check_safety();
    let away = network.finals();
    for (before, away) in before.iter().zip(&away) {
        assert!(
            u64::from(away - before) <= EPOCH,
            "two of three are not more than two thirds"
        );
    }
    let grown = u64::from(network.nodes[0].height() - height);
    assert!(
        (4 * EPOCH..8 * EPOCH).contains(&grown),
        "{grown} blocks, some slots empty"
    );
    network.nodes[2].is_signing = true;
    network.run_epochs(4);
    network.check_safety();
    finals_grew(&away, &network.finals(), 4 * EPOCH);
}

#[test]
fn nodes_that_start_again_at_any_moment_keep_their_word() {
    let mut network = Network::new(&EQUAL, 7);
    for round in 0..24 {
        network.run_slots(1);
        let now = network.now;
        let index = round % 4;
        let (tip, finalized) = {
            let node = &network.nodes[index];
            (node.tip(), node.finals.last().copied())
        };
        network.nodes[index].restart(now, round % 3 > 0);
        let node = &network.nodes[index];
        assert_eq!(node.tip(), tip);
        assert_eq!(synod_engine::Engine::finalized(&node.engine), finalized);
    }
    network.run_epochs(3);
    network.check_safety();
    let evidence: usize = network.nodes.iter().map(|it| it.evidence.len()).sum();
    assert_eq!(evidence, 0, "nobody signs twice after a start");
    assert!(
        network
            .finals()
            .iter()
            .all(|it| u64::from(*it) > 4 + 4 * EPOCH)
    );
}

/// Twins: one key on two nodes that do not hear each other.
#[test]
fn a_key_that_signs_on_both_sides_is_found_out() {
    let signers = [vec![1], vec![2], vec![3], vec![4, 1]];
    let mut network = Network::with_signers(&EQUAL, &signers, 8);
    network.groups = vec![0, 0, 1, 1];
    network.run_epochs(5);
    network.heal();
    network.run_epochs(2);
    network.check_safety();
    let guilty = crate::kit::Validator::new(1).public();
    let chain_id = network.nodes[0].spec.chain_id().0;
    let honest = &network.nodes[1];
    assert!(!honest.evidence.is_empty());
    for evidence in &honest.evidence {
        assert_eq!(evidence.check(&chain_id), Ok(guilty));
        let blocks = matches!(evidence.first, Statement::Block(_));
        let votes = matches!(evidence.second, Statement::Vote(_));
        assert!(blocks != votes);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || -> Vec<BlockHash> {
        let mut network = Network::new(&EQUAL, 9);
        network.run_epochs(3);
        network.nodes[1].active.clone()
    };
    assert_eq!(run(), run());
}

/// Groups change at random every two epochs, then all hear each other again. A node panics
/// when a final block leaves its chain.
#[test]
fn no_final_block_is_reverted_by_random_partitions_over_many_seeds() {
    for seed in 100..100 + seeds(6) {
        let mut network = Network::new(&EQUAL, seed);
        network.run_epochs(2);
        for phase in 0..4 {
            let group = |node: u64| u8::from(mix(seed, 1000 + phase * 10 + node).is_multiple_of(3));
            network.regroup((0..4).map(group).collect());
            network.run_epochs(2);
            network.check_safety();
        }
        let apart = network.finals();
        network.heal();
        network.run_epochs(5);
        network.check_safety();
        finals_grew(&apart, &network.finals(), EPOCH);
        assert!(
            network.nodes.iter().all(|it| it.evidence.is_empty()),
            "seed {seed}"
        );
    }
}

/// With the age of all bonds the same, blocks follow amounts. Chance passes 45.31 with 20 degrees
/// of freedom once in a thousand times.
#[test]
fn twenty_one_validators_make_blocks_in_proportion_to_their_stake() {
    let amounts: Vec<u64> = (10..=30).collect();
    let total: u64 = amounts.iter().sum();
    let spec = spec_with(&amounts, "min_age_epochs = 4\nmax_age_epochs = 4");
    let seats: Vec<u8> = (1..=21).collect();
    let mut network = Network::of(&spec, &[seats], 12);
    network.run_slots(2 * total);
    let node = &network.nodes[0];
    let keys: Vec<_> = (1..=21).map(|seed| Validator::new(seed).public()).collect();
    let mut counts = [0u64; 21];
    for hash in &node.active[1 + amounts.len()..] {
        let block = node.block(hash);
        let seal = find_seal(&block.transactions()[0]).expect("sealed");
        let index = keys.iter().position(|it| *it == seal.key);
        counts[index.expect("a validator")] += 1;
    }
    let blocks: u64 = counts.iter().sum();
    assert_eq!(blocks, 2 * total, "no slot is empty");
    // (count - expected)^2 / expected, in thousandths, where expected is twice the amount.
    let chi_squared: u64 = counts
        .iter()
        .zip(&amounts)
        .map(|(count, amount)| count.abs_diff(2 * amount).pow(2) * 1000 / (2 * amount))
        .sum();
    println!(
        "{blocks} blocks by stake: {counts:?}, chi-squared {}.{:03} of 45.31",
        chi_squared / 1000,
        chi_squared % 1000
    );
    assert!(chi_squared < 45_310, "{counts:?}");
    assert!(chi_squared > 0, "a draw is no rota");
}
