use super::*;
use synod_primitives::Txid;
use synod_seal::{OwnerHash, StakeKind, StakeProgram};

fn delegate(index: u8) -> DelegateHash {
    DelegateHash([index; 20])
}

fn outpoint(number: u32) -> OutPoint {
    let mut txid = [0; 32];
    txid[..4].copy_from_slice(&number.to_be_bytes());
    OutPoint::new(Txid::from_bytes(txid), 0)
}

fn vote(number: u32, index: u8, sat: i64) -> (OutPoint, StakeCoin) {
    let program = StakeProgram {
        kind: StakeKind::Bonded,
        owner: OwnerHash([1; 20]),
        delegate: delegate(index),
    };
    let coin = StakeCoin {
        program,
        amount: Amount::from_sat(sat),
        height: Height(number),
        anchor: None,
        candidate: None,
    };
    (outpoint(number), coin)
}

fn registration(number: u32, index: u8, sat: i64) -> (OutPoint, StakeCoin) {
    let (outpoint, coin) = vote(number, index, sat);
    let coin = StakeCoin {
        anchor: Some([u8::try_from(number % 256).expect("a byte"); 32]),
        candidate: Some(format!("d{index}")),
        ..coin
    };
    (outpoint, coin)
}

fn change(created: Vec<(OutPoint, StakeCoin)>, spent: &[u32]) -> Arc<StakeChange> {
    Arc::new(StakeChange {
        created,
        spent: spent.iter().map(|number| outpoint(*number)).collect(),
        guilty: vec![],
    })
}

fn ranking(tally: &Tally) -> Vec<(u8, u128)> {
    tally
        .ranking()
        .map(|(it, votes)| (it.0[0], votes))
        .collect()
}

#[test]
fn candidates_rank_by_votes_and_of_equal_votes_the_smaller_hash_is_first() {
    let mut tally = Tally::default();
    let created = vec![
        registration(1, 3, 50),
        registration(2, 1, 50),
        registration(3, 2, 50),
        vote(4, 3, 1),
        vote(5, 9, 1_000),
    ];
    tally.apply(&change(created, &[])).expect("fits");
    assert_eq!(
        ranking(&tally),
        [(3, 51), (1, 50), (2, 50)],
        "9 is no candidate"
    );
    assert_eq!(tally.votes_for(&delegate(9)), 1_000);
    tally
        .apply(&change(vec![registration(6, 9, 50)], &[4]))
        .expect("fits");
    assert_eq!(ranking(&tally), [(9, 1_050), (1, 50), (2, 50), (3, 50)]);
}

#[test]
fn the_oldest_registration_counts_so_that_nobody_takes_a_delegates_anchor_over() {
    let mut tally = Tally::default();
    tally
        .apply(&change(vec![registration(5, 1, 50)], &[]))
        .expect("fits");
    tally
        .apply(&change(vec![registration(9, 1, 900)], &[]))
        .expect("fits");
    let registered = tally.registration(&delegate(1)).expect("a candidate");
    assert_eq!((registered.height, registered.anchor), (Height(5), [5; 32]));
    assert_eq!(registered.name.as_deref(), Some("d1"));
    tally.apply(&change(vec![], &[5])).expect("fits");
    let registered = tally.registration(&delegate(1)).expect("a candidate");
    assert_eq!(registered.height, Height(9));
    tally.apply(&change(vec![], &[9])).expect("fits");
    assert_eq!(tally.registration(&delegate(1)), None);
    assert_eq!(ranking(&tally), []);
}

#[test]
fn evidence_expels_a_candidate_and_undoing_it_brings_the_candidate_back() {
    let mut tally = Tally::default();
    let created = vec![
        registration(1, 1, 50),
        registration(2, 2, 60),
        vote(3, 2, 5),
    ];
    tally.apply(&change(created, &[])).expect("fits");
    let before = tally.clone();
    let guilty = StakeChange {
        created: vec![],
        spent: vec![outpoint(2)],
        guilty: vec![delegate(2)],
    };
    let undo = tally.apply(&Arc::new(guilty)).expect("fits");
    assert!(tally.is_guilty(&delegate(2)));
    // Not by a new registration either.
    let again = tally
        .apply(&change(vec![registration(4, 2, 99)], &[]))
        .expect("fits");
    assert_eq!(ranking(&tally), [(1, 50)]);
    tally.undo(again);
    tally.undo(undo);
    assert_eq!(tally, before);
    assert_eq!(ranking(&tally), [(2, 65), (1, 50)]);
}

#[test]
fn a_change_of_another_chain_changes_nothing() {
    let mut tally = Tally::default();
    tally
        .apply(&change(vec![registration(1, 1, 50)], &[]))
        .expect("fits");
    let before = tally.clone();
    assert!(tally.apply(&change(vec![vote(2, 1, 7)], &[8])).is_err());
    assert!(tally.apply(&change(vec![vote(1, 1, 7)], &[])).is_err());
    assert_eq!(tally, before);
}

#[test]
fn turnout_is_the_share_of_the_supply_that_votes() {
    let mut tally = Tally::default();
    tally
        .apply(&change(vec![registration(1, 1, 50), vote(2, 7, 75)], &[]))
        .expect("fits");
    let turnout = tally.turnout(Amount::from_sat(1_000));
    assert_eq!((turnout.voting_sat, turnout.supply_sat), (125, 1_000));
    assert_eq!(turnout.millionths(), 125_000);
    assert_eq!(tally.turnout(Amount::ZERO).millionths(), 0);
    let all = tally.turnout(Amount::from_sat(125));
    assert_eq!(all.millionths(), 1_000_000);
}

/// S14: 100,000 tiny voters, who change their mind again and again, also within a round and
/// within a block. Whatever they do, votes are the sum of what is bonded, no satoshi twice,
/// and each change costs the same few steps down a tree.
#[test]
fn s14_a_hundred_thousand_tiny_delegations_are_tallied_one_by_one_and_counted_once() {
    const VOTERS: u32 = 100_000;
    let mut tally = Tally::default();
    let candidates =
        (0..50).map(|index| registration(index, u8::try_from(index).expect("small"), 5_000));
    tally
        .apply(&change(candidates.collect(), &[]))
        .expect("fits");
    let target =
        |number: u32, mind: u32| u8::try_from((number * 7 + mind * 13) % 50).expect("small");
    let mut undos = Vec::new();
    for number in 0..VOTERS {
        let coin = vote(1_000 + number, target(number, 0), 100);
        undos.push(tally.apply(&change(vec![coin], &[])).expect("fits"));
    }
    let full = tally.clone();
    assert_eq!(
        tally.turnout(Amount::ZERO).voting_sat,
        50 * 5_000 + 100 * u128::from(VOTERS)
    );
    for number in (0..VOTERS).step_by(10) {
        // From one delegate to another, and in the same block on to a third: the output in
        // between was never there.
        let moved = vote(1_000_000 + number, target(number, 2), 100);
        let change = change(vec![moved], &[1_000 + number]);
        undos.push(tally.apply(&change).expect("fits"));
    }
    let mut recounted = BTreeMap::new();
    for (_, coin) in tally.table.coins() {
        *recounted.entry(coin.program.delegate).or_insert(0) += sat(coin.amount);
    }
    assert_eq!(recounted, tally.votes);
    let mut ranked: Vec<(Reverse<u128>, DelegateHash)> = recounted
        .iter()
        .map(|(delegate, votes)| (Reverse(*votes), *delegate))
        .collect();
    ranked.sort_unstable();
    assert!(tally.ranking.iter().eq(&ranked));
    for _ in (0..VOTERS).step_by(10) {
        tally.undo(undos.pop().expect("as many"));
    }
    assert_eq!(tally, full);
}

/// S14: a vote has no way back to votes: delegates that vote for each other count what they
/// bond and no more, since an output names one delegate and is no voter itself.
#[test]
fn s14_delegates_that_vote_for_each_other_count_every_coin_once() {
    let mut tally = Tally::default();
    let created = vec![
        registration(1, 1, 50),
        registration(2, 2, 50),
        vote(3, 2, 10),
        vote(4, 1, 10),
    ];
    tally.apply(&change(created, &[])).expect("fits");
    assert_eq!(ranking(&tally), [(1, 60), (2, 60)]);
    assert_eq!(tally.turnout(Amount::ZERO).voting_sat, 120);
}
