//! Slashing protection, from outside: the semantics of the families of EIP-3076's vectors, in
//! slots and epochs of this chain, and what happens to a database that is lost or replaced.

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use support::{CHAIN, key, open, paths, seal, vote};
use synod_validator::protection::{
    Interchange, Protection, ProtectionError, ProtectionOptions, ProtectionPaths,
};

const SIGNATURE: [u8; 64] = [3; 64];
const ACCEPT: ProtectionOptions = ProtectionOptions { accept_loss: true };

fn code<T>(result: Result<T, ProtectionError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "signed")
}

async fn fresh(folder: &Path) -> Protection {
    let protection = open(folder).await.expect("opens");
    protection.register(&key(1)).await.expect("registered");
    protection
}

async fn seals(protection: &Protection, slot: u64, digest: u8) -> &'static str {
    let asked = seal(slot, digest);
    code(protection.seal(&key(1), &asked, |_| SIGNATURE).await)
}

async fn votes(protection: &Protection, source: u64, target: u64, digest: u8) -> &'static str {
    let asked = vote(source, target, digest);
    code(protection.vote(&key(1), &asked, |_| SIGNATURE).await)
}

fn document(data: &str) -> Interchange {
    let chain = "c1".repeat(32);
    let text = format!(
        r#"{{"metadata": {{"interchange_format": "synod-slashing-protection",
            "interchange_format_version": "1", "chain_id": "{chain}"}}, "data": [{data}]}}"#
    );
    serde_json::from_str(&text).expect("a document")
}

fn history(number: u8, blocks: &str, votes: &str) -> String {
    let key = key(number);
    format!(r#"{{"pubkey": "{key}", "signed_blocks": [{blocks}], "signed_votes": [{votes}]}}"#)
}

#[tokio::test]
async fn s01_a_second_seal_for_a_slot_is_refused_and_a_repeat_is_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    assert_eq!(seals(&protection, 10, 1).await, "signed");
    assert_eq!(seals(&protection, 10, 2).await, "slashable-double-seal");
    assert_eq!(seals(&protection, 9, 2).await, "slot-passed");
    // The repeat has the stored signature: nothing is signed anew.
    let (key, asked) = (key(1), seal(10, 1));
    let again = protection.seal(&key, &asked, |_| panic!("signed twice"));
    assert_eq!(again.await.expect("the stored one"), SIGNATURE);
    assert_eq!(seals(&protection, 11, 2).await, "signed");
}

#[tokio::test]
async fn s02_double_votes_and_votes_around_each_other_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    assert_eq!(votes(&protection, 2, 5, 1).await, "signed");
    assert_eq!(votes(&protection, 2, 5, 1).await, "signed", "a repeat");
    assert_eq!(votes(&protection, 2, 5, 2).await, "slashable-double-vote");
    assert_eq!(votes(&protection, 3, 5, 3).await, "slashable-double-vote");
    assert_eq!(votes(&protection, 1, 6, 3).await, "slashable-surrounds");
    assert_eq!(votes(&protection, 3, 4, 3).await, "slashable-surrounded");
    // Not slashable, and not after the last one: refused too.
    assert_eq!(votes(&protection, 1, 3, 3).await, "target-passed");
    assert_eq!(votes(&protection, 1, 2, 3).await, "target-passed");
    assert_eq!(votes(&protection, 6, 6, 3).await, "vote-order");
    assert_eq!(votes(&protection, 2, 6, 3).await, "signed");
    assert_eq!(votes(&protection, 6, 7, 4).await, "signed");
    assert_eq!(votes(&protection, 5, 8, 5).await, "slashable-surrounds");
}

/// `single_validator_genesis_attestation`: the first vote starts from epoch 0.
#[tokio::test]
async fn s02_the_first_vote_may_start_from_epoch_zero() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    assert_eq!(votes(&protection, 0, 0, 1).await, "vote-order");
    assert_eq!(votes(&protection, 0, 1, 1).await, "signed");
    assert_eq!(votes(&protection, 0, 1, 2).await, "slashable-double-vote");
    assert_eq!(votes(&protection, 0, 2, 2).await, "signed");
}

/// `single_validator_import_only`, `single_validator_multiple_blocks_and_attestations`: what was
/// imported is below a watermark, also a repeat of it, since its signature is elsewhere.
#[tokio::test]
async fn s02_an_import_leaves_nothing_at_or_below_it_to_sign() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    let root = "01".repeat(32);
    let blocks =
        format!(r#"{{"slot": "12", "signing_root": "{root}"}}, {{"slot": "81"}}, {{"slot": "7"}}"#);
    let votes_text = r#"{"source_epoch": "3", "target_epoch": "4"},
        {"source_epoch": "2", "target_epoch": "9"}"#;
    let report = protection
        .import(&document(&history(1, &blocks, votes_text)))
        .await
        .expect("imported");
    assert_eq!((report.added, report.raised, report.unchanged), (0, 1, 0));
    for slot in [7, 12, 13, 81] {
        assert_eq!(seals(&protection, slot, 1).await, "slot-below-watermark");
    }
    assert_eq!(seals(&protection, 82, 1).await, "signed");
    // Source and target are taken apart, as EIP-3076 asks of a minified import.
    assert_eq!(votes(&protection, 3, 9, 1).await, "target-below-watermark");
    assert_eq!(votes(&protection, 2, 10, 1).await, "source-passed");
    assert_eq!(votes(&protection, 3, 10, 1).await, "signed");
}

/// `single_validator_slashable_blocks`, `..._slashable_attestations`, `..._no_root`: documents
/// that hold slashable things are taken; they raise the watermarks like others.
#[tokio::test]
async fn s02_slashable_entries_of_an_import_only_raise_the_watermarks() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    let (a, b) = ("0a".repeat(32), "0b".repeat(32));
    let blocks = format!(
        r#"{{"slot": "5", "signing_root": "{a}"}}, {{"slot": "5", "signing_root": "{b}"}}"#
    );
    let around = r#"{"source_epoch": "1", "target_epoch": "8"},
        {"source_epoch": "2", "target_epoch": "3"}"#;
    let imported = document(&history(1, &blocks, around));
    protection.import(&imported).await.expect("imported");
    assert_eq!(seals(&protection, 5, 0x0a).await, "slot-below-watermark");
    assert_eq!(votes(&protection, 2, 8, 1).await, "target-below-watermark");
    assert_eq!(votes(&protection, 2, 9, 1).await, "signed");
}

/// `multiple_interchanges_*`, `duplicate_pubkey_*`: order and repetition do not matter, nothing
/// is ever lowered.
#[tokio::test]
async fn s02_imports_in_any_order_never_lower_a_watermark() {
    let high = history(
        1,
        r#"{"slot": "40"}"#,
        r#"{"source_epoch": "5", "target_epoch": "9"}"#,
    );
    let low = history(
        1,
        r#"{"slot": "20"}"#,
        r#"{"source_epoch": "6", "target_epoch": "7"}"#,
    );
    let both = format!("{low}, {high}");
    for order in [
        vec![&high, &low],
        vec![&low, &high],
        vec![&both],
        vec![&both, &low],
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let protection = fresh(folder.path()).await;
        for data in order {
            protection.import(&document(data)).await.expect("imported");
        }
        let marks = protection.marks(&key(1)).await.expect("known");
        assert_eq!(marks.sealed, Some((40, 0)));
        assert_eq!(marks.voted, Some((6, 9)));
        assert_eq!(seals(&protection, 40, 1).await, "slot-below-watermark");
        assert_eq!(votes(&protection, 5, 10, 1).await, "source-passed");
    }
}

/// `multiple_validators_multiple_blocks_and_attestations`, `..._same_slot_blocks`: keys do not
/// touch each other.
#[tokio::test]
async fn s02_keys_have_their_own_watermarks() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    let other = history(2, r#"{"slot": "9"}"#, "");
    let report = protection
        .import(&document(&other))
        .await
        .expect("imported");
    assert_eq!(report.added, 1);
    assert_eq!(seals(&protection, 9, 1).await, "signed");
    let second = protection.seal(&key(2), &seal(9, 1), |_| SIGNATURE).await;
    assert_eq!(code(second), "slot-below-watermark");
    let third = protection.seal(&key(3), &seal(9, 1), |_| SIGNATURE).await;
    assert_eq!(code(third), "key-not-protected");
}

/// `wrong_genesis_validators_root`: the whole document is refused.
#[tokio::test]
async fn s02_documents_of_another_chain_format_or_shape_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    let data = history(1, r#"{"slot": "40"}"#, "");
    let mut other = document(&data);
    other.metadata.chain_id = synod_api::HashHex::from_bytes([9; 32]);
    assert_eq!(
        code(protection.import(&other).await),
        "interchange-other-chain"
    );
    let mut other = document(&data);
    other.metadata.interchange_format_version = "2".to_owned();
    assert_eq!(code(protection.import(&other).await), "interchange-format");
    let past = format!(r#"{{"slot": "{}"}}"#, i64::MAX.unsigned_abs() + 1);
    for data in [
        format!("{data}, {}", history(1, &past, "")),
        history(
            1,
            r#"{"slot": "40"}"#,
            r#"{"source_epoch": "4", "target_epoch": "4"}"#,
        ),
    ] {
        assert_eq!(
            code(protection.import(&document(&data)).await),
            "interchange-entry"
        );
    }
    for bad in [
        r#"{"slot": 40}"#,
        r#"{"slot": "040"}"#,
        r#"{"slot": "-1"}"#,
        r#"{"slot": "1", "x": 1}"#,
    ] {
        let text = history(1, bad, "");
        let read: Result<synod_validator::protection::KeyHistory, _> = serde_json::from_str(&text);
        assert!(read.is_err(), "{bad}");
    }
    assert_eq!(seals(&protection, 1, 1).await, "signed");
}

#[tokio::test]
async fn s02_an_export_takes_all_protection_to_another_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    for slot in [3, 8, 21] {
        assert_eq!(seals(&protection, slot, 1).await, "signed");
    }
    assert_eq!(votes(&protection, 1, 2, 1).await, "signed");
    assert_eq!(votes(&protection, 2, 6, 1).await, "signed");
    let first = protection.export().await.expect("exported");
    assert_eq!(first.data[0].signed_blocks.len(), 3);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let target = open(elsewhere.path()).await.expect("opens");
    target.import(&first).await.expect("imported");
    assert_eq!(seals(&target, 21, 1).await, "slot-below-watermark");
    assert_eq!(votes(&target, 2, 6, 1).await, "target-below-watermark");
    // On from there, and to a third one: what only watermarks say comes along.
    let second = target.export().await.expect("exported");
    let third_folder = tempfile::tempdir().expect("a folder");
    let third = open(third_folder.path()).await.expect("opens");
    third.import(&second).await.expect("imported");
    let known = protection.marks(&key(1)).await.expect("known");
    let moved = third.marks(&key(1)).await.expect("known");
    assert_eq!(
        (
            known.sealed,
            known.forged,
            known.prevoted,
            known.prevoted_height,
            known.voted
        ),
        (
            moved.sealed,
            moved.forged,
            moved.prevoted,
            moved.prevoted_height,
            moved.voted
        )
    );
    assert_eq!(seals(&third, 22, 1).await, "signed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s03_a_thousand_conflicting_requests_at_once_give_one_signature() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = Arc::new(fresh(folder.path()).await);
    let requests = (0..1000u32).map(|number| {
        let protection = Arc::clone(&protection);
        tokio::spawn(async move {
            let mut asked = seal(7, 0);
            asked.digest[..4].copy_from_slice(&number.to_le_bytes());
            protection
                .seal(&key(1), &asked, |_| SIGNATURE)
                .await
                .is_ok()
        })
    });
    let requests: Vec<_> = requests.collect();
    let mut signed = 0;
    for request in requests {
        signed += u32::from(request.await.expect("no panic"));
    }
    assert_eq!(signed, 1);
    let export = protection.export().await.expect("exported");
    assert_eq!(export.data[0].signed_blocks.len(), 1);
}

async fn signed_up_to(folder: &Path, slots: u64) {
    let protection = fresh(folder).await;
    for slot in 1..=slots {
        assert_eq!(seals(&protection, slot, 1).await, "signed");
    }
    protection.close().await.expect("closed");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

#[tokio::test]
async fn s05_a_deleted_database_is_refused_and_the_dangerous_flag_keeps_the_watermarks() {
    let folder = tempfile::tempdir().expect("a folder");
    signed_up_to(folder.path(), 5).await;
    fs::remove_file(paths(folder.path()).database).expect("removed");
    assert_eq!(code(open(folder.path()).await), "protection-missing");
    let forced = Protection::open(&paths(folder.path()), CHAIN, ACCEPT).await;
    let forced = forced.expect("goes on");
    assert_eq!(seals(&forced, 5, 2).await, "slot-below-watermark");
    assert_eq!(seals(&forced, 6, 2).await, "signed");
    forced.close().await.expect("closed");
    assert_eq!(code(open(folder.path()).await), "signed", "whole again");
}

#[tokio::test]
async fn s05_an_older_copy_of_the_database_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    signed_up_to(folder.path(), 5).await;
    let data = folder.path().join("data");
    let backup = folder.path().join("backup");
    copy(&data, &backup);
    let protection = open(folder.path()).await.expect("opens");
    assert_eq!(seals(&protection, 6, 1).await, "signed");
    protection.close().await.expect("closed");
    fs::remove_dir_all(&data).expect("removed");
    copy(&backup, &data);
    assert_eq!(code(open(folder.path()).await), "protection-behind");
    let forced = Protection::open(&paths(folder.path()), CHAIN, ACCEPT).await;
    assert_eq!(
        seals(&forced.expect("goes on"), 6, 2).await,
        "slot-below-watermark"
    );
}

#[tokio::test]
async fn s05_a_database_whose_log_is_cut_short_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    // Not closed, as after a crash: the last changes are in the log.
    let protection = fresh(folder.path()).await;
    for slot in 1..=5 {
        assert_eq!(seals(&protection, slot, 1).await, "signed");
    }
    let copied = tempfile::tempdir().expect("a folder");
    copy(&folder.path().join("data"), &copied.path().join("data"));
    fs::copy(
        paths(folder.path()).high_water,
        paths(copied.path()).high_water,
    )
    .expect("copied");
    let log = copied.path().join("data/protection.sqlite-wal");
    let whole = fs::read(&log).expect("a log");
    fs::write(&log, &whole[..whole.len() / 2]).expect("written");
    assert_eq!(code(open(copied.path()).await), "protection-behind");
    // The control: with its whole log the copy opens.
    let _ = fs::remove_dir_all(copied.path().join("data"));
    copy(&folder.path().join("data"), &copied.path().join("data"));
    assert_eq!(code(open(copied.path()).await), "signed");
}

#[tokio::test]
async fn s05_another_validators_database_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = tempfile::tempdir().expect("a folder");
    signed_up_to(folder.path(), 5).await;
    signed_up_to(other.path(), 5).await;
    // As many changes, and others.
    fs::copy(paths(other.path()).database, paths(folder.path()).database).expect("copied");
    assert_eq!(code(open(folder.path()).await), "protection-behind");
    // Both files of the other one: the keys are not in it.
    fs::copy(
        paths(other.path()).high_water,
        paths(folder.path()).high_water,
    )
    .expect("copied");
    let protection = open(folder.path()).await.expect("opens");
    let unknown = synod_validator::keys::SealingKey::from_secrets(&[9; 64], 4).expect("a key");
    let signer = synod_validator::signer::LocalSigner::new(vec![unknown], protection).await;
    assert_eq!(code(signer), "key-not-protected");
}

#[tokio::test]
async fn s05_another_chains_database_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    signed_up_to(folder.path(), 1).await;
    // No flag allows it.
    for options in [ProtectionOptions::default(), ACCEPT] {
        let other = Protection::open(&paths(folder.path()), [0xc2; 32], options).await;
        assert_eq!(code(other), "protection-other-chain");
    }
}

#[tokio::test]
async fn s05_without_its_second_place_a_database_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    signed_up_to(folder.path(), 5).await;
    let mark = paths(folder.path()).high_water;
    let whole = fs::read(&mark).expect("a mark");
    fs::write(&mark, &whole[1..]).expect("written");
    assert_eq!(code(open(folder.path()).await), "high-water-damaged");
    fs::remove_file(&mark).expect("removed");
    assert_eq!(code(open(folder.path()).await), "high-water-missing");
    let forced = Protection::open(&paths(folder.path()), CHAIN, ACCEPT).await;
    let forced = forced.expect("goes on");
    assert_eq!(seals(&forced, 5, 2).await, "slashable-double-seal");
}

#[tokio::test]
async fn s05_a_changed_row_is_noticed() {
    use sqlx::ConnectOptions as _;
    let statements = [
        "UPDATE marks SET slot = 2",
        "UPDATE marks SET slot = NULL, round = NULL",
        "UPDATE seals SET digest = zeroblob(32) WHERE slot = 5",
        "UPDATE seals SET signature = zeroblob(64) WHERE slot = 5",
        "UPDATE head SET sequence = sequence + 1",
    ];
    for statement in statements {
        let folder = tempfile::tempdir().expect("a folder");
        signed_up_to(folder.path(), 5).await;
        let mut db = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(paths(folder.path()).database)
            .connect()
            .await
            .expect("opens");
        sqlx::query(statement)
            .execute(&mut db)
            .await
            .expect("changed");
        sqlx::Connection::close(db).await.expect("closed");
        let result = match open(folder.path()).await {
            Ok(protection) => seals(&protection, 5, 1).await,
            Err(error) => error.code(),
        };
        assert_eq!(result, "protection-damaged", "{statement}");
    }
}

#[tokio::test]
async fn s06_a_second_process_does_not_get_the_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = fresh(folder.path()).await;
    assert_eq!(seals(&first, 1, 1).await, "signed");
    let data = folder.path().join("data");
    assert_eq!(code(open(folder.path()).await), "protection-in-use");
    // Nor by another name of its place.
    let by_link = folder.path().join("link");
    std::os::unix::fs::symlink(&data, &by_link).expect("a link");
    let linked = ProtectionPaths {
        database: by_link.join("protection.sqlite"),
        ..paths(folder.path())
    };
    let second = Protection::open(&linked, CHAIN, ProtectionOptions::default()).await;
    assert_eq!(code(second), "protection-in-use");
    first.close().await.expect("closed");
    let again = open(folder.path()).await.expect("free again");
    assert_eq!(seals(&again, 1, 2).await, "slashable-double-seal");
}

#[tokio::test]
async fn s07_no_slot_at_or_before_the_last_is_ever_signed() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    assert_eq!(seals(&protection, 100, 1).await, "signed");
    protection.close().await.expect("closed");
    // After a restart with a clock that is an hour back.
    let protection = open(folder.path()).await.expect("opens");
    for slot in (1..100).step_by(9) {
        assert_eq!(seals(&protection, slot, 2).await, "slot-passed");
    }
    assert_eq!(seals(&protection, 101, 2).await, "signed");
}

#[tokio::test]
async fn keys_end_at_their_limit_and_are_registered_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = open(folder.path()).await.expect("opens");
    for number in 0..64 {
        protection.register(&key(number)).await.expect("room");
    }
    assert_eq!(
        code(protection.register(&key(5)).await),
        "key-protected-already"
    );
    assert_eq!(code(protection.register(&key(64)).await), "too-many-keys");
    let import = document(&history(64, r#"{"slot": "1"}"#, ""));
    assert_eq!(code(protection.import(&import).await), "too-many-keys");
    assert_eq!(protection.keys().await.expect("keys").len(), 64);
}

#[tokio::test]
async fn what_is_pruned_stays_below_the_watermark() {
    let folder = tempfile::tempdir().expect("a folder");
    let protection = fresh(folder.path()).await;
    for slot in 1..=330 {
        assert_eq!(seals(&protection, slot, 1).await, "signed");
    }
    let marks = protection.marks(&key(1)).await.expect("known");
    let low = marks.low_slot.expect("some were pruned");
    assert!((1..=74).contains(&low), "{low}");
    assert_eq!(seals(&protection, low, 1).await, "slot-below-watermark");
    assert_eq!(seals(&protection, low + 1, 1).await, "signed", "a repeat");
    assert_eq!(seals(&protection, 330, 2).await, "slashable-double-seal");
}
