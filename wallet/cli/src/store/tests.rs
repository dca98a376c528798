use synod_wallet_core::{
    bdk_wallet::{
        KeychainKind, Update,
        chain::{BlockId, CheckPoint, ConfirmationBlockTime, Merge, TxUpdate},
    },
    bitcoin::{
        Amount, BlockHash, OutPoint, Transaction, TxIn, TxOut, Txid, absolute,
        constants::genesis_block, hashes::Hash, transaction::Version,
    },
    keys::{AccountKeys, ScriptKind},
    wallet::Wallet,
};

use super::*;

fn descriptors(n: u8) -> Descriptors {
    AccountKeys::from_seed(&[n; 32], ScriptKind::Tr, 0)
        .expect("keys")
        .descriptors()
}

async fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let store = Store::open(&directory.path().join("a.sqlite"), &descriptors(1), 0)
        .await
        .expect("opens");
    (directory, store)
}

/// Change sets with every part that BDK fills.
fn change_sets() -> Vec<ChangeSet> {
    let mut wallet = Wallet::create(&descriptors(1)).expect("wallet");
    let mut sets = vec![wallet.take_changes().expect("created")];
    let script = wallet.new_address().address.script_pubkey();
    sets.push(wallet.take_changes().expect("revealed"));
    let transaction = Transaction {
        version: Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::hash(b"x"), 3),
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(1_000_000),
            script_pubkey: script,
        }],
    };
    wallet.apply_unconfirmed(transaction.clone(), 50);
    sets.push(wallet.take_changes().expect("seen"));
    wallet.apply_evicted(transaction.compute_txid(), 60);
    sets.push(wallet.take_changes().expect("evicted"));
    for branch in [b"a", b"b"] {
        let blocks = [
            BlockId {
                height: 0,
                hash: genesis_block(synod_wallet_core::NETWORK).block_hash(),
            },
            BlockId {
                height: 5,
                hash: BlockHash::hash(branch),
            },
        ];
        let anchor = ConfirmationBlockTime {
            block_id: blocks[1],
            confirmation_time: 70,
        };
        let mut tx_update = TxUpdate::default();
        tx_update
            .anchors
            .insert((anchor, transaction.compute_txid()));
        let previous = TxOut {
            value: Amount::from_sat(1_000_100),
            script_pubkey: Default::default(),
        };
        tx_update
            .txouts
            .insert(transaction.input[0].previous_output, previous);
        let chain = CheckPoint::from_block_ids(blocks).ok();
        wallet
            .apply(Update {
                tx_update,
                chain,
                ..Update::default()
            })
            .expect("connects");
        sets.push(wallet.take_changes().expect("confirmed"));
    }
    sets
}

#[tokio::test]
async fn what_was_saved_in_parts_is_loaded_as_their_sum() {
    let (_directory, store) = store().await;
    assert_eq!(store.load(&descriptors(1)).await.expect("readable"), None);
    let mut expected = ChangeSet::default();
    for (n, changes) in (1i64..).zip(change_sets()) {
        assert_eq!(store.save(Some(&changes)).await.expect("saved"), n);
        expected.merge(changes);
        let mut loaded = store
            .load(&descriptors(1))
            .await
            .expect("readable")
            .expect("stored");
        // A removed block is stored as its absence.
        expected.local_chain.blocks.retain(|_, hash| hash.is_some());
        loaded.descriptor.clone_from(&expected.descriptor);
        loaded
            .change_descriptor
            .clone_from(&expected.change_descriptor);
        assert_eq!(loaded, expected, "part {n}");
    }
    assert_eq!(expected.tx_graph.anchors.len(), 2);
    assert!(!expected.tx_graph.txouts.is_empty() && !expected.tx_graph.last_evicted.is_empty());
}

#[tokio::test]
async fn the_loaded_descriptors_are_the_wallets_own() {
    let (_directory, store) = store().await;
    store.save(change_sets().first()).await.expect("saved");
    let loaded = store
        .load(&descriptors(1))
        .await
        .expect("readable")
        .expect("stored");
    let wallet = Wallet::load(&descriptors(1), loaded).expect("loads");
    let first = descriptors(1)
        .address_at(KeychainKind::External, 0)
        .expect("address");
    assert!(wallet.is_own(&first));
}

#[tokio::test]
async fn an_address_number_never_falls() {
    let (_directory, store) = store().await;
    let sets = change_sets();
    store.save(Some(&sets[0])).await.expect("saved");
    let mut changes = sets[1].clone();
    for (wanted, stored) in [(7, 7), (3, 7), (8, 8)] {
        for index in changes.indexer.last_revealed.values_mut() {
            *index = wanted;
        }
        store.save(Some(&changes)).await.expect("saved");
        let loaded = store
            .load(&descriptors(1))
            .await
            .expect("readable")
            .expect("stored");
        assert!(
            loaded
                .indexer
                .last_revealed
                .values()
                .all(|index| *index == stored)
        );
    }
}

fn draft(n: u8, coins: &[u32], request_id: Option<&str>) -> Draft {
    Draft {
        request_id: request_id.map(str::to_owned),
        request: "[]".to_owned(),
        txid: Txid::hash(&[n]),
        raw: None,
        coins: coins
            .iter()
            .map(|vout| OutPoint::new(Txid::hash(b"coin"), *vout))
            .collect(),
        created_at: 1,
        expires_at: Some(2),
    }
}

#[tokio::test]
async fn one_coin_is_held_by_one_payment_and_a_refused_one_leaves_nothing() {
    let (_directory, store) = store().await;
    let (first, _) = store
        .insert_payment(&draft(1, &[0, 1], Some("a")), None)
        .await
        .expect("held");
    let second = store
        .insert_payment(&draft(2, &[2, 1], Some("b")), None)
        .await
        .map_err(|e| e.code());
    assert_eq!(second, Err("coin-reserved"));
    assert_eq!(store.reserved().await.expect("readable").len(), 2);
    assert!(store.find_request("b").await.expect("readable").is_none());
    let same = store
        .insert_payment(&draft(3, &[5], Some("a")), None)
        .await
        .map_err(|e| e.code());
    assert_eq!(same, Err("request-id-taken"));
    store
        .end_payment(first, PaymentState::Released, Some("why"), None)
        .await
        .expect("ended");
    assert!(store.reserved().await.expect("readable").is_empty());
    store
        .insert_payment(&draft(2, &[2, 1], Some("b")), None)
        .await
        .expect("free again");
    let row = store
        .find_payment(first)
        .await
        .expect("readable")
        .expect("kept");
    assert_eq!(
        (row.state, row.error.as_deref()),
        (PaymentState::Released, Some("why"))
    );
}

#[tokio::test]
async fn payments_are_listed_newest_first_by_pages() {
    let (_directory, store) = store().await;
    for n in 0..5 {
        store
            .insert_payment(&draft(n, &[], None), None)
            .await
            .expect("stored");
    }
    let ids = |rows: Vec<PaymentRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(store.payments(None, 2).await.expect("page")), [5, 4]);
    assert_eq!(
        ids(store.payments(Some(4), 10).await.expect("page")),
        [3, 2, 1]
    );
}

#[tokio::test]
async fn a_broken_row_is_named_and_never_read_as_something_else() {
    let (_directory, store) = store().await;
    for changes in change_sets() {
        store.save(Some(&changes)).await.expect("saved");
    }
    sqlx::query("UPDATE transactions SET raw = x'00'")
        .execute(&store.pool)
        .await
        .expect("damaged");
    let error = store
        .load(&descriptors(1))
        .await
        .expect_err("damaged")
        .to_string();
    assert!(
        error.contains("transactions") && error.contains("raw"),
        "{error}"
    );
}

#[tokio::test]
async fn the_database_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, _store) = store().await;
    for entry in std::fs::read_dir(directory.path()).expect("directory") {
        let entry = entry.expect("entry");
        let mode = entry.metadata().expect("file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.file_name());
    }
}
