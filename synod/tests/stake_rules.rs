//! The wallet's stake transactions under the ledger's rules: two implementations that share no
//! code have to agree on every byte.

use std::sync::Arc;

use synod_chainspec::ChainSpec;
use synod_ledger::{Coin, StakeError, StakeRules, check_stake_inputs, check_stake_outputs};
use synod_primitives::{Height, Script, Transaction, TxOut};
use synod_seal::{Anchor, Candidacy, DelegateHash, OwnerHash, SealKey};
use synod_wallet_core::bdk_wallet::Update;
use synod_wallet_core::bdk_wallet::chain::{BlockId, CheckPoint, ConfirmationBlockTime, TxUpdate};
use synod_wallet_core::bitcoin::consensus::serialize;
use synod_wallet_core::bitcoin::constants::genesis_block;
use synod_wallet_core::bitcoin::hashes::Hash as _;
use synod_wallet_core::bitcoin::{self, Amount, FeeRate};
use synod_wallet_core::keys::{AccountKeys, ScriptKind};
use synod_wallet_core::keystore::Revealed;
use synod_wallet_core::psbt::{Context, Overrides, finalize, review};
use synod_wallet_core::stake::{
    Delegate, Registration, StakeCoin, StakeKind, StakeOwner, StakeProgram, StakeTerms,
};
use synod_wallet_core::wallet::{StakeAction, StakePlan, Wallet};

/// What the preset asks of a candidate; more than it asks of a validator.
const BOND: u64 = 5_000_000_000;
/// The height of the block that holds every coin.
const COIN_HEIGHT: u32 = 10;
const ANCHOR: [u8; 32] = [7; 32];

fn keys() -> AccountKeys {
    AccountKeys::from_seed(&[0x42; 32], ScriptKind::Wpkh, 0).expect("keys")
}

fn owner() -> StakeOwner {
    keys().descriptors().stake_owner().expect("an owner")
}

fn rules(engine: &str) -> StakeRules {
    let text = format!("base = \"sealed\"\nengine = \"{engine}\"\n");
    let spec = ChainSpec::parse(&text).expect("a spec");
    StakeRules::of_spec(&spec).expect("an engine with stake")
}

fn terms(engine: &str) -> StakeTerms {
    let rules = rules(engine);
    let sat = |amount: synod_primitives::Amount| amount.sat().unsigned_abs();
    StakeTerms {
        engine: engine.to_owned(),
        min_bond_sat: sat(rules.min_bond),
        min_delegation_sat: sat(rules.min_delegation),
        unbonding_blocks: rules.unbonding_blocks,
        slash_percent: rules.slash_percent,
        fee_cap_sat: sat(rules.fee_cap),
    }
}

fn delegate(byte: u8) -> Delegate {
    Delegate([byte; 20])
}

fn registration(name: Option<&str>) -> Registration {
    let anchor = synod_primitives::hex::encode(ANCHOR);
    Registration::parse(delegate(2), &anchor, name).expect("valid")
}

/// A transaction from nowhere with these outputs.
fn from_nowhere(outputs: Vec<bitcoin::TxOut>, salt: u8) -> bitcoin::Transaction {
    let input = bitcoin::TxIn {
        previous_output: bitcoin::OutPoint::new(bitcoin::Txid::hash(&[salt]), 0),
        ..bitcoin::TxIn::default()
    };
    bitcoin::Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: vec![input],
        output: outputs,
    }
}

fn paying(script: &bitcoin::ScriptBuf, sat: u64) -> bitcoin::TxOut {
    bitcoin::TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: script.clone(),
    }
}

fn stake_coin(vout: u32, kind: StakeKind) -> StakeCoin {
    let program = StakeProgram {
        kind,
        owner: owner().hash(),
        delegate: delegate(2),
    };
    let outputs = (0..=vout).map(|_| paying(&program.script(), BOND));
    StakeCoin::of(&from_nowhere(outputs.collect(), 9), vout).expect("stake")
}

/// A wallet with two confirmed coins, and the transaction that made them.
fn funded() -> (Wallet, bitcoin::Transaction) {
    let mut wallet = Wallet::create(&keys().descriptors()).expect("a wallet");
    let script = wallet.new_address().address.script_pubkey();
    let funding = from_nowhere(vec![paying(&script, BOND), paying(&script, BOND)], 1);
    let block = |height: u32| BlockId {
        height,
        hash: if height == 0 {
            genesis_block(synod_wallet_core::NETWORK).block_hash()
        } else {
            bitcoin::BlockHash::hash(&height.to_le_bytes())
        },
    };
    let mut update = TxUpdate::default();
    let anchor = ConfirmationBlockTime {
        block_id: block(COIN_HEIGHT),
        confirmation_time: 1_700_000_000,
    };
    update.anchors.insert((anchor, funding.compute_txid()));
    update.txs.push(Arc::new(funding.clone()));
    let chain = CheckPoint::from_block_ids([block(0), block(COIN_HEIGHT), block(20)]);
    let update = Update {
        tx_update: update,
        chain: Some(chain.expect("ascending")),
        ..Update::default()
    };
    wallet.apply(update).expect("connects");
    (wallet, funding)
}

/// What the wallet makes of an action, and the coins that it spends, as the ledger has them.
struct Made {
    transaction: Transaction,
    spent: Vec<Coin>,
}

impl Made {
    fn by(action: StakeAction, engine: &str) -> Self {
        let (mut wallet, funding) = funded();
        let previous: Vec<bitcoin::Transaction> = action
            .coins()
            .iter()
            .map(|coin| coin.previous.clone())
            .chain([funding])
            .collect();
        let plan = StakePlan {
            action,
            owner: owner(),
            terms: terms(engine),
            fee_rate: FeeRate::from_sat_per_kwu(500),
            reserved: Vec::new(),
        };
        let psbt = wallet.build_stake(&plan).expect("built");
        let descriptors = keys().descriptors();
        let context = Context {
            descriptors: Some(&descriptors),
            signed: &[],
            revealed: Revealed::default(),
        };
        let permitted = review(psbt, context).permit(Overrides::default());
        let signed = permitted.expect("permitted").sign(&keys());
        let (_, made) = finalize(signed.expect("signed").psbt).expect("complete");
        let coin = |input: &bitcoin::TxIn| {
            let outpoint = input.previous_output;
            let made_by = previous
                .iter()
                .find(|it| it.compute_txid() == outpoint.txid)
                .expect("known");
            let vout = usize::try_from(outpoint.vout).expect("small");
            let output = &made_by.output[vout];
            let output = TxOut {
                value: synod_primitives::Amount::from_sat(
                    i64::try_from(output.value.to_sat()).expect("in range"),
                ),
                script_pubkey: Script::new(output.script_pubkey.to_bytes()),
            };
            Coin::new(&output, Height(COIN_HEIGHT), false)
        };
        let spent = made.input.iter().map(coin).collect();
        let transaction = Transaction::decode(&serialize(&made).into()).expect("a transaction");
        assert_eq!(
            transaction.txid().to_string(),
            made.compute_txid().to_string()
        );
        Self { transaction, spent }
    }

    fn check(&self, height: u32, engine: &str) -> Result<(), StakeError> {
        let rules = rules(engine);
        check_stake_outputs(&self.transaction, &rules)?;
        let guilty = check_stake_inputs(&self.transaction, &self.spent, Height(height), &rules)?;
        assert!(guilty.is_empty());
        Ok(())
    }
}

#[test]
fn the_ledger_takes_every_stake_transaction_that_the_wallet_makes() {
    let amount = Amount::from_sat(BOND);
    let actions = [
        (
            StakeAction::Bond {
                registration: registration(None),
                amount,
            },
            &["pos", "dpos"][..],
        ),
        (
            StakeAction::Bond {
                registration: registration(Some("validator-9")),
                amount,
            },
            &["dpos"],
        ),
        (
            StakeAction::Delegate {
                delegate: delegate(2),
                amount,
            },
            &["pos", "dpos"],
        ),
        (
            StakeAction::Unbond(vec![stake_coin(1, StakeKind::Bonded)]),
            &["pos", "dpos"],
        ),
        (
            StakeAction::Unbond(vec![
                stake_coin(1, StakeKind::Bonded),
                stake_coin(2, StakeKind::Bonded),
            ]),
            &["pos"],
        ),
        (
            StakeAction::Redelegate {
                coins: vec![stake_coin(0, StakeKind::Bonded)],
                delegate: delegate(3),
            },
            &["dpos"],
        ),
        (
            StakeAction::Withdraw(vec![stake_coin(2, StakeKind::Bonded)]),
            &["dpos"],
        ),
        (
            StakeAction::Renew {
                coin: stake_coin(1, StakeKind::Bonded),
                registration: registration(Some("validator-9")),
            },
            &["dpos"],
        ),
    ];
    for (action, engines) in actions {
        for engine in engines {
            let made = Made::by(action.clone(), engine);
            assert_eq!(made.check(21, engine), Ok(()), "{engine}: {action:?}");
        }
    }
}

#[test]
fn unbonding_stake_is_free_at_its_block_and_refused_one_block_before() {
    for engine in ["pos", "dpos"] {
        let coins = vec![
            stake_coin(0, StakeKind::Unbonding),
            stake_coin(1, StakeKind::Unbonding),
        ];
        let made = Made::by(StakeAction::Withdraw(coins), engine);
        let free = COIN_HEIGHT + rules(engine).unbonding_blocks;
        assert_eq!(
            made.check(free - 1, engine),
            Err(StakeError::Locked { left: 1 })
        );
        assert_eq!(made.check(free, engine), Ok(()));
    }
}

#[test]
fn scripts_hashes_and_registrations_are_the_ledgers() {
    for (kind, theirs) in [
        (StakeKind::Bonded, synod_seal::StakeKind::Bonded),
        (StakeKind::Unbonding, synod_seal::StakeKind::Unbonding),
    ] {
        let ours = StakeProgram {
            kind,
            owner: owner().hash(),
            delegate: delegate(2),
        };
        let theirs = synod_seal::StakeProgram {
            kind: theirs,
            owner: OwnerHash::of_key(&owner().key().inner.serialize()),
            delegate: DelegateHash([2; 20]),
        };
        assert_eq!(ours.script().as_bytes(), theirs.script().as_bytes());
    }
    let anchor = Anchor {
        delegate: DelegateHash([2; 20]),
        anchor: ANCHOR,
    };
    let ours = registration(None).script();
    assert_eq!(ours.as_bytes(), anchor.script().as_bytes());
    let candidacy = Candidacy::new(anchor, "validator-9").expect("a name");
    let ours = registration(Some("validator-9")).script();
    assert_eq!(ours.as_bytes(), candidacy.script().as_bytes());
    let key = SealKey([0x79; 32]);
    let ours = Delegate::parse(&key.to_string()).expect("a key");
    assert_eq!(ours.0, key.delegate_hash().0);
}
