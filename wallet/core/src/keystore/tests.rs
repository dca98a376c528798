use std::{fs, os::unix::fs::PermissionsExt};

use bdk_wallet::bitcoin::hex::{DisplayHex, FromHex};

use super::*;

const ABOUT: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

fn new_keystore() -> NewKeystore {
    NewKeystore {
        words: SeedWords::parse(ABOUT).expect("valid words"),
        kind: ScriptKind::Wpkh,
        account: 0,
        birthday: 7,
        kdf: KdfParams::weak_for_tests(),
    }
}

fn created() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("vault.wallet");
    Keystore::create(&path, &new_keystore(), "right").expect("created");
    (directory, path)
}

fn code(path: &Path, password: &str) -> Result<(), &'static str> {
    Keystore::open(path, password)
        .map(|_| ())
        .map_err(|e| e.code())
}

#[test]
fn a_keystore_opens_with_its_password_only() {
    let (_directory, path) = created();
    let keystore = Keystore::open(&path, "right").expect("opens");
    assert_eq!(keystore.payload().words(), ABOUT);
    assert_eq!(keystore.header().birthday, 7);
    drop(keystore);
    assert_eq!(code(&path, "wrong"), Err("bad-password"));
    assert_eq!(code(&path, ""), Err("bad-password"));
}

#[test]
fn every_changed_byte_is_noticed() {
    let (_directory, path) = created();
    let bytes = fs::read(&path).expect("file");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).expect("write");
        let error = code(&path, "right").expect_err("changed byte accepted");
        // Each refusal is one of the file's own, never a panic nor a half-open wallet.
        let known = [
            "bad-password",
            "keystore-malformed",
            "keystore-version",
            "keystore-kdf-out-of-range",
            "wrong-network",
            "descriptor-malformed",
            "descriptor-key-shape",
            "descriptor-mismatch",
            "descriptor-kind",
        ];
        assert!(known.contains(&error), "byte {at}: {error}");
    }
}

#[test]
fn every_shorter_file_is_refused() {
    let (_directory, path) = created();
    let bytes = fs::read(&path).expect("file");
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).expect("write");
        assert!(code(&path, "right").is_err(), "length {length}");
    }
    fs::write(&path, [bytes.as_slice(), &[0]].concat()).expect("write");
    assert_eq!(code(&path, "right"), Err("bad-password"));
}

#[test]
fn demands_for_huge_memory_are_refused_before_it_is_allocated() {
    let (_directory, path) = created();
    let text = fs::read(&path).expect("file");
    let needle = b"\"memory_kib\":8";
    let at = text
        .windows(needle.len())
        .position(|w| w == needle)
        .expect("parameter");
    let mut changed = text[..at].to_vec();
    changed.extend_from_slice(b"\"memory_kib\":4294967295");
    changed.extend_from_slice(&text[at + needle.len()..]);
    let length = u32::from_le_bytes(changed[8..12].try_into().expect("four")) + 9;
    changed[8..12].copy_from_slice(&length.to_le_bytes());
    fs::write(&path, changed).expect("write");
    assert_eq!(code(&path, "right"), Err("keystore-kdf-out-of-range"));
}

#[test]
fn saved_changes_are_read_back() {
    let (_directory, path) = created();
    let mut keystore = Keystore::open(&path, "right").expect("opens");
    keystore.payload_mut().raise_revealed(Revealed {
        external: 3,
        internal: 1,
    });
    keystore
        .payload_mut()
        .set_label("bcrt1qx", "rent")
        .expect("label");
    keystore.save().expect("saved");
    let before = keystore.payload().clone();
    drop(keystore);
    let mut keystore = Keystore::open(&path, "right").expect("opens");
    assert_eq!(keystore.payload(), &before);
    keystore.payload_mut().raise_revealed(Revealed {
        external: 1,
        internal: 2,
    });
    assert_eq!(
        keystore.payload().revealed(),
        Revealed {
            external: 3,
            internal: 2
        },
        "numbers never fall"
    );
}

#[test]
fn a_changed_password_replaces_the_old_one() {
    let (_directory, path) = created();
    let mut keystore = Keystore::open(&path, "right").expect("opens");
    keystore
        .change_password("new", KdfParams::weak_for_tests())
        .expect("changed");
    drop(keystore);
    assert_eq!(code(&path, "right"), Err("bad-password"));
    assert_eq!(code(&path, "new"), Ok(()));
}

#[test]
fn files_are_private_and_never_replaced_by_create() {
    let (directory, path) = created();
    let mode = fs::metadata(&path).expect("file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = Keystore::create(&path, &new_keystore(), "other")
        .map(|_| ())
        .map_err(|e| e.code());
    assert_eq!(again, Err("wallet-exists"));
    assert_eq!(code(&path, "right"), Ok(()));
    let names = fs::read_dir(directory.path())
        .expect("directory")
        .map(|entry| entry.expect("entry").file_name());
    let leftovers = names
        .filter(|name| name.to_string_lossy().ends_with(".tmp"))
        .count();
    assert_eq!(leftovers, 0);
}

#[test]
fn files_that_others_can_read_and_links_are_refused() {
    let (directory, path) = created();
    let link = directory.path().join("link.wallet");
    std::os::unix::fs::symlink(&path, &link).expect("link");
    assert_eq!(code(&link, "right"), Err("keystore-not-regular"));
    assert_eq!(code(directory.path(), "right"), Err("keystore-not-regular"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("mode");
    assert_eq!(code(&path, "right"), Err("keystore-permissions"));
    assert_eq!(
        code(&directory.path().join("none.wallet"), "right"),
        Err("wallet-not-found")
    );
}

#[test]
fn weak_parameters_and_empty_passwords_are_refused_at_creation() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("a.wallet");
    assert_eq!(
        KdfParams::new(32 * 1024, 3, 1)
            .map(|_| ())
            .map_err(|e| e.code()),
        Err("keystore-kdf-out-of-range")
    );
    let empty = Keystore::create(&path, &new_keystore(), "")
        .map(|_| ())
        .map_err(|e| e.code());
    assert_eq!(empty, Err("empty-password"));
    assert!(!path.exists());
}

#[test]
fn records_and_labels_end_at_their_limits() {
    let mut payload = Payload::new(
        &SeedWords::parse(ABOUT).expect("words"),
        ScriptKind::Wpkh,
        0,
    );
    for n in 0..=MAX_SIGNED_RECORDS as u64 {
        let txid = format!("{n:064x}").parse().expect("txid");
        payload.remember_signed(SignedRecord {
            txid,
            inputs: Vec::new(),
            payments: Vec::new(),
        });
    }
    assert_eq!(payload.signed().len(), MAX_SIGNED_RECORDS);
    assert_eq!(payload.signed()[0].txid.to_string(), format!("{:064x}", 1));
    assert!(payload.set_label("a", &"x".repeat(MAX_LABEL_BYTES)).is_ok());
    assert!(
        payload
            .set_label("a", &"x".repeat(MAX_LABEL_BYTES + 1))
            .is_err()
    );
    payload.set_label("a", "").expect("removed");
    assert!(payload.labels().is_empty());
    for n in 0..MAX_LABELS {
        payload
            .set_label(&n.to_string(), "x")
            .expect("within the limit");
    }
    assert_eq!(
        payload.set_label("one more", "x").map_err(|e| e.code()),
        Err("keystore-full")
    );
    assert!(
        payload.set_label("0", "y").is_ok(),
        "a known one can still be changed"
    );
}

/// The format, frozen: a file that an earlier version wrote opens, and the same content under the
/// same salt and nonce gives the same bytes.
#[test]
fn version_one_files_stay_readable_and_byte_for_byte_the_same() {
    let golden = Vec::<u8>::from_hex(include_str!("../../tests/golden/keystore-v1.hex").trim())
        .expect("hex");
    let sealed = format::split(&golden).expect("readable");
    let key = sealed
        .header
        .derive_key("correct horse battery staple")
        .expect("key");
    let payload = format::open(&sealed, &key).expect("opens");
    assert_eq!(payload.words(), ABOUT);
    assert_eq!(
        payload.revealed(),
        Revealed {
            external: 2,
            internal: 1
        }
    );
    assert_eq!(payload.signed().len(), 1);
    let again =
        format::seal_with_nonce(&sealed.header, &key, &payload, [0x24; 24]).expect("sealed");
    assert_eq!(again.to_lower_hex_string(), golden.to_lower_hex_string());
}

#[test]
#[ignore = "writes the golden file; run by hand when a new format version is frozen"]
fn write_golden_file() {
    let descriptors = AccountKeys::from_seed(&new_keystore().words.seed()[..], ScriptKind::Wpkh, 0)
        .expect("keys");
    let kdf = KdfParams::new(64 * 1024, 3, 1).expect("parameters");
    let header = Header::new(&descriptors.descriptors(), 7, kdf).expect("header");
    let key = header
        .derive_key("correct horse battery staple")
        .expect("key");
    let mut payload = Payload::new(&new_keystore().words, ScriptKind::Wpkh, 0);
    payload.raise_revealed(Revealed {
        external: 2,
        internal: 1,
    });
    payload
        .set_label("bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk", "first")
        .expect("label");
    let txid = format!("{:064x}", 5).parse().expect("txid");
    let payments = vec![("0014aa".to_owned(), 1000)];
    payload.remember_signed(SignedRecord {
        txid,
        inputs: vec![bdk_wallet::bitcoin::OutPoint::new(txid, 1)],
        payments,
    });
    let bytes = format::seal_with_nonce(&header, &key, &payload, [0x24; 24]).expect("sealed");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/keystore-v1.hex");
    fs::write(path, bytes.to_lower_hex_string() + "\n").expect("written");
}
