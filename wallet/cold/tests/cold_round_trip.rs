//! The cold wallet as a program: files in, files out.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use assert_cmd::Command;
use serde_json::Value;
use synod_wallet_core::{
    NETWORK,
    bdk_wallet::{
        KeychainKind, Update,
        bitcoin::{
            Amount, BlockHash, FeeRate, OutPoint, Transaction, TxIn, TxOut, Txid, absolute,
            constants::genesis_block, hashes::Hash, transaction::Version,
        },
        chain::{BlockId, CheckPoint, ConfirmationBlockTime, TxUpdate},
    },
    descriptors::Descriptors,
    psbt,
    wallet::{Payment, Recipient, Wallet},
    watch_only::WatchOnly,
};

const ABOUT: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

/// A wallet directory with one password file; the program runs without a terminal.
struct Vault {
    directory: tempfile::TempDir,
}

impl Vault {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        fs::write(directory.path().join("password"), "right\nignored").expect("file");
        fs::write(directory.path().join("seed"), ABOUT).expect("file");
        Self { directory }
    }

    fn with_wallet(kind: &str) -> Self {
        let vault = Self::new();
        let seed = vault.path("seed");
        vault.ok(&[
            "create",
            "vault",
            "--type",
            kind,
            "--recover",
            "--seed-file",
            seed.to_str().expect("text"),
        ]);
        vault
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn bare(&self, words: &[&str]) -> Command {
        let mut command = Command::cargo_bin("synod-wallet-cold").expect("built");
        command
            .env_clear()
            .current_dir(self.directory.path())
            .arg("--dir")
            .arg(self.path("wallets"))
            .args(words);
        command
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.bare(words);
        command.arg("--password-file").arg(self.path("password"));
        command
    }

    /// Runs with `--json`, expects success and returns the data.
    fn ok(&self, words: &[&str]) -> Value {
        let output = self.command(words).arg("--json").output().expect("runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{words:?}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let envelope: Value = serde_json::from_str(&text).expect("one JSON document");
        assert_eq!(
            (&envelope["schema_version"], &envelope["ok"]),
            (&Value::from(1), &Value::from(true))
        );
        assert!(envelope["error"].is_null() && envelope["warnings"].is_array());
        envelope["data"].clone()
    }

    /// Runs with `--json`, expects this exit code and returns the error's code.
    fn fails(&self, words: &[&str], exit: i32) -> String {
        let output = self.command(words).arg("--json").output().expect("runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(exit), "{words:?}: {text}");
        let envelope: Value = serde_json::from_str(&text).expect("one JSON document");
        assert!(envelope["ok"] == false && envelope["data"].is_null());
        envelope["error"]["code"]
            .as_str()
            .expect("a code")
            .to_owned()
    }
}

/// The hot side, in memory: a watching wallet with one confirmed coin.
fn funded(descriptors: &Descriptors) -> Wallet {
    let mut wallet = Wallet::create(descriptors).expect("wallet");
    let script = wallet.new_address().address.script_pubkey();
    let transaction = Transaction {
        version: Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::hash(b"x"), 0),
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(1_000_000),
            script_pubkey: script,
        }],
    };
    let blocks = [
        BlockId {
            height: 0,
            hash: genesis_block(NETWORK).block_hash(),
        },
        BlockId {
            height: 10,
            hash: BlockHash::hash(b"10"),
        },
    ];
    let anchor = ConfirmationBlockTime {
        block_id: blocks[1],
        confirmation_time: 1,
    };
    let mut update = TxUpdate::default();
    update.anchors.insert((anchor, transaction.compute_txid()));
    update.txs.push(Arc::new(transaction));
    let chain = CheckPoint::from_block_ids(blocks).expect("ascending");
    wallet
        .apply(Update {
            tx_update: update,
            chain: Some(chain),
            ..Update::default()
        })
        .expect("connects");
    wallet
}

/// Writes a payment of so many satoshis at so many sat/vB, as the hot side would.
fn write_payment(vault: &Vault, name: &str, (sat, rate): (u64, u32)) -> PathBuf {
    vault
        .command(&["export", "watch-only", "--force", "-o", "watch.json"])
        .assert()
        .success();
    let watch = fs::read_to_string(vault.path("watch.json")).expect("file");
    let descriptors = WatchOnly::parse(&watch)
        .expect("valid")
        .descriptors()
        .expect("valid");
    let mut wallet = funded(&descriptors);
    let address = descriptors
        .address_at(KeychainKind::External, 900)
        .expect("address");
    let foreign = synod_wallet_core::keys::AccountKeys::from_seed(&[9; 32], descriptors.kind(), 0)
        .expect("keys");
    let to = foreign
        .descriptors()
        .address_at(KeychainKind::External, 0)
        .expect("address");
    assert_ne!(to, address);
    let payment = Payment {
        recipients: vec![Recipient {
            address: to,
            amount: Some(Amount::from_sat(sat)),
        }],
        fee_rate: FeeRate::from_sat_per_vb_u32(rate),
        reserved: Vec::new(),
    };
    let psbt = wallet.build_payment(&payment).expect("built");
    let path = vault.path(name);
    fs::write(&path, psbt::encode_binary(&psbt)).expect("file");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn a_payment_is_inspected_signed_verified_and_finalized_by_files() {
    for kind in ["wpkh", "tr", "sh-wpkh", "pkh"] {
        let vault = Vault::with_wallet(kind);
        let pay = write_payment(&vault, "pay.psbt", (400_000, 2));
        let inspected = vault.ok(&["psbt", "inspect", text(&pay)]);
        assert_eq!(inspected["sent_sat"], 400_000, "{kind}");
        assert_eq!(inspected["findings"], serde_json::json!([]));
        assert_eq!(inspected["is_complete"], false);
        let signed = vault.ok(&["psbt", "sign", text(&pay), "-o", "signed.psbt"]);
        assert_eq!(signed["is_complete"], true, "{kind}");
        let verified = vault.ok(&[
            "psbt",
            "verify",
            "signed.psbt",
            "--against",
            text(&pay),
            "--require-complete",
        ]);
        assert_eq!(verified["newly_signed"], serde_json::json!([0]));
        let finalized = vault.ok(&["psbt", "finalize", "signed.psbt"]);
        assert!(finalized["hex"].as_str().expect("hex").len() > 200);
    }
}

#[test]
fn standard_output_carries_the_result_only() {
    let vault = Vault::with_wallet("wpkh");
    let pay = write_payment(&vault, "pay.psbt", (400_000, 2));
    let output = vault
        .command(&["psbt", "sign", text(&pay)])
        .output()
        .expect("runs");
    let line = String::from_utf8(output.stdout).expect("text");
    assert_eq!(line.lines().count(), 1);
    assert!(psbt::decode(line.as_bytes()).is_ok());
    let piped = vault
        .command(&["psbt", "finalize", "-"])
        .write_stdin(line)
        .output()
        .expect("runs");
    let hex = String::from_utf8(piped.stdout).expect("text");
    assert!(hex.trim_end().bytes().all(|b| b.is_ascii_hexdigit()) && hex.len() > 200);
}

#[test]
fn known_words_give_the_known_address() {
    let data = Vault::with_wallet("wpkh").ok(&["address", "list", "--count", "1"]);
    assert_eq!(
        data[0]["address"],
        "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"
    );
    let vault = Vault::with_wallet("tr");
    let address = "bcrt1p8wpt9v4frpf3tkn0srd97pksgsxc5hs52lafxwru9kgeephvs7rqjeprhg";
    assert_eq!(vault.ok(&["address", "new"])["address"], address);
    assert_eq!(
        vault.ok(&["address", "new"])["index"],
        1,
        "the second one is another"
    );
    assert_eq!(vault.ok(&["address", "verify", address])["index"], 0);
    assert!(
        vault.ok(&["address", "qr", address])["qr"]
            .as_str()
            .expect("drawn")
            .lines()
            .count()
            > 10
    );
}

#[test]
fn new_seed_words_are_shown_once_and_recover_the_wallet() {
    let vault = Vault::new();
    let made = vault.ok(&["create", "one", "--words", "24"]);
    let words = made["seed_words"].as_str().expect("words");
    assert_eq!(words.split(' ').count(), 24);
    fs::write(vault.path("again"), words).expect("file");
    let again = vault.ok(&["create", "two", "--recover", "--seed-file", "again"]);
    assert_eq!(again["first_address"], made["first_address"]);
    assert!(again["seed_words"].is_null());
    assert_eq!(
        vault.ok(&["seed", "-w", "two"])["seed_words"].as_str(),
        Some(words)
    );
    assert_eq!(vault.ok(&["list"]).as_array().expect("list").len(), 2);
    assert_eq!(vault.fails(&["info"], 2), "wallet-ambiguous");
}

#[test]
fn every_kind_of_failure_has_its_exit_code() {
    let vault = Vault::with_wallet("wpkh");
    let pay = write_payment(&vault, "pay.psbt", (400_000, 2));
    assert_eq!(vault.fails(&["frobnicate"], 2), "usage");
    assert_eq!(
        vault.fails(&["psbt", "inspect", "none.psbt"], 3),
        "file-not-found"
    );
    assert_eq!(vault.fails(&["info", "none"], 3), "wallet-not-found");
    assert_eq!(vault.fails(&["create", "vault"], 5), "wallet-exists");
    assert_eq!(
        vault.fails(&["psbt", "finalize", text(&pay)], 9),
        "psbt-incomplete"
    );
    fs::write(vault.path("bad.psbt"), "psbt").expect("file");
    assert_eq!(
        vault.fails(&["psbt", "inspect", "bad.psbt"], 10),
        "psbt-no-magic"
    );
    fs::write(vault.path("password"), "wrong").expect("file");
    assert_eq!(
        vault.fails(&["psbt", "sign", text(&pay)], 4),
        "bad-password"
    );
}

#[test]
fn without_a_password_source_and_terminal_it_ends_at_once() {
    let vault = Vault::with_wallet("wpkh");
    let run = vault
        .bare(&["address", "new"])
        .timeout(std::time::Duration::from_secs(10))
        .output()
        .expect("ends");
    assert_eq!(run.status.code(), Some(4));
    assert!(run.stdout.is_empty());
}

#[test]
fn passwords_come_from_standard_input_and_descriptors_too() {
    let vault = Vault::with_wallet("wpkh");
    vault
        .bare(&["address", "new", "--password-stdin"])
        .write_stdin("right\n")
        .assert()
        .success();
    vault
        .bare(&["address", "new", "--password-fd", "0"])
        .write_stdin("right\n")
        .assert()
        .success();
    let mut by_environment = vault.bare(&["address", "new"]);
    by_environment
        .env("SYNOD_WALLET_PASSWORD_FILE", vault.path("password"))
        .assert()
        .success();
    vault
        .bare(&["address", "new", "--password-stdin"])
        .write_stdin("wrong\n")
        .assert()
        .code(4);
}

#[test]
fn a_high_fee_needs_its_own_flag_and_not_yes() {
    let vault = Vault::with_wallet("wpkh");
    let pay = write_payment(&vault, "pay.psbt", (50_000, 100));
    assert_eq!(
        vault.fails(&["psbt", "sign", text(&pay), "--yes"], 5),
        "fee-share-too-high"
    );
    vault.ok(&["psbt", "sign", text(&pay), "--allow-high-fee"]);
}

#[test]
fn a_second_version_of_a_payment_is_refused_until_it_is_named() {
    let vault = Vault::with_wallet("wpkh");
    let first = write_payment(&vault, "first.psbt", (400_000, 2));
    let second = write_payment(&vault, "second.psbt", (400_000, 5));
    vault.ok(&["psbt", "sign", text(&first)]);
    vault.ok(&["psbt", "sign", text(&first)]);
    assert_eq!(
        vault.fails(&["psbt", "sign", text(&second), "--yes"], 5),
        "conflicts-with-signed"
    );
    vault.ok(&["psbt", "sign", text(&second), "--allow-replacement"]);
}

#[test]
fn a_changed_psbt_is_noticed_on_return() {
    let vault = Vault::with_wallet("wpkh");
    let pay = write_payment(&vault, "pay.psbt", (400_000, 2));
    let other = write_payment(&vault, "other.psbt", (400_001, 2));
    assert_eq!(
        vault.fails(
            &["psbt", "verify", text(&other), "--against", text(&pay)],
            5
        ),
        "psbt-changed"
    );
    assert_eq!(
        vault.fails(&["psbt", "combine", text(&other), text(&pay)], 10),
        "psbt-different-transactions"
    );
    assert_eq!(
        vault.fails(
            &[
                "psbt",
                "verify",
                text(&pay),
                "--against",
                text(&pay),
                "--require-complete"
            ],
            9
        ),
        "psbt-incomplete"
    );
}

#[test]
fn the_password_can_be_changed_and_labels_stay() {
    let vault = Vault::with_wallet("wpkh");
    vault.ok(&["label", "set", "bcrt1qx", "rent \u{1b}[31m2027"]);
    fs::write(vault.path("new"), "other").expect("file");
    vault.ok(&["passwd", "--new-password-file", "new"]);
    assert_eq!(vault.fails(&["label", "list"], 4), "bad-password");
    fs::rename(vault.path("new"), vault.path("password")).expect("renamed");
    assert_eq!(vault.ok(&["label", "list"])["bcrt1qx"], "rent [31m2027");
}

#[test]
fn the_files_of_a_wallet_hold_no_secret_in_clear() {
    let vault = Vault::with_wallet("wpkh");
    for entry in fs::read_dir(vault.path("wallets")).expect("directory") {
        let bytes = fs::read(entry.expect("entry").path()).expect("file");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("abandon") && !text.contains("tprv"));
    }
}

#[test]
fn the_exit_codes_are_listed_and_completions_are_written() {
    let vault = Vault::new();
    assert_eq!(
        vault.ok(&["exit-codes"]).as_array().expect("table").len(),
        12
    );
    assert!(
        vault.ok(&["completions", "bash"])["script"]
            .as_str()
            .expect("script")
            .contains("synod-wallet-cold")
    );
}
