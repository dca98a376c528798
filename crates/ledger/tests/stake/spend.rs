//! Unbonding, re-delegating and withdrawing, at every limit and past it.

use synod_ledger::{
    MAX_STAKE_WITNESS_ITEM, REGISTRATION_INDEX, StakeError, StakeTag, stake_sigop_cost,
};
use synod_primitives::TxOut;
use synod_seal::StakeKind;

use crate::kit::{BOND, Delegate, Owner, Spend, burn, coin, payment, program, rules, stake};

const CAP: i64 = 10_000;
/// The preset's blocks of unbonding.
const UNBONDING: u32 = 256;

fn one(vout: u32, kind: StakeKind, outputs: Vec<TxOut>) -> Spend {
    let stake = stake(program(kind, &Owner::new(1), &Delegate::new(2)), BOND);
    Spend {
        coins: vec![coin(vout, &stake)],
        outputs,
    }
}

fn verdict(spend: &Spend, tag: StakeTag, engine: &str) -> Result<(), StakeError> {
    let transaction = spend.signed(&Owner::new(1), tag);
    let guilty = spend.check(&transaction, 100_000, &rules(engine))?;
    assert!(guilty.is_empty());
    Ok(())
}

fn own(kind: StakeKind, sat: i64) -> TxOut {
    stake(program(kind, &Owner::new(1), &Delegate::new(2)), sat)
}

#[test]
fn a_bond_unbonds_into_its_own_program_less_the_fee_cap() {
    for (lost, expected) in [
        (0, Ok(())),
        (CAP, Ok(())),
        (CAP + 1, Err(StakeError::Value)),
    ] {
        let spend = one(
            1,
            StakeKind::Bonded,
            vec![own(StakeKind::Unbonding, BOND - lost)],
        );
        assert_eq!(verdict(&spend, StakeTag::Unbond, "pos"), expected, "{lost}");
    }
    assert_eq!(StakeError::Value.code(), "bad-stake-value");
}

#[test]
fn a_bond_cannot_be_drained_through_fees_or_into_other_outputs() {
    let (owner, other) = (Owner::new(1), Delegate::new(3));
    let outputs = [
        vec![burn(0)],
        vec![payment(BOND)],
        vec![own(StakeKind::Bonded, BOND)],
        vec![stake(program(StakeKind::Unbonding, &owner, &other), BOND)],
        vec![stake(
            program(StakeKind::Unbonding, &Owner::new(9), &Delegate::new(2)),
            BOND,
        )],
        vec![own(StakeKind::Unbonding, BOND - CAP - 1), payment(CAP + 1)],
    ];
    for outputs in outputs {
        let spend = one(1, StakeKind::Bonded, outputs);
        assert_eq!(
            verdict(&spend, StakeTag::Unbond, "pos"),
            Err(StakeError::Value)
        );
    }
}

#[test]
fn the_fee_cap_is_one_for_all_bonds_of_a_transaction() {
    let (owner, a, b) = (Owner::new(1), Delegate::new(2), Delegate::new(3));
    let bonds = [&a, &b].map(|it| stake(program(StakeKind::Bonded, &owner, it), BOND));
    let lose = |from_a: i64, from_b: i64| {
        let spend = Spend {
            coins: vec![coin(1, &bonds[0]), coin(5, &bonds[1])],
            outputs: vec![
                stake(program(StakeKind::Unbonding, &owner, &a), BOND - from_a),
                stake(program(StakeKind::Unbonding, &owner, &b), BOND - from_b),
            ],
        };
        verdict(&spend, StakeTag::Unbond, "pos")
    };
    assert_eq!(lose(CAP / 2, CAP / 2), Ok(()));
    assert_eq!(lose(CAP / 2, CAP / 2 + 1), Err(StakeError::Value));
    assert_eq!(lose(-CAP, CAP), Ok(()), "what one gains is no other's loss");
    assert_eq!(
        lose(-CAP, CAP + 1),
        Err(StakeError::Value),
        "nor makes up for it"
    );
}

#[test]
fn one_output_does_not_pay_for_two_bonds_of_a_program() {
    let bond = own(StakeKind::Bonded, BOND);
    let spend = |sat| Spend {
        coins: vec![coin(1, &bond), coin(3, &bond)],
        outputs: vec![own(StakeKind::Unbonding, sat)],
    };
    assert_eq!(
        verdict(&spend(BOND), StakeTag::Unbond, "pos"),
        Err(StakeError::Value)
    );
    assert_eq!(
        verdict(&spend(2 * BOND - CAP), StakeTag::Unbond, "pos"),
        Ok(())
    );
}

#[test]
fn other_inputs_pay_fees_and_others_as_they_like() {
    let mut spend = one(
        1,
        StakeKind::Bonded,
        vec![own(StakeKind::Unbonding, BOND), payment(5)],
    );
    spend.coins.push(coin(7, &payment(70_000)));
    assert_eq!(verdict(&spend, StakeTag::Unbond, "pos"), Ok(()));
}

#[test]
fn unbonding_stake_is_withdrawn_when_its_time_is_over_and_not_a_block_before() {
    let spend = one(0, StakeKind::Unbonding, vec![payment(1)]);
    let transaction = spend.signed(&Owner::new(1), StakeTag::Withdraw);
    let at = |height| spend.check(&transaction, height, &rules("pos")).map(|_| ());
    assert_eq!(at(10 + UNBONDING), Ok(()));
    assert_eq!(at(10 + UNBONDING - 1), Err(StakeError::Locked { left: 1 }));
    assert_eq!(at(10), Err(StakeError::Locked { left: UNBONDING }));
    assert_eq!(StakeError::Locked { left: 1 }.code(), "bad-stake-locked");
}

#[test]
fn bonded_stake_is_not_withdrawn_under_pos_and_votes_are_liquid_under_dpos() {
    let withdraw = |vout, engine| {
        let spend = one(vout, StakeKind::Bonded, vec![payment(1)]);
        verdict(&spend, StakeTag::Withdraw, engine)
    };
    assert_eq!(withdraw(0, "pos"), Err(StakeError::Tag));
    assert_eq!(withdraw(REGISTRATION_INDEX, "pos"), Err(StakeError::Tag));
    assert_eq!(withdraw(0, "dpos"), Ok(()));
    assert_eq!(withdraw(2, "dpos"), Ok(()));
    assert_eq!(withdraw(REGISTRATION_INDEX, "dpos"), Err(StakeError::Tag));
    assert_eq!(StakeError::Tag.code(), "bad-stake-tag");
}

#[test]
fn only_votes_move_to_another_delegate() {
    let other = program(StakeKind::Bonded, &Owner::new(1), &Delegate::new(7));
    let redelegate = |vout, lost, engine| {
        let spend = one(vout, StakeKind::Bonded, vec![stake(other, BOND - lost)]);
        verdict(&spend, StakeTag::Redelegate, engine)
    };
    assert_eq!(redelegate(0, CAP, "dpos"), Ok(()));
    assert_eq!(redelegate(0, CAP + 1, "dpos"), Err(StakeError::Value));
    assert_eq!(
        redelegate(REGISTRATION_INDEX, 0, "dpos"),
        Err(StakeError::Tag)
    );
    assert_eq!(redelegate(0, 0, "pos"), Err(StakeError::Tag));
    let theirs = program(StakeKind::Bonded, &Owner::new(8), &Delegate::new(7));
    let spend = one(0, StakeKind::Bonded, vec![stake(theirs, BOND)]);
    assert_eq!(
        verdict(&spend, StakeTag::Redelegate, "dpos"),
        Err(StakeError::Value)
    );
}

#[test]
fn a_candidate_renews_its_registration_as_the_same_bond_in_the_same_place() {
    let renew = |vout, outputs: Vec<TxOut>, engine| {
        verdict(
            &one(vout, StakeKind::Bonded, outputs),
            StakeTag::Renew,
            engine,
        )
    };
    let own = |sat| own(StakeKind::Bonded, sat);
    let registration = REGISTRATION_INDEX;
    assert_eq!(
        renew(registration, vec![burn(0), own(BOND - CAP)], "dpos"),
        Ok(())
    );
    let short = vec![burn(0), own(BOND - CAP - 1)];
    assert_eq!(renew(registration, short, "dpos"), Err(StakeError::Value));
    // A bond at another index is a vote: liquid, and out of reach of a slashing.
    let as_vote = vec![own(BOND), burn(0), own(BOND)];
    assert_eq!(renew(registration, as_vote, "dpos"), Err(StakeError::Value));
    let theirs = program(StakeKind::Bonded, &Owner::new(1), &Delegate::new(7));
    let for_another = vec![burn(0), stake(theirs, BOND)];
    assert_eq!(
        renew(registration, for_another, "dpos"),
        Err(StakeError::Value)
    );
    assert_eq!(
        renew(registration, vec![burn(0)], "dpos"),
        Err(StakeError::Value)
    );
    assert_eq!(
        renew(0, vec![burn(0), own(BOND)], "dpos"),
        Err(StakeError::Tag)
    );
    let at_all = vec![burn(0), own(BOND)];
    assert_eq!(
        renew(registration, at_all.clone(), "pos"),
        Err(StakeError::Tag)
    );
    let by_another = one(registration, StakeKind::Bonded, at_all);
    let signed = by_another.signed(&Owner::new(5), StakeTag::Renew);
    let refused = by_another.check(&signed, 100_000, &rules("dpos"));
    assert_eq!(refused, Err(StakeError::Owner));
}

#[test]
fn unbonding_stake_does_not_unbond_again() {
    let spend = one(
        0,
        StakeKind::Unbonding,
        vec![own(StakeKind::Unbonding, BOND)],
    );
    assert_eq!(
        verdict(&spend, StakeTag::Unbond, "pos"),
        Err(StakeError::Tag)
    );
}

#[test]
fn a_transaction_spends_stake_in_one_way_only() {
    let owner = Owner::new(1);
    let spend = Spend {
        coins: vec![
            coin(1, &own(StakeKind::Bonded, BOND)),
            coin(3, &own(StakeKind::Unbonding, BOND)),
        ],
        outputs: vec![own(StakeKind::Unbonding, BOND)],
    };
    let witness = |input, tag: StakeTag| {
        vec![
            owner.sign(spend.digest(input, 1), 1),
            owner.key(),
            vec![tag.byte()],
        ]
    };
    let mixed = spend.with(&[witness(0, StakeTag::Unbond), witness(1, StakeTag::Withdraw)]);
    let error = spend.check(&mixed, 100_000, &rules("pos"));
    assert_eq!(error, Err(StakeError::Mixed));
    assert_eq!(StakeError::Mixed.code(), "bad-stake-mixed");
}

#[test]
fn only_the_owners_strict_signature_over_all_of_it_counts() {
    let owner = Owner::new(1);
    let spend = one(1, StakeKind::Bonded, vec![own(StakeKind::Unbonding, BOND)]);
    let check = |signature: Vec<u8>, key: Vec<u8>| {
        let transaction = spend.with(&[vec![signature, key, vec![0]]]);
        spend.check(&transaction, 100, &rules("pos")).map(|_| ())
    };
    let digest = spend.digest(0, 1);
    assert_eq!(check(owner.sign(digest, 1), owner.key()), Ok(()));
    let other = Owner::new(3);
    assert_eq!(
        check(other.sign(digest, 1), other.key()),
        Err(StakeError::Owner)
    );
    assert_eq!(
        check(other.sign(digest, 1), owner.key()),
        Err(StakeError::Signature)
    );
    assert_eq!(
        check(owner.sign_high_s(digest), owner.key()),
        Err(StakeError::Signature)
    );
    for hash_type in [0, 2, 3, 0x81] {
        let signature = owner.sign(spend.digest(0, u32::from(hash_type)), hash_type);
        assert_eq!(
            check(signature, owner.key()),
            Err(StakeError::Signature),
            "{hash_type}"
        );
    }
    let mut padded = owner.sign(digest, 1);
    padded.insert(4, 0);
    assert_eq!(check(padded, owner.key()), Err(StakeError::Signature));
    assert_eq!(check(Vec::new(), owner.key()), Err(StakeError::Signature));
    let mut hybrid = owner.key();
    hybrid.push(0);
    assert_eq!(check(owner.sign(digest, 1), hybrid), Err(StakeError::Owner));
    assert_eq!(StakeError::Owner.code(), "bad-stake-owner");
    assert_eq!(StakeError::Signature.code(), "bad-stake-signature");
}

#[test]
fn a_signature_commits_to_the_amount_that_is_spent() {
    let spend = one(1, StakeKind::Bonded, vec![own(StakeKind::Unbonding, BOND)]);
    let signed = spend.signed(&Owner::new(1), StakeTag::Unbond);
    let richer = Spend {
        coins: vec![coin(1, &own(StakeKind::Bonded, BOND + 1))],
        outputs: spend.outputs.clone(),
    };
    assert_eq!(
        richer.check(&signed, 100, &rules("pos")),
        Err(StakeError::Signature)
    );
}

#[test]
fn a_witness_has_three_items_of_20_000_bytes_at_most() {
    let spend = one(1, StakeKind::Bonded, vec![own(StakeKind::Unbonding, BOND)]);
    let check = |witness: Vec<Vec<u8>>| spend.check(&spend.with(&[witness]), 100, &rules("pos"));
    let item = |length| vec![0; length];
    assert_eq!(check(vec![]), Err(StakeError::Witness));
    assert_eq!(check(vec![item(1), vec![0]]), Err(StakeError::Witness));
    assert_eq!(
        check(vec![item(1), item(1), item(1), vec![0]]),
        Err(StakeError::Witness)
    );
    let long = vec![item(1), item(MAX_STAKE_WITNESS_ITEM + 1), vec![0]];
    assert_eq!(check(long), Err(StakeError::Witness));
    let limit = vec![item(1), item(MAX_STAKE_WITNESS_ITEM), vec![0]];
    assert_eq!(
        check(limit),
        Err(StakeError::Owner),
        "it fits, and is no key"
    );
    for tag in [vec![], vec![4], vec![0, 0]] {
        assert_eq!(check(vec![item(1), item(1), tag]), Err(StakeError::Tag));
    }
    assert_eq!(StakeError::Witness.code(), "bad-stake-witness");
}

#[test]
fn an_owners_signature_costs_one_sigop_and_a_pair_of_statements_two() {
    let mut spend = one(1, StakeKind::Bonded, vec![own(StakeKind::Unbonding, BOND)]);
    spend.coins.push(coin(7, &payment(5)));
    let signed = spend.signed(&Owner::new(1), StakeTag::Unbond);
    assert_eq!(stake_sigop_cost(&signed, &spend.coins()), 1);
    let slashed = spend.slashing(&[vec![1], vec![2]]);
    assert_eq!(stake_sigop_cost(&slashed, &spend.coins()), 2);
}

#[test]
fn transactions_that_spend_no_stake_pass() {
    let spend = Spend {
        coins: vec![coin(0, &payment(5))],
        outputs: vec![own(StakeKind::Unbonding, 5)],
    };
    let transaction = spend.with(&[vec![vec![0; 30_000]; 5]]);
    assert_eq!(spend.check(&transaction, 1, &rules("pos")), Ok(Vec::new()));
}
