//! The hot wallet as a library against a double of an explorer.

mod double;

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use double::Double;
use synod_wallet::{
    explorer::Explorer,
    hot::{HotError, HotWallet, PayRequest},
    store::PaymentState,
};
use synod_wallet_core::{
    bdk_wallet::KeychainKind,
    bitcoin::{Address, Amount, FeeRate, OutPoint},
    keys::{AccountKeys, ScriptKind},
    psbt::Overrides,
    wallet::Recipient,
};

fn keys(n: u8) -> AccountKeys {
    AccountKeys::from_seed(&[n; 32], ScriptKind::Wpkh, 0).expect("keys")
}

fn foreign(n: u8) -> Address {
    keys(n)
        .descriptors()
        .address_at(KeychainKind::External, 0)
        .expect("address")
}

async fn open(directory: &Path) -> HotWallet {
    HotWallet::open(directory, "shop", &keys(1).descriptors(), 0)
        .await
        .expect("opens")
}

fn explorer(double: &Double) -> Explorer {
    Explorer::new(double.url(), Duration::from_secs(5)).expect("address")
}

fn request(sat: u64, id: Option<&str>) -> PayRequest {
    PayRequest {
        recipients: vec![Recipient {
            address: foreign(9),
            amount: Some(Amount::from_sat(sat)),
        }],
        fee_rate: FeeRate::from_sat_per_vb_u32(2),
        request_id: id.map(str::to_owned),
        overrides: Overrides::default(),
    }
}

/// A wallet with confirmed coins of these amounts.
async fn funded(double: &Double, directory: &Path, amounts: &[u64]) -> HotWallet {
    let wallet = open(directory).await;
    let address = wallet.new_address().await.expect("address").address;
    double.fund(&address, amounts);
    wallet.refresh(&explorer(double)).await.expect("syncs");
    wallet
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_made_seen_and_confirmed() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let wallet = funded(&double, directory.path(), &[1_000_000]).await;
    let paid = wallet
        .pay(&keys(1), &explorer(&double), &request(300_000, None))
        .await
        .expect("paid");
    let fee = paid.fee_sat.expect("fee");
    let balance = wallet.balance().await.expect("balance");
    assert_eq!(
        (balance.confirmed_sat, balance.pending_change_sat),
        (0, 700_000 - fee)
    );
    double.mine();
    wallet.refresh(&explorer(&double)).await.expect("syncs");
    assert_eq!(
        wallet.balance().await.expect("balance").confirmed_sat,
        700_000 - fee
    );
    let history = wallet.history().await.expect("history");
    assert_eq!((history[0].txid, history[0].confirmations), (paid.txid, 1));
    assert_eq!(
        history[0].net_sat,
        -300_000 - i64::try_from(fee).expect("small")
    );
    assert_eq!(
        wallet.payments(None, 10).await.expect("payments")[0].state,
        PaymentState::Broadcast
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_opening_again() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let wallet = funded(&double, directory.path(), &[1_000_000, 50_000]).await;
    wallet
        .pay(&keys(1), &explorer(&double), &request(300_000, None))
        .await
        .expect("paid");
    let (balance, history) = (
        wallet.balance().await.expect("balance"),
        wallet.history().await.expect("history"),
    );
    drop(wallet);
    let again = open(directory.path()).await;
    assert_eq!(again.balance().await.expect("balance"), balance);
    assert_eq!(again.history().await.expect("history"), history);
    assert_eq!(
        again.new_address().await.expect("address").index,
        1,
        "no address is given out twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_another_wallet_is_refused() {
    let directory = tempfile::tempdir().expect("directory");
    drop(open(directory.path()).await);
    let other = HotWallet::open(directory.path(), "shop", &keys(2).descriptors(), 0).await;
    assert_eq!(
        other.map(|_| ()).map_err(|e| e.code()),
        Err("wallet-database-mismatch")
    );
}

/// K18: many payments at once, from two openings of one wallet as two processes would have it.
#[tokio::test(flavor = "multi_thread")]
async fn no_coin_is_used_twice_by_payments_at_the_same_time() {
    const PAYMENTS: usize = 60;
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let first = Arc::new(funded(&double, directory.path(), &[100_000; 25]).await);
    let second = Arc::new(open(directory.path()).await);
    let mut tasks = Vec::new();
    for n in 0..PAYMENTS {
        let wallet = Arc::clone(if n % 2 == 0 { &first } else { &second });
        let explorer = explorer(&double);
        tasks.push(tokio::spawn(async move {
            wallet
                .pay(&keys(1), &explorer, &request(80_000, None))
                .await
        }));
    }
    let (mut coins, mut paid) = (BTreeSet::<OutPoint>::new(), 0);
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(payment) => {
                paid += 1;
                for input in &payment.transaction.input {
                    assert!(
                        coins.insert(input.previous_output),
                        "coin used twice: {}",
                        input.previous_output
                    );
                }
            }
            Err(error) => assert_eq!(error.code(), "insufficient-funds", "{error}"),
        }
    }
    // Each coin suffices for one payment; change of one may pay for later ones.
    assert!(paid >= 25, "{paid}");
    assert_eq!(double.chain().posted.len(), paid);
    first.refresh(&explorer(&double)).await.expect("syncs");
    let fees: u64 = first
        .history()
        .await
        .expect("history")
        .iter()
        .filter_map(|e| e.fee_sat.filter(|_| e.net_sat < 0))
        .sum();
    let balance = first.balance().await.expect("balance");
    assert_eq!(
        balance.total_sat + fees + 80_000 * paid as u64,
        25 * 100_000,
        "nothing is lost or made"
    );
}

/// K17: the explorer takes the transaction in and dies before it answers; the same one is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_whose_answer_was_lost_is_sent_again_and_not_paid_twice() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let wallet = funded(&double, directory.path(), &[1_000_000, 1_000_000]).await;
    double.chain().silent_posts = true;
    let lost = wallet
        .pay(
            &keys(1),
            &explorer(&double),
            &request(300_000, Some("order-1")),
        )
        .await;
    assert!(matches!(lost, Err(HotError::Explorer(_))));
    double.chain().silent_posts = false;
    // As after a crash: the wallet is opened anew.
    drop(wallet);
    let wallet = open(directory.path()).await;
    let again = wallet
        .pay(
            &keys(1),
            &explorer(&double),
            &request(300_000, Some("order-1")),
        )
        .await
        .expect("repeat");
    assert!(again.is_repeat);
    assert_eq!(double.chain().posted, [again.txid]);
    let other = wallet
        .pay(
            &keys(1),
            &explorer(&double),
            &request(300_001, Some("order-1")),
        )
        .await;
    assert_eq!(
        other.map(|_| ()).map_err(|e| e.code()),
        Err("request-id-taken")
    );
}

/// K17: nothing reached the network; the next sync delivers the kept payment.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_payment_is_delivered_by_the_next_sync() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let wallet = funded(&double, directory.path(), &[1_000_000]).await;
    double.chain().broken = Some(502);
    assert!(
        wallet
            .pay(&keys(1), &explorer(&double), &request(300_000, None))
            .await
            .is_err()
    );
    let second = wallet
        .pay(&keys(1), &explorer(&double), &request(300_000, None))
        .await;
    assert_eq!(
        second.map(|_| ()).map_err(|e| e.code()),
        Err("insufficient-funds"),
        "its coin is held"
    );
    double.chain().broken = None;
    wallet.refresh(&explorer(&double)).await.expect("syncs");
    assert_eq!(double.chain().posted.len(), 1);
    assert_eq!(
        wallet.payments(None, 1).await.expect("payments")[0].state,
        PaymentState::Broadcast
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_payment_frees_its_coins() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let wallet = funded(&double, directory.path(), &[1_000_000]).await;
    // Another copy of the keys spends the coin first, with a higher fee.
    let elsewhere = tempfile::tempdir().expect("directory");
    let copy = open(elsewhere.path()).await;
    copy.refresh(&explorer(&double)).await.expect("syncs");
    let mut dear = request(900_000, None);
    dear.fee_rate = FeeRate::from_sat_per_vb_u32(20);
    copy.pay(&keys(1), &explorer(&double), &dear)
        .await
        .expect("paid");
    let refused = wallet
        .pay(&keys(1), &explorer(&double), &request(300_000, None))
        .await;
    assert_eq!(
        refused.map(|_| ()).map_err(|e| e.code()),
        Err("tx-rejected")
    );
    let payment = wallet.payments(None, 1).await.expect("payments").remove(0);
    assert_eq!(payment.state, PaymentState::Failed);
    assert!(
        payment
            .error
            .expect("reason")
            .contains("txn-mempool-conflict")
    );
    assert!(
        wallet
            .coins()
            .await
            .expect("coins")
            .iter()
            .all(|(_, held)| held.is_none())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bump_replaces_the_payment() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let wallet = funded(&double, directory.path(), &[1_000_000]).await;
    let first = wallet
        .pay(&keys(1), &explorer(&double), &request(300_000, None))
        .await
        .expect("paid");
    let rate = FeeRate::from_sat_per_vb_u32(10);
    let bumped = wallet
        .bump(
            &keys(1),
            &explorer(&double),
            (first.txid, rate),
            Overrides::default(),
        )
        .await
        .expect("bumped");
    assert!(bumped.fee_sat > first.fee_sat);
    double.mine();
    wallet.refresh(&explorer(&double)).await.expect("syncs");
    let history = wallet.history().await.expect("history");
    assert!(
        history
            .iter()
            .any(|entry| entry.txid == bumped.txid && entry.confirmations == 1)
    );
    assert!(history.iter().all(|entry| entry.txid != first.txid));
    let states: Vec<_> = wallet
        .payments(None, 10)
        .await
        .expect("payments")
        .iter()
        .map(|p| p.state)
        .collect();
    assert_eq!(states, [PaymentState::Broadcast, PaymentState::Replaced]);
    let late = wallet
        .bump(
            &keys(1),
            &explorer(&double),
            (bumped.txid, rate),
            Overrides::default(),
        )
        .await;
    assert_eq!(late.map(|_| ()).map_err(|e| e.code()), Err("tx-confirmed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_holds_its_coins_until_it_is_released_or_used() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let wallet = funded(&double, directory.path(), &[1_000_000]).await;
    let (_, draft) = wallet
        .draft(&request(300_000, None))
        .await
        .expect("drafted");
    let blocked = wallet
        .pay(&keys(1), &explorer(&double), &request(300_000, None))
        .await;
    assert_eq!(
        blocked.map(|_| ()).map_err(|e| e.code()),
        Err("insufficient-funds")
    );
    wallet.release(draft.id).await.expect("released");
    assert_eq!(
        wallet.release(draft.id).await.map_err(|e| e.code()),
        Err("not-found"),
        "only once"
    );
    wallet
        .pay(&keys(1), &explorer(&double), &request(300_000, None))
        .await
        .expect("paid");
}

/// K19: a reorganisation takes a receipt back and brings it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_moves_a_receipt_back_to_pending() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let wallet = funded(&double, directory.path(), &[1_000_000]).await;
    double.mine();
    wallet.refresh(&explorer(&double)).await.expect("syncs");
    assert_eq!(
        wallet.balance().await.expect("balance").confirmed_sat,
        1_000_000
    );
    double.reorganise(2);
    wallet.refresh(&explorer(&double)).await.expect("syncs");
    let balance = wallet.balance().await.expect("balance");
    assert_eq!((balance.confirmed_sat, balance.pending_sat), (0, 1_000_000));
    double.mine();
    wallet.refresh(&explorer(&double)).await.expect("syncs");
    assert_eq!(
        wallet.balance().await.expect("balance").confirmed_sat,
        1_000_000
    );
}

/// K15: coins at the edge of the gap and beyond it.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_scan_finds_coins_up_to_the_gap_limit() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let at = |index| {
        keys(1)
            .descriptors()
            .address_at(KeychainKind::External, index)
            .expect("address")
    };
    double.fund(&at(19), &[1000]);
    double.fund(&at(60), &[2000]);
    let wallet = open(directory.path()).await;
    wallet
        .sync(&explorer(&double), true, 20)
        .await
        .expect("syncs");
    assert_eq!(wallet.balance().await.expect("balance").confirmed_sat, 1000);
    wallet
        .sync(&explorer(&double), true, 45)
        .await
        .expect("syncs");
    assert_eq!(wallet.balance().await.expect("balance").confirmed_sat, 3000);
    assert_eq!(wallet.new_address().await.expect("address").index, 61);
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_of_more_than_one_page_are_read_whole() {
    let (double, directory) = (Double::start(), tempfile::tempdir().expect("directory"));
    let wallet = open(directory.path()).await;
    let address = wallet.new_address().await.expect("address").address;
    for _ in 0..60 {
        double.fund(&address, &[1000]);
    }
    wallet.refresh(&explorer(&double)).await.expect("syncs");
    assert_eq!(
        wallet.balance().await.expect("balance").confirmed_sat,
        60_000
    );
}
