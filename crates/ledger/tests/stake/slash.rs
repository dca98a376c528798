//! Slashing: what evidence proves, what a penalty is, and that nothing appears or is lost
//! (attacks S12 and S13 of the catalogue).

use synod_ledger::{REGISTRATION_INDEX, StakeError, check_stake_inputs, report_transaction};
use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, Height, MerkleRoot, OutPoint, Script,
    Transaction, TxIn, TxOut, Witness,
};
use synod_seal::{
    DelegateHash, Evidence, EvidenceError, Mode, Seal, SealError, SealedHeader, Sections, Slot,
    StakeKind, StakeProgram, Statement, UnsealedHeader,
};

use crate::kit::{
    BOND, Delegate, Owner, Spend, burn, coin, output, payment, program, rules, stake,
};

fn bonded() -> StakeProgram {
    program(StakeKind::Bonded, &Owner::new(1), &Delegate::new(2))
}

fn evidence() -> [Vec<u8>; 2] {
    Delegate::new(2).double_vote(&rules("pos").chain_id)
}

/// What is burned, and what is left, of a bond with half of it slashed and a reward of 1/64.
fn shares(amount: i64) -> (i64, i64) {
    let penalty = (amount + 1) / 2;
    (penalty - penalty / 64, amount - penalty)
}

fn slash(amount: i64, outputs: Vec<TxOut>) -> Result<Vec<DelegateHash>, StakeError> {
    let spend = Spend {
        coins: vec![coin(1, &stake(bonded(), amount))],
        outputs,
    };
    spend.check(&spend.slashing(&evidence()), 100, &rules("pos"))
}

#[test]
fn a_penalty_is_burned_the_rest_kept_and_the_reward_is_what_remains() {
    for amount in [0, 1, 2, 3, 127, 128, 129, BOND, Amount::MAX_MONEY.sat()] {
        let (burned, rest) = shares(amount);
        let reward = amount - burned - rest;
        let outputs = vec![
            burn(burned),
            stake(bonded().slashed(), rest),
            payment(reward),
        ];
        let paid: i64 = outputs.iter().map(|it| it.value.sat()).sum();
        assert_eq!(paid, amount, "nothing appears or is lost");
        assert_eq!(
            slash(amount, outputs),
            Ok(vec![Delegate::new(2).hash()]),
            "{amount}"
        );
        if burned > 0 {
            let outputs = vec![burn(burned - 1), stake(bonded().slashed(), rest)];
            assert_eq!(slash(amount, outputs), Err(StakeError::Burn), "{amount}");
        }
        if rest > 0 {
            let outputs = vec![burn(burned), stake(bonded().slashed(), rest - 1)];
            assert_eq!(slash(amount, outputs), Err(StakeError::Rest), "{amount}");
        }
    }
    assert_eq!(StakeError::Burn.code(), "bad-slash-burn");
    assert_eq!(StakeError::Rest.code(), "bad-slash-rest");
}

#[test]
fn a_guilty_bond_cannot_be_laundered_into_fees_or_its_own_program() {
    let (burned, rest) = shares(BOND);
    assert_eq!(slash(BOND, vec![payment(1)]), Err(StakeError::Burn));
    let own = stake(bonded().unbonding(), rest);
    assert_eq!(slash(BOND, vec![burn(burned), own]), Err(StakeError::Rest));
    let bonded_again = stake(bonded(), rest);
    assert_eq!(
        slash(BOND, vec![burn(burned), bonded_again]),
        Err(StakeError::Rest)
    );
    assert_eq!(
        slash(BOND, vec![burn(burned), payment(rest)]),
        Err(StakeError::Rest)
    );
    let theirs = program(StakeKind::Unbonding, &Owner::new(7), &Delegate::new(2)).slashed();
    assert_eq!(
        slash(BOND, vec![burn(burned), stake(theirs, rest)]),
        Err(StakeError::Rest)
    );
}

#[test]
fn what_is_left_of_slashed_stake_is_not_slashed_with_the_same_evidence() {
    let rest = bonded().slashed();
    let spend = Spend {
        coins: vec![coin(1, &stake(rest, BOND))],
        outputs: vec![burn(BOND), stake(rest, BOND)],
    };
    let error = spend.check(&spend.slashing(&evidence()), 100, &rules("pos"));
    assert_eq!(error, Err(StakeError::Tag));
}

#[test]
fn stake_that_unbonds_is_still_slashed() {
    let spend = Spend {
        coins: vec![coin(0, &stake(bonded().unbonding(), BOND))],
        outputs: vec![
            burn(shares(BOND).0),
            stake(bonded().slashed(), shares(BOND).1),
        ],
    };
    let guilty = spend.check(&spend.slashing(&evidence()), 100, &rules("pos"));
    assert_eq!(guilty, Ok(vec![Delegate::new(2).hash()]));
}

#[test]
fn many_bonds_of_one_delegate_are_slashed_at_once_and_each_in_full() {
    let second = program(StakeKind::Bonded, &Owner::new(3), &Delegate::new(2));
    let (burned, rest) = shares(BOND);
    let spend = |burned, rests: [i64; 2]| {
        let spend = Spend {
            coins: vec![
                coin(1, &stake(bonded(), BOND)),
                coin(2, &stake(second, BOND)),
            ],
            outputs: vec![
                burn(burned),
                stake(bonded().slashed(), rests[0]),
                stake(second.slashed(), rests[1]),
            ],
        };
        spend.check(&spend.slashing(&evidence()), 100, &rules("pos"))
    };
    let delegate = Delegate::new(2).hash();
    assert_eq!(
        spend(2 * burned, [rest, rest]),
        Ok(vec![delegate, delegate])
    );
    assert_eq!(spend(2 * burned - 1, [rest, rest]), Err(StakeError::Burn));
    assert_eq!(spend(2 * burned, [2 * rest, 0]), Err(StakeError::Rest));
}

#[test]
fn votes_of_others_are_not_slashed_and_registrations_are_in_full() {
    let evidence = Delegate::new(2).double_vote(&rules("dpos").chain_id);
    let slash = |vout, burned| {
        let spend = Spend {
            coins: vec![coin(vout, &stake(bonded(), 6400))],
            outputs: vec![burn(burned)],
        };
        spend
            .check(&spend.slashing(&evidence), 100, &rules("dpos"))
            .map(|_| ())
    };
    assert_eq!(slash(REGISTRATION_INDEX, 6300), Ok(()));
    assert_eq!(slash(REGISTRATION_INDEX, 6299), Err(StakeError::Burn));
    assert_eq!(slash(0, 6400), Err(StakeError::Tag));
    assert_eq!(slash(2, 6400), Err(StakeError::Tag));
}

/// Checks a slashing that pays all it has to.
fn judge(statements: &[Vec<u8>; 2]) -> Result<Vec<DelegateHash>, StakeError> {
    let spend = Spend {
        coins: vec![coin(1, &stake(bonded(), BOND))],
        outputs: vec![burn(BOND), stake(bonded().slashed(), BOND)],
    };
    spend.check(&spend.slashing(statements), 100, &rules("pos"))
}

#[test]
fn forged_repeated_and_foreign_evidence_proves_nothing() {
    let guilty = Ok(vec![Delegate::new(2).hash()]);
    let [first, second] = evidence();
    assert_eq!(judge(&[first.clone(), second.clone()]), guilty);
    assert_eq!(
        judge(&[second.clone(), first.clone()]),
        guilty,
        "in either order"
    );
    let no_contradiction = Err(StakeError::Evidence(EvidenceError::NoContradiction));
    assert_eq!(judge(&[first.clone(), first.clone()]), no_contradiction);
    let mut forged = second.clone();
    *forged.last_mut().expect("bytes") ^= 1;
    let unsigned = EvidenceError::Statement(SealError::Signature);
    assert_eq!(
        judge(&[first.clone(), forged]),
        Err(StakeError::Evidence(unsigned))
    );
    let mut cut = second;
    cut.pop();
    let malformed = StakeError::Evidence(EvidenceError::Format);
    assert_eq!(judge(&[first, cut]), Err(malformed));
    let elsewhere = Delegate::new(2).double_vote(&[7; 32]);
    assert_eq!(judge(&elsewhere), Err(StakeError::Evidence(unsigned)));
    let theirs = Delegate::new(3).double_vote(&rules("pos").chain_id);
    assert_eq!(judge(&theirs), Err(StakeError::EvidenceKey));
    assert_eq!(StakeError::EvidenceKey.code(), "bad-evidence-delegate");
    assert_eq!(malformed.code(), "bad-evidence-format");
}

fn sealed_block(delegate: &Delegate, slot: u64, salt: u8) -> SealedHeader {
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(vec![0x02, 200, 0, 1, salt]),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let commitment = [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &[0; 32]].concat();
    let outputs = vec![output(Script::new(commitment), 0)];
    let coinbase = Transaction::new(2, vec![input], outputs, 0);
    let header = Header {
        version: 0x2000_0000,
        previous_block_hash: BlockHash::from_bytes([3; 32]),
        merkle_root: MerkleRoot::ZERO,
        time: 1_800_000_000,
        bits: CompactTarget(0x207f_ffff),
        nonce: 0,
    };
    let template = Block::new(header, vec![coinbase]);
    let seal = Seal {
        mode: Mode::Pos,
        slot: Slot(slot),
        round: 0,
        previously_sealed: Height(0),
        prevoted: Height(0),
        reveal: [0; 32],
        key: delegate.key(),
        signature: [0; 64],
        sections: Sections::default(),
    };
    let unsealed = UnsealedHeader::of_block(&template, &seal).expect("a template");
    let signature = delegate.sign(unsealed.digest(&rules("pos").chain_id));
    let block = unsealed.seal_block(&template, signature).expect("a nonce");
    SealedHeader::of_block(&block).expect("a block")
}

fn statement(sealed: SealedHeader) -> Vec<u8> {
    Statement::Block(Box::new(sealed)).encode()
}

#[test]
fn two_blocks_for_one_slot_are_punished_and_blocks_of_two_slots_are_not() {
    let delegate = Delegate::new(2);
    let block = |slot, salt| statement(sealed_block(&delegate, slot, salt));
    assert_eq!(
        judge(&[block(9, 0), block(9, 1)]),
        Ok(vec![delegate.hash()])
    );
    let honest = judge(&[block(9, 0), block(10, 1)]);
    assert_eq!(
        honest,
        Err(StakeError::Evidence(EvidenceError::NoContradiction))
    );
}

#[test]
fn evidence_by_re_grinding_a_nonce_is_refused() {
    let honest = sealed_block(&Delegate::new(2), 9, 0);
    let mut tried = 0;
    for nonce in (0..32).filter(|nonce| *nonce != honest.header.nonce) {
        let mut forged = honest.clone();
        forged.header.nonce = nonce;
        let verdict = judge(&[statement(honest.clone()), statement(forged)]);
        let nonce_rule = EvidenceError::Statement(SealError::Nonce);
        assert_eq!(verdict, Err(StakeError::Evidence(nonce_rule)));
        tried += 1;
    }
    assert_eq!(tried, 31);
}

#[test]
fn a_report_that_was_made_passes_at_every_amount_and_pays_the_reporter() {
    let chain_id = rules("pos").chain_id;
    let [first, second] = evidence();
    let evidence = Evidence::decode(&first, &second).expect("evidence");
    assert!(evidence.check(&chain_id).is_ok());
    let reward = payment(0).script_pubkey;
    for amount in [1, 2, 3, 127, 128, 129, BOND, Amount::MAX_MONEY.sat() / 2] {
        let amounts = [amount, amount];
        let coins: Vec<_> = (1..)
            .zip(amounts)
            .map(|(n, it)| coin(n, &stake(bonded(), it)))
            .collect();
        let given = coins.iter();
        let given = given.map(|(outpoint, it)| (*outpoint, bonded(), it.value));
        let given: Vec<_> = given.collect();
        let report = report_transaction(&given, &evidence, reward.clone(), &rules("pos"));
        let report = report.expect("there is something to slash");
        let spent: Vec<_> = coins.into_iter().map(|(_, it)| it).collect();
        let guilty = check_stake_inputs(&report, &spent, Height(100), &rules("pos"));
        assert_eq!(guilty, Ok(vec![Delegate::new(2).hash(); 2]), "{amount}");
        let paid: i64 = report.outputs().iter().map(|it| it.value.sat()).sum();
        assert_eq!(paid, 2 * amount, "nothing appears or is lost");
        let (burned, rest) = shares(amount);
        let rewarded = report
            .outputs()
            .iter()
            .filter(|it| it.script_pubkey == reward);
        let rewarded: i64 = rewarded.map(|it| it.value.sat()).sum();
        assert_eq!(rewarded, 2 * (amount - burned - rest));
    }
    assert!(report_transaction(&[], &evidence, reward, &rules("pos")).is_none());
}
