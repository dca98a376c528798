//! Stake of a hot wallet against a double of an explorer: what it makes, finds and refuses.

mod double;

use std::{path::Path, time::Duration};

use double::Double;
use synod_wallet::{
    explorer::Explorer,
    hot::{HotWallet, Paid, Stake},
};
use synod_wallet_core::{
    bitcoin::{
        Amount, FeeRate, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
        absolute::LockTime, transaction::Version,
    },
    keys::{AccountKeys, ScriptKind},
    psbt::Overrides,
    stake::{Delegate, Registration, StakeKind, StakeOwner, StakeProgram},
    wallet::{StakeAction, StakePlan},
};

const BOND: u64 = 2_000_000;

fn keys() -> AccountKeys {
    AccountKeys::from_seed(&[1; 32], ScriptKind::Wpkh, 0).expect("keys")
}

fn owner() -> StakeOwner {
    keys().descriptors().stake_owner().expect("an owner")
}

fn delegate() -> Delegate {
    Delegate([7; 20])
}

/// A network of proof of stake with a wallet on it.
struct Scene {
    double: Double,
    explorer: Explorer,
    wallet: HotWallet,
}

impl Scene {
    async fn start(directory: &Path, amounts: &[u64]) -> Self {
        let double = Double::start();
        double.chain().has_stake = true;
        let explorer = Explorer::new(double.url(), Duration::from_secs(5)).expect("address");
        let wallet = open(directory).await;
        let address = wallet.new_address().await.expect("address").address;
        double.fund(&address, amounts);
        wallet.refresh(&explorer).await.expect("syncs");
        Self {
            double,
            explorer,
            wallet,
        }
    }

    async fn plan(&self, action: StakeAction) -> StakePlan {
        let terms = self.explorer.stake_terms().await.expect("an answer");
        StakePlan {
            action,
            owner: owner(),
            terms: terms.expect("an engine with stake"),
            fee_rate: FeeRate::from_sat_per_vb_u32(2),
            reserved: Vec::new(),
        }
    }

    async fn make(&self, action: StakeAction) -> Paid {
        let plan = self.plan(action).await;
        let overrides = Overrides::default();
        let paid = self
            .wallet
            .pay_stake(&keys(), &self.explorer, &plan, overrides)
            .await;
        self.double.mine();
        self.wallet.refresh(&self.explorer).await.expect("syncs");
        paid.expect("made")
    }

    async fn bond(&self) -> Paid {
        let registration = Registration::parse(delegate(), &"ab".repeat(32), None);
        self.make(StakeAction::Bond {
            registration: registration.expect("valid"),
            amount: Amount::from_sat(BOND),
        })
        .await
    }

    async fn stake(&self) -> Stake {
        let found = self.wallet.find_stake(&self.explorer, &owner()).await;
        found.expect("found")
    }
}

async fn open(directory: &Path) -> HotWallet {
    HotWallet::open(directory, "shop", &keys().descriptors(), 0)
        .await
        .expect("opens")
}

fn rows(stake: &Stake) -> Vec<(StakeKind, bool, u64)> {
    let row = |it: &synod_wallet::hot::StakeEntry| {
        let program = it.coin.program;
        (program.kind, it.coin.is_registration(), it.coin.amount_sat)
    };
    stake.entries.iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bond_is_found_unbonded_and_withdrawn_into_the_wallet() {
    let directory = tempfile::tempdir().expect("directory");
    let scene = Scene::start(directory.path(), &[5_000_000]).await;
    let bond = scene.bond().await;
    let stake = scene.stake().await;
    assert_eq!(rows(&stake), [(StakeKind::Bonded, true, BOND)]);
    let entry = &stake.entries[0];
    assert_eq!(entry.coin.outpoint(), OutPoint::new(bond.txid, 1));
    assert!(entry.registration.is_some() && entry.height == Some(stake.height));
    let unbonding = scene
        .make(StakeAction::Unbond(vec![entry.coin.clone()]))
        .await;
    let fee = unbonding.fee_sat.expect("a fee");
    let stake = scene.stake().await;
    assert_eq!(rows(&stake), [(StakeKind::Unbonding, false, BOND - fee)]);
    let before = scene.wallet.balance().await.expect("balance").total_sat;
    let coin = stake.entries[0].coin.clone();
    let withdrawn = scene.make(StakeAction::Withdraw(vec![coin])).await;
    assert!(scene.stake().await.entries.is_empty());
    let after = scene.wallet.balance().await.expect("balance").total_sat;
    let last_fee = withdrawn.fee_sat.expect("a fee");
    assert_eq!(after - before, BOND - fee - last_fee);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_alone_brings_stake_back() {
    let directory = tempfile::tempdir().expect("directory");
    let scene = Scene::start(directory.path(), &[5_000_000]).await;
    scene.bond().await;
    let coin = scene.stake().await.entries[0].coin.clone();
    scene.make(StakeAction::Unbond(vec![coin])).await;
    let elsewhere = tempfile::tempdir().expect("directory");
    let restored = Scene {
        wallet: open(elsewhere.path()).await,
        ..scene
    };
    restored
        .wallet
        .refresh(&restored.explorer)
        .await
        .expect("syncs");
    let stake = restored.stake().await;
    assert_eq!(rows(&stake).len(), 1);
    assert_eq!(stake.entries[0].coin.program.delegate, delegate());
}

#[tokio::test(flavor = "multi_thread")]
async fn slashed_stake_and_what_is_left_of_it_are_told() {
    let directory = tempfile::tempdir().expect("directory");
    let scene = Scene::start(directory.path(), &[5_000_000]).await;
    let bond = scene.bond().await;
    let left = StakeProgram {
        kind: StakeKind::Unbonding,
        owner: owner().hash(),
        delegate: Delegate::NOBODY,
    };
    let output = |script_pubkey: ScriptBuf, sat| TxOut {
        value: Amount::from_sat(sat),
        script_pubkey,
    };
    let slashing = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(bond.txid, 1),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[&[1][..], &[2][..], &[2][..]]),
        }],
        output: vec![
            output(ScriptBuf::new_op_return([]), BOND / 2 - 10_000),
            output(left.script(), BOND / 2),
        ],
    };
    scene
        .double
        .chain()
        .accept(slashing.clone())
        .expect("taken");
    scene.double.mine();
    let stake = scene.stake().await;
    assert_eq!(rows(&stake), [(StakeKind::Unbonding, false, BOND / 2)]);
    let slashed = &stake.slashed[0];
    assert_eq!(slashed.txid, slashing.compute_txid());
    assert_eq!((slashed.amount_sat, slashed.lost_sat), (BOND, BOND / 2));
    assert_eq!(slashed.delegate, delegate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_of_stake_holds_the_wallets_coins_only_until_it_is_used() {
    let directory = tempfile::tempdir().expect("directory");
    let scene = Scene::start(directory.path(), &[5_000_000]).await;
    let action = StakeAction::Delegate {
        delegate: delegate(),
        amount: Amount::from_sat(BOND),
    };
    let plan = scene.plan(action).await;
    let drafted = scene.wallet.draft_stake(&plan, Overrides::default()).await;
    let (review, row) = drafted.expect("drafted");
    assert_eq!(review.locked_sat, BOND);
    let again = scene.wallet.draft_stake(&plan, Overrides::default()).await;
    let error = again.map(|_| ()).expect_err("the only coin is held");
    assert_eq!(error.code(), "insufficient-funds");
    scene.wallet.release(row.id).await.expect("released");
    scene.bond().await;
    let coin = scene.stake().await.entries[0].coin.clone();
    let plan = scene.plan(StakeAction::Unbond(vec![coin])).await;
    let drafted = scene.wallet.draft_stake(&plan, Overrides::default()).await;
    drafted.expect("an unbonding holds no coin of the wallet");
    scene.wallet.refresh(&scene.explorer).await.expect("syncs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_proof_of_work_has_no_stake() {
    let double = Double::start();
    let explorer = Explorer::new(double.url(), Duration::from_secs(5)).expect("address");
    assert_eq!(explorer.stake_terms().await, Ok(None));
}
