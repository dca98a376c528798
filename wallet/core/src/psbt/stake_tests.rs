//! Attacks on whoever signs for stake, and the honest way through.

use bdk_wallet::bitcoin::{
    Amount, FeeRate, Psbt, Transaction, TxOut, psbt::PsbtSighashType, sighash::EcdsaSighashType,
};

use super::*;
use crate::{
    keys::ScriptKind,
    keystore::Revealed,
    stake::{
        Delegate, Registration, StakeCoin, StakeKind, StakeProgram, StakeTag, StakeTerms, tag_field,
    },
    wallet::{
        BuildError, StakeAction, StakePlan, Wallet,
        tests::{funded, keys, payment_to},
    },
};

const ANCHOR: &str = "81a70ffd5be8649fe1fa95bb2716e720ed3587eedc916ca97b2f2292f5676efa";
const BOND: u64 = 50_000_000;

pub(crate) fn terms(engine: &str) -> StakeTerms {
    StakeTerms {
        engine: engine.to_owned(),
        min_bond_sat: BOND,
        min_delegation_sat: BOND / 10,
        unbonding_blocks: 256,
        slash_percent: 50,
        fee_cap_sat: 10_000,
    }
}

fn delegate(byte: u8) -> Delegate {
    Delegate([byte; 20])
}

fn program(kind: StakeKind, to: Delegate) -> StakeProgram {
    let owner = keys(ScriptKind::Wpkh).descriptors().stake_owner();
    StakeProgram {
        kind,
        owner: owner.expect("an owner").hash(),
        delegate: to,
    }
}

fn registration(to: Delegate) -> Registration {
    Registration::parse(to, ANCHOR, None).expect("valid")
}

/// A transaction from nowhere whose last output, at `vout`, holds stake.
fn coin(vout: usize, kind: StakeKind, sat: u64) -> StakeCoin {
    let script = program(kind, delegate(2)).script();
    let mut amounts = vec![1_000; vout];
    amounts.push(sat);
    let previous: Transaction = payment_to(&script, &amounts, 7);
    StakeCoin::of(&previous, u32::try_from(vout).expect("small")).expect("stake")
}

fn plan(action: StakeAction, engine: &str) -> StakePlan {
    let owner = keys(ScriptKind::Wpkh).descriptors().stake_owner();
    StakePlan {
        action,
        owner: owner.expect("an owner"),
        terms: terms(engine),
        fee_rate: FeeRate::from_sat_per_kwu(500),
        reserved: Vec::new(),
    }
}

fn built(action: StakeAction, engine: &str) -> Result<Psbt, BuildError> {
    let mut wallet: Wallet = funded(ScriptKind::Wpkh, &[60_000_000, 70_000_000]);
    wallet.build_stake(&plan(action, engine))
}

fn reviewed(psbt: &Psbt) -> Review {
    let descriptors = keys(ScriptKind::Wpkh).descriptors();
    review(
        psbt.clone(),
        Context {
            descriptors: Some(&descriptors),
            signed: &[],
            revealed: Revealed::default(),
        },
    )
}

fn refusals(psbt: &Psbt) -> Vec<&'static str> {
    let allowed = Overrides {
        high_fee: true,
        unverified_change: true,
        sighash: true,
        replacement: true,
    };
    let found = reviewed(psbt).refusals(allowed);
    found.iter().map(Finding::code).collect()
}

fn signed(psbt: &Psbt) -> Transaction {
    let permitted = reviewed(psbt).permit(Overrides::default());
    let signed = permitted.expect("permitted").sign(&keys(ScriptKind::Wpkh));
    finalize(signed.expect("signed").psbt).expect("complete").1
}

fn all_actions() -> Vec<(StakeAction, &'static str)> {
    vec![
        (
            StakeAction::Bond {
                registration: registration(delegate(2)),
                amount: Amount::from_sat(BOND),
            },
            "pos",
        ),
        (
            StakeAction::Delegate {
                delegate: delegate(2),
                amount: Amount::from_sat(BOND),
            },
            "dpos",
        ),
        (
            StakeAction::Unbond(vec![coin(1, StakeKind::Bonded, BOND)]),
            "pos",
        ),
        (
            StakeAction::Redelegate {
                coins: vec![coin(0, StakeKind::Bonded, BOND)],
                delegate: delegate(3),
            },
            "dpos",
        ),
        (
            StakeAction::Withdraw(vec![
                coin(0, StakeKind::Unbonding, BOND),
                coin(3, StakeKind::Unbonding, BOND),
            ]),
            "pos",
        ),
        (
            StakeAction::Renew {
                coin: coin(1, StakeKind::Bonded, BOND),
                registration: registration(delegate(2)),
            },
            "dpos",
        ),
    ]
}

#[test]
fn every_action_is_built_reviewed_signed_and_finalized() {
    for (action, engine) in all_actions() {
        let psbt = built(action.clone(), engine).expect("built");
        assert_eq!(refusals(&psbt), [""; 0], "{action:?}");
        let size = reviewed(&psbt).size_vb;
        let transaction = signed(&psbt);
        let actual = transaction.vsize() as u64;
        assert!(size >= actual && size <= actual + 3, "{size} for {actual}");
        for (input, _) in transaction.input.iter().zip(action.coins()) {
            let tag = action.tag().expect("coins are spent by a tag");
            assert_eq!(input.witness.len(), 3);
            assert_eq!(input.witness.last(), Some(&[tag.byte()][..]));
        }
    }
}

#[test]
fn a_bond_has_its_registration_before_it_and_change_after() {
    let (action, engine) = all_actions().remove(0);
    let psbt = built(action, engine).expect("built");
    let outputs = &psbt.unsigned_tx.output;
    assert_eq!(
        Registration::of_script(&outputs[0].script_pubkey),
        Some(registration(delegate(2)))
    );
    let bond = program(StakeKind::Bonded, delegate(2));
    assert_eq!(outputs[1].script_pubkey, bond.script());
    assert_eq!(outputs[1].value.to_sat(), BOND);
    let review = reviewed(&psbt);
    assert_eq!(review.outputs[0].role, Role::Registration);
    assert_eq!(review.outputs[1].role, Role::Stake);
    assert!(matches!(review.outputs[2].role, Role::Change { .. }));
    assert_eq!((review.sent_sat, review.locked_sat), (0, BOND));
    assert_eq!(review.claimed_terms, Some(terms("pos")));
    let warnings: Vec<_> = review.warnings().iter().map(Finding::code).collect();
    assert_eq!(warnings, ["stake-at-risk"]);
}

#[test]
fn fees_of_unbonding_come_out_of_the_stake_up_to_the_cap() {
    let unbond = |sat_per_kwu| {
        let action = StakeAction::Unbond(vec![coin(1, StakeKind::Bonded, BOND)]);
        let fee_rate = FeeRate::from_sat_per_kwu(sat_per_kwu);
        let plan = StakePlan {
            fee_rate,
            ..plan(action, "pos")
        };
        funded(ScriptKind::Wpkh, &[]).build_stake(&plan)
    };
    let psbt = unbond(250).expect("built without any other coin");
    assert_eq!(psbt.unsigned_tx.output.len(), 1);
    let unbonding = program(StakeKind::Unbonding, delegate(2));
    assert_eq!(psbt.unsigned_tx.output[0].script_pubkey, unbonding.script());
    let error = unbond(250 * 100).map(|_| ()).expect_err("too much");
    assert_eq!(error.code(), "stake-fee");
}

#[test]
fn stake_is_refused_below_what_the_network_counts() {
    for (engine, least, is_bond) in [("pos", BOND, true), ("dpos", BOND / 10, false)] {
        let with = |sat| {
            let amount = Amount::from_sat(sat);
            let action = if is_bond {
                StakeAction::Bond {
                    registration: registration(delegate(2)),
                    amount,
                }
            } else {
                StakeAction::Delegate {
                    delegate: delegate(2),
                    amount,
                }
            };
            built(action, engine).map(|_| ()).map_err(|e| e.code())
        };
        assert_eq!(with(least), Ok(()));
        assert_eq!(with(least - 1), Err("stake-too-small"));
    }
}

#[test]
fn stake_is_spent_only_in_the_ways_that_its_kind_has() {
    let bond = || vec![coin(1, StakeKind::Bonded, BOND)];
    let vote = || vec![coin(0, StakeKind::Bonded, BOND)];
    let unbonding = || vec![coin(0, StakeKind::Unbonding, BOND)];
    let redelegate = |coins| StakeAction::Redelegate {
        coins,
        delegate: delegate(3),
    };
    let code = |action, engine| built(action, engine).map(|_| ()).map_err(|e| e.code());
    for (action, engine) in [
        (StakeAction::Withdraw(bond()), "pos"),
        (StakeAction::Withdraw(vote()), "pos"),
        (StakeAction::Withdraw(bond()), "dpos"),
        (StakeAction::Unbond(unbonding()), "pos"),
        (redelegate(vote()), "pos"),
        (redelegate(bond()), "dpos"),
    ] {
        assert_eq!(code(action.clone(), engine), Err("stake-way"), "{action:?}");
    }
    assert_eq!(code(StakeAction::Withdraw(vote()), "dpos"), Ok(()));
    assert_eq!(
        code(StakeAction::Unbond(Vec::new()), "pos"),
        Err("stake-coins")
    );
    let mut foreign = coin(1, StakeKind::Bonded, BOND);
    foreign.program.owner = [9; 20];
    let action = StakeAction::Unbond(vec![foreign]);
    assert_eq!(code(action, "pos"), Err("stake-foreign"));
}

/// Changes a PSBT that unbonds, and returns what then speaks against it.
fn tampered(change: impl FnOnce(&mut Psbt)) -> Vec<&'static str> {
    let action = StakeAction::Unbond(vec![coin(1, StakeKind::Bonded, BOND)]);
    let mut psbt = built(action, "pos").expect("built");
    change(&mut psbt);
    refusals(&psbt)
}

#[test]
fn unbonded_stake_that_does_not_come_back_is_not_signed() {
    let foreign = StakeProgram {
        owner: [9; 20],
        ..program(StakeKind::Unbonding, delegate(2))
    };
    let codes = tampered(|it| it.unsigned_tx.output[0].script_pubkey = foreign.script());
    assert!(codes.contains(&"stake-not-returned") && codes.contains(&"foreign-stake"));
    let other = program(StakeKind::Unbonding, delegate(3));
    let codes = tampered(|it| it.unsigned_tx.output[0].script_pubkey = other.script());
    assert_eq!(codes, ["stake-not-returned"]);
    let bonded = program(StakeKind::Bonded, delegate(2));
    let codes = tampered(|it| it.unsigned_tx.output[0].script_pubkey = bonded.script());
    assert_eq!(codes, ["stake-not-returned"]);
    let at_limit = Amount::from_sat(BOND - 10_000);
    assert_eq!(
        tampered(|it| it.unsigned_tx.output[0].value = at_limit),
        [""; 0]
    );
    let past = Amount::from_sat(BOND - 10_001);
    assert_eq!(
        tampered(|it| it.unsigned_tx.output[0].value = past),
        ["stake-not-returned"]
    );
}

#[test]
fn a_tag_that_is_missing_unknown_or_of_another_kind_is_not_signed() {
    let codes = tampered(|it| it.inputs[0].proprietary.clear());
    assert_eq!(codes, ["stake-tag-missing"]);
    for (byte, expected) in [(2, "stake-tag-missing"), (9, "stake-tag-missing")] {
        let codes = tampered(|it| {
            let (key, _) = tag_field(StakeTag::Unbond);
            it.inputs[0].proprietary.insert(key, vec![byte]);
        });
        assert_eq!(codes, [expected], "{byte}");
    }
    // A bond cannot be withdrawn, whoever is paid.
    let codes = tampered(|it| {
        let (key, value) = tag_field(StakeTag::Withdraw);
        it.inputs[0].proprietary.insert(key, value);
    });
    assert_eq!(codes, ["stake-way"]);
}

#[test]
fn stake_is_signed_for_with_proven_amounts_and_the_hash_type_all_only() {
    let codes = tampered(|it| it.inputs[0].non_witness_utxo = None);
    assert_eq!(codes, ["missing-previous-transaction"]);
    let codes = tampered(|it| {
        it.inputs[0].sighash_type = Some(PsbtSighashType::from(EcdsaSighashType::None));
    });
    assert_eq!(codes, ["stake-sighash"]);
}

#[test]
fn coins_are_not_locked_for_somebody_elses_key_or_for_nobody() {
    let bond = |change: &dyn Fn(&mut Vec<TxOut>)| {
        let (action, engine) = all_actions().remove(0);
        let mut psbt = built(action, engine).expect("built");
        change(&mut psbt.unsigned_tx.output);
        refusals(&psbt)
    };
    let foreign = StakeProgram {
        owner: [9; 20],
        ..program(StakeKind::Bonded, delegate(2))
    };
    assert_eq!(
        bond(&|outputs| outputs[1].script_pubkey = foreign.script()),
        ["foreign-stake"]
    );
    let nobody = program(StakeKind::Bonded, Delegate::NOBODY);
    assert_eq!(
        bond(&|outputs| outputs[1].script_pubkey = nobody.script()),
        ["stake-for-nobody"]
    );
    let other = registration(delegate(3)).script();
    assert_eq!(
        bond(&|outputs| outputs[0].script_pubkey = other.clone()),
        ["registration-missing"]
    );
}

#[test]
fn a_signature_for_stake_that_is_not_the_owners_does_not_finalize() {
    let action = StakeAction::Unbond(vec![coin(1, StakeKind::Bonded, BOND)]);
    let psbt = built(action, "pos").expect("built");
    let permitted = reviewed(&psbt).permit(Overrides::default());
    let mut signed = permitted
        .expect("permitted")
        .sign(&keys(ScriptKind::Wpkh))
        .expect("signed")
        .psbt;
    assert!(finalize(signed.clone()).is_ok());
    // The same signature over other outputs.
    signed.unsigned_tx.output[0].value = Amount::from_sat(BOND - 9_999);
    let error = finalize(signed).map(|_| ()).expect_err("not valid");
    assert!(matches!(error, PsbtError::Incomplete(inputs) if inputs == [0]));
}

#[test]
fn a_transaction_with_stake_is_not_replaced_in_another_order() {
    let mut wallet = funded(ScriptKind::Wpkh, &[60_000_000, 70_000_000]);
    let (action, engine) = all_actions().remove(0);
    let psbt = wallet.build_stake(&plan(action, engine)).expect("built");
    let transaction = signed(&psbt);
    let txid = transaction.compute_txid();
    wallet.apply_unconfirmed(transaction, 1_700_000_000);
    let bumped = wallet.build_bump(txid, FeeRate::from_sat_per_kwu(5_000), &[]);
    assert_eq!(
        bumped.map(|_| ()).map_err(|e| e.code()),
        Err("tx-not-replaceable")
    );
}
