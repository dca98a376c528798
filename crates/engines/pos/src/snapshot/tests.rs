use proptest::prelude::*;
use synod_chainspec::{ChainSpec, EngineSpec};
use synod_engine::FinalBlock;
use synod_primitives::{Amount, Height, Txid};
use synod_seal::{OwnerHash, StakeChange, StakeCoin, StakeKind, StakeProgram};

use super::*;

const CHAIN: [u8; 32] = [1; 32];
const COIN: i64 = 100_000_000;

fn settings() -> Pos {
    let spec = ChainSpec::preset("sealed").expect("a preset");
    match spec.consensus.engine {
        EngineSpec::Pos(pos) => pos,
        other => panic!("the preset has engine {}", other.name()),
    }
}

fn outpoint(seed: u8) -> OutPoint {
    OutPoint::new(Txid::from_bytes([seed; 32]), 1)
}

/// A bond of a delegate; its outpoint follows from `seed`.
fn bond(seed: u8, delegate: u8, coins: i64, registers: bool) -> (OutPoint, StakeCoin) {
    let program = StakeProgram {
        kind: StakeKind::Bonded,
        owner: OwnerHash([1; 20]),
        delegate: DelegateHash([delegate; 20]),
    };
    let coin = StakeCoin {
        program,
        amount: Amount::from_sat(coins * COIN),
        height: Height(seed.into()),
        anchor: registers.then_some([seed; 32]),
        candidate: None,
    };
    (outpoint(seed), coin)
}

fn state(bonds: Vec<(OutPoint, StakeCoin)>) -> ChainState {
    let genesis = FinalBlock {
        height: Height(0),
        hash: BlockHash::ZERO,
    };
    let mut state = ChainState::new(genesis, &CHAIN);
    let change = StakeChange {
        created: bonds,
        ..StakeChange::default()
    };
    state.table.apply(&change).expect("an empty table");
    state
}

fn take(state: &ChainState, epoch: u64) -> Snapshot {
    Snapshot::take(state, BlockHash::ZERO, Epoch(epoch), &settings(), &CHAIN)
}

fn weight(state: &ChainState, epoch: u64, delegate: u8) -> u128 {
    let snapshot = take(state, epoch);
    let validator = snapshot.find(&DelegateHash([delegate; 20]));
    validator.expect("a validator").weight / u128::from(COIN.cast_unsigned())
}

#[test]
fn only_registered_delegates_that_are_not_guilty_are_validators() {
    let mut state = state(vec![
        bond(1, 1, 10, true),
        bond(2, 1, 5, false),
        bond(3, 2, 50, false),
        bond(4, 3, 20, true),
    ]);
    let guilty = StakeChange {
        guilty: vec![DelegateHash([3; 20])],
        ..StakeChange::default()
    };
    state.table.apply(&guilty).expect("fits");
    let snapshot = take(&state, 0);
    let [only] = &snapshot.validators[..] else {
        panic!("{snapshot:?}");
    };
    assert_eq!(only.delegate, DelegateHash([1; 20]));
    assert_eq!(
        i64::try_from(only.amount),
        Ok(15 * COIN),
        "delegations count"
    );
    assert_eq!(snapshot.total, only.amount);
}

#[test]
fn the_earliest_registration_counts() {
    let state = state(vec![
        bond(9, 1, 10, true),
        bond(2, 1, 10, true),
        bond(5, 1, 10, true),
    ]);
    let snapshot = take(&state, 0);
    let validator = snapshot.find(&DelegateHash([1; 20])).expect("a validator");
    assert_eq!(
        (validator.registration, validator.anchor),
        (outpoint(2), [2; 32])
    );
}

#[test]
fn the_greatest_amounts_are_validators_and_of_equal_ones_the_smaller_hash() {
    let bonds = (1..=130).map(|it| bond(it, it, if it == 130 { 11 } else { 10 }, true));
    let snapshot = take(&state(bonds.collect()), 0);
    assert_eq!(snapshot.validators.len(), 128);
    assert!(snapshot.find(&DelegateHash([130; 20])).is_some());
    assert!(snapshot.find(&DelegateHash([127; 20])).is_some());
    assert!(snapshot.find(&DelegateHash([128; 20])).is_none());
}

#[test]
fn age_counts_from_the_least_to_twice_that_and_is_used_up_by_a_block() {
    let mut state = state(vec![bond(1, 1, 1, true), bond(2, 2, 1, true)]);
    // Bonds of the bootstrap count as aged to the minimum, 4 epochs, and grow to 8.
    assert_eq!(weight(&state, 0, 1), 4);
    assert_eq!(weight(&state, 3, 1), 7);
    assert_eq!(weight(&state, 4, 1), 8);
    assert_eq!(weight(&state, 50, 1), 8);
    // A later bond counts when it is four epochs old, and not before.
    state.births.insert(outpoint(1), Some(Epoch(10)));
    assert_eq!(weight(&state, 13, 1), 0);
    assert_eq!(weight(&state, 14, 1), 4);
    assert_eq!(weight(&state, 18, 1), 8);
    // A block uses the age up, down to the minimum.
    state.wins.insert(DelegateHash([1; 20]), Epoch(18));
    assert_eq!(weight(&state, 19, 1), 4);
    assert_eq!(weight(&state, 23, 1), 5);
    assert_eq!(weight(&state, 26, 1), 8);
}

#[test]
fn when_nobodys_bond_is_old_enough_amounts_alone_decide() {
    let mut state = state(vec![bond(1, 1, 3, true)]);
    state.births.insert(outpoint(1), Some(Epoch(10)));
    assert_eq!(weight(&state, 11, 1), 3);
    assert!(take(&state, 11).leader(Slot(1)).is_some());
}

#[test]
fn without_validators_no_slot_has_a_leader() {
    assert_eq!(take(&state(Vec::new()), 0).leader(Slot(1)), None);
}

#[test]
fn leaders_are_drawn_in_proportion_to_their_weights() {
    // Attack S10: with 30 % of the weight nobody leads more than 30 % of the slots, whatever
    // the seed. Within 4 standard deviations of 20,000 draws.
    let mut state = state(vec![
        bond(1, 1, 30, true),
        bond(2, 2, 50, true),
        bond(3, 3, 20, true),
    ]);
    for salt in 0..5 {
        state.mix = [salt; 32];
        let snapshot = take(&state, 7);
        let mut counts = [0u32; 4];
        for slot in 0..20_000 {
            let leader = snapshot.leader(Slot(slot)).expect("a leader");
            counts[usize::from(leader.delegate.0[0])] += 1;
        }
        for (count, share) in counts[1..].iter().zip([6000u32, 10_000, 4000]) {
            assert!(count.abs_diff(share) < 290, "{counts:?}");
        }
    }
}

#[test]
fn early_seeds_follow_from_the_chain_and_later_ones_from_reveals() {
    let mut state = state(vec![bond(1, 1, 1, true)]);
    let seeds = |state: &ChainState| [0, 1, 2].map(|epoch| take(state, epoch).seed);
    let before = seeds(&state);
    state.mix = [9; 32];
    let after = seeds(&state);
    assert_eq!(before[..2], after[..2]);
    assert_ne!(before[2], after[2]);
    assert_ne!(before[0], before[1]);
}

proptest! {
    /// Whoever hoards age gains at most twice its share: 2b / (1 + b) of the slots for a share b.
    #[test]
    fn hoarded_age_gains_a_factor_of_two_at_the_most(mine in 1..1000i64, theirs in 1..1000i64, wait in 0..1000u64) {
        let mut state = state(vec![bond(1, 1, mine, true), bond(2, 2, theirs, true)]);
        let epoch = 2000;
        state.births.insert(outpoint(1), Some(Epoch(epoch - wait.max(4))));
        state.wins.insert(DelegateHash([2; 20]), Epoch(epoch - 1));
        let (a, b) = (weight(&state, epoch, 1), weight(&state, epoch, 2));
        let (mine, theirs) = (u128::from(mine.cast_unsigned()), u128::from(theirs.cast_unsigned()));
        // a / b is at most twice mine / theirs.
        prop_assert!(a * theirs <= 2 * b * mine);
    }
}
