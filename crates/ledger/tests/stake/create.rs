//! Making stake outputs.

use synod_ledger::{StakeError, check_stake_outputs};
use synod_primitives::{OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness};
use synod_seal::{Anchor, Candidacy, DelegateHash, StakeKind, StakeProgram};

use crate::kit::{Delegate, Owner, output, payment, program, rules, stake};

/// The preset's least bond under proof of stake.
const LEAST: i64 = 1_000_000_000;

fn verdict(outputs: Vec<TxOut>) -> Result<(), StakeError> {
    let input = TxIn {
        prevout: OutPoint::new(Txid::from_bytes([1; 32]), 0),
        script_sig: Script::new(Vec::new()),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let transaction = Transaction::new(2, vec![input], outputs, 0);
    check_stake_outputs(&transaction, &rules("pos"))
}

fn bonded(delegate: u8) -> StakeProgram {
    program(StakeKind::Bonded, &Owner::new(1), &Delegate::new(delegate))
}

fn anchor(delegate: u8) -> Anchor {
    Anchor {
        delegate: Delegate::new(delegate).hash(),
        anchor: [4; 32],
    }
}

#[test]
fn a_registration_has_its_delegates_anchor_before_it_and_the_least_bond() {
    let with = |before: Script, sat| verdict(vec![output(before, 0), stake(bonded(2), sat)]);
    let named = Candidacy::new(anchor(2), "alice").expect("a name");
    assert_eq!(with(anchor(2).script(), LEAST), Ok(()));
    assert_eq!(with(named.script(), LEAST), Ok(()));
    assert_eq!(
        with(anchor(2).script(), LEAST - 1),
        Err(StakeError::Registration)
    );
    assert_eq!(
        with(anchor(3).script(), LEAST),
        Err(StakeError::Registration)
    );
    assert_eq!(
        with(Script::new(vec![0x6a]), LEAST),
        Err(StakeError::Registration)
    );
    assert_eq!(StakeError::Registration.code(), "bad-stake-registration");
}

#[test]
fn delegations_stand_anywhere_else_with_any_amount() {
    assert_eq!(verdict(vec![stake(bonded(2), 1)]), Ok(()));
    assert_eq!(
        verdict(vec![payment(1), payment(1), stake(bonded(2), 1)]),
        Ok(())
    );
    let both = vec![
        output(anchor(2).script(), 0),
        stake(bonded(2), LEAST),
        stake(bonded(3), 1),
    ];
    assert_eq!(verdict(both), Ok(()));
}

#[test]
fn a_bond_for_nobody_is_refused_and_unbonding_for_nobody_is_not() {
    let nobody = StakeProgram {
        delegate: DelegateHash::ZERO,
        ..bonded(2)
    };
    assert_eq!(verdict(vec![stake(nobody, 1)]), Err(StakeError::Delegate));
    assert_eq!(verdict(vec![stake(nobody.unbonding(), 1)]), Ok(()));
    assert_eq!(StakeError::Delegate.code(), "bad-stake-delegate");
}
