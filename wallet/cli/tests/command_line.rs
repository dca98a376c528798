//! The program as a user runs it: exit codes, JSON, files, a payment from start to confirmation.

mod double;

use std::{fs, path::PathBuf};

use assert_cmd::Command;
use double::Double;
use serde_json::Value;
use synod_wallet_core::bitcoin::{Address, address::NetworkUnchecked};

/// A directory with a password file, and an explorer double.
struct Desk {
    directory: tempfile::TempDir,
    double: Double,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        fs::write(directory.path().join("password"), "right").expect("file");
        Self {
            directory,
            double: Double::start(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::cargo_bin("synod-wallet").expect("built");
        command.env_clear().current_dir(self.directory.path());
        command
            .env("SYNOD_EXPLORER", self.double.url())
            .env("SYNOD_WALLET_DIR", self.path("wallets"));
        command
            .env("SYNOD_WALLET_PASSWORD_FILE", self.path("password"))
            .args(words);
        command
    }

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
        assert!(
            envelope["ok"] == true
                && envelope["schema_version"] == 1
                && envelope["error"].is_null()
        );
        envelope["data"].clone()
    }

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

    fn new_address(&self, wallet: &str) -> Address {
        let data = self.ok(&["address", "new", "-w", wallet]);
        let text = data["address"].as_str().expect("address").to_owned();
        text.parse::<Address<NetworkUnchecked>>()
            .expect("address")
            .assume_checked()
    }

    fn funded(amounts: &[u64]) -> Self {
        let desk = Self::new();
        desk.ok(&["create", "shop"]);
        desk.double.fund(&desk.new_address("shop"), amounts);
        desk
    }
}

const ELSEWHERE: &str = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";

#[test]
fn a_payment_from_creation_to_confirmation() {
    let desk = Desk::funded(&[1_000_000]);
    assert_eq!(desk.ok(&["balance"])["spendable_sat"], 1_000_000);
    let to = format!("{ELSEWHERE}:0.003btc");
    let shown = desk.ok(&["send", "--to", &to, "--dry-run"]);
    assert_eq!(shown["sent_sat"], 300_000);
    assert!(
        desk.double.chain().posted.is_empty(),
        "a dry run sends nothing"
    );
    let sent = desk.ok(&["send", "--to", &to, "--fee-rate", "1.5"]);
    let txid = sent["txid"].as_str().expect("txid").to_owned();
    assert_eq!(desk.ok(&["tx", "status", &txid])["confirmed"], false);
    desk.ok(&["tx", "wait", &txid, "--conf", "0", "--timeout", "5"]);
    assert_eq!(
        desk.fails(&["tx", "wait", &txid, "--timeout", "1"], 8),
        "wait-timeout"
    );
    desk.double.mine();
    assert_eq!(
        desk.ok(&["tx", "wait", &txid, "--timeout", "5"])["confirmations"],
        1
    );
    let fee = sent["fee_sat"].as_u64().expect("fee");
    assert_eq!(desk.ok(&["balance"])["confirmed_sat"], 700_000 - fee);
    let history = desk.ok(&["history"]);
    assert_eq!(
        (
            history.as_array().expect("list").len(),
            history[0]["txid"].as_str()
        ),
        (2, Some(txid.as_str()))
    );
    assert_eq!(
        desk.ok(&["utxo", "list"]).as_array().expect("list").len(),
        1
    );
}

#[test]
fn the_cold_round_trip_in_four_lines() {
    let desk = Desk::new();
    desk.ok(&["create", "vault", "--type", "tr"]);
    desk.ok(&["export", "watch-only", "-w", "vault", "-o", "watch.json"]);
    desk.ok(&["create", "shop", "--watch-only", "watch.json"]);
    desk.double.fund(&desk.new_address("shop"), &[500_000]);
    let to = format!("{ELSEWHERE}:200000");
    desk.ok(&[
        "psbt", "create", "-w", "shop", "--to", &to, "-o", "pay.psbt",
    ]);
    desk.ok(&["psbt", "inspect", "-w", "vault", "pay.psbt"]);
    desk.ok(&[
        "psbt",
        "sign",
        "-w",
        "vault",
        "pay.psbt",
        "-o",
        "signed.psbt",
        "--encoding",
        "binary",
    ]);
    desk.ok(&[
        "psbt",
        "verify",
        "signed.psbt",
        "--against",
        "pay.psbt",
        "--require-complete",
    ]);
    let hex = desk
        .command(&["psbt", "finalize", "signed.psbt"])
        .output()
        .expect("runs")
        .stdout;
    let sent = desk
        .command(&["tx", "broadcast", "-"])
        .write_stdin(hex)
        .output()
        .expect("runs");
    assert_eq!(sent.status.code(), Some(0));
    desk.double.mine();
    let txid = String::from_utf8(sent.stdout)
        .expect("text")
        .trim()
        .to_owned();
    assert_eq!(
        desk.ok(&["history", "-w", "shop"])[0]["txid"].as_str(),
        Some(txid.as_str())
    );
    assert_eq!(
        desk.fails(&["send", "-w", "shop", "--to", &to], 5),
        "watch-only"
    );
    assert_eq!(
        desk.fails(&["psbt", "sign", "-w", "shop", "pay.psbt"], 5),
        "watch-only"
    );
}

#[test]
fn a_watch_only_wallet_is_made_of_one_descriptor() {
    let desk = Desk::new();
    let made = desk.ok(&["create", "vault"]);
    let external = made["external"]
        .as_str()
        .expect("descriptor")
        .split('#')
        .next()
        .expect("text")
        .to_owned();
    let watched = desk.ok(&[
        "create",
        "shop",
        "--watch-only",
        &external.replace("/0/*", "/<0;1>/*"),
    ]);
    assert_eq!(watched["first_address"], made["first_address"]);
    assert_eq!(desk.ok(&["info", "shop"])["watch_only"], true);
    assert_eq!(
        desk.fails(&["create", "x", "--watch-only", "wpkh(xyz)"], 10),
        "descriptor-malformed"
    );
    assert_eq!(
        desk.fails(&["create", "shop", "--watch-only", "none.json"], 5),
        "wallet-exists"
    );
}

#[test]
fn every_kind_of_failure_has_its_exit_code() {
    let desk = Desk::funded(&[100_000]);
    let pay = |sat: u64| format!("{ELSEWHERE}:{sat}");
    assert_eq!(desk.fails(&["send"], 2), "usage");
    assert_eq!(
        desk.fails(&["send", "--to", ELSEWHERE], 2),
        "recipient-malformed"
    );
    assert_eq!(
        desk.fails(&["send", "--to", &format!("{ELSEWHERE}:1.5")], 2),
        "amount-too-precise"
    );
    assert_eq!(
        desk.fails(&["balance", "-w", "none"], 3),
        "wallet-not-found"
    );
    assert_eq!(
        desk.fails(&["tx", "status", &"00".repeat(32)], 3),
        "tx-unknown"
    );
    assert_eq!(
        desk.fails(&["send", "--to", &pay(50_000), "--fee-rate", "200"], 5),
        "fee-share-too-high"
    );
    assert_eq!(desk.fails(&["send", "--to", &pay(100)], 5), "dust");
    assert_eq!(
        desk.fails(&["send", "--to", &pay(200_000)], 6),
        "insufficient-funds"
    );
    assert_eq!(
        desk.fails(
            &[
                "send",
                "--to",
                "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq:5000"
            ],
            10
        ),
        "wrong-network"
    );
    assert_eq!(
        desk.fails(&["send", "--to", "bcrt1qnothing:5000"], 10),
        "address-invalid"
    );
    fs::write(desk.path("password"), "wrong").expect("file");
    assert_eq!(
        desk.fails(&["send", "--to", &pay(50_000)], 4),
        "bad-password"
    );
    desk.double.chain().broken = Some(404);
    assert_eq!(desk.fails(&["balance"], 7), "explorer-unreachable");
    assert_eq!(
        desk.fails(&["balance", "--explorer", "http://127.0.0.1:1"], 7),
        "explorer-unreachable"
    );
    assert_eq!(
        desk.fails(&["balance", "--explorer", "ftp://x"], 2),
        "explorer-url"
    );
    assert_eq!(
        desk.ok(&["balance", "--offline"])["spendable_sat"],
        100_000,
        "what is stored can still be seen"
    );
}

#[test]
fn everything_is_sent_with_max() {
    let desk = Desk::funded(&[100_000, 200_000]);
    let sent = desk.ok(&["send", "--to", ELSEWHERE, "--max"]);
    let balance = desk.ok(&["balance"]);
    assert_eq!(balance["total_sat"], 0);
    assert!(sent["fee_sat"].as_u64().expect("fee") < 1000);
}

#[test]
fn a_fee_is_raised() {
    let desk = Desk::funded(&[1_000_000]);
    let sent = desk.ok(&[
        "send",
        "--to",
        &format!("{ELSEWHERE}:300000"),
        "--fee-rate",
        "1",
    ]);
    let txid = sent["txid"].as_str().expect("txid");
    assert_eq!(
        desk.fails(&["bump", txid, "--fee-rate", "1"], 5),
        "fee-too-low"
    );
    let bumped = desk.ok(&["bump", txid, "--fee-rate", "5"]);
    assert_ne!(bumped["txid"].as_str(), Some(txid));
    assert_eq!(desk.fails(&["tx", "status", txid], 3), "tx-unknown");
}

#[test]
fn a_request_id_is_paid_once() {
    let desk = Desk::funded(&[1_000_000, 1_000_000]);
    let words = [
        "send",
        "--to",
        &format!("{ELSEWHERE}:300000"),
        "--request-id",
        "order-7",
    ];
    let (first, second) = (desk.ok(&words), desk.ok(&words));
    assert_eq!(first["txid"], second["txid"]);
    assert_eq!(
        (&first["is_repeat"], &second["is_repeat"]),
        (&Value::from(false), &Value::from(true))
    );
    assert_eq!(desk.double.chain().posted.len(), 1);
}

#[test]
fn text_answers_are_the_result_only() {
    let desk = Desk::funded(&[1_000_000]);
    let output = desk
        .command(&["send", "--to", &format!("{ELSEWHERE}:300000")])
        .output()
        .expect("runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.trim().len(), 64);
    assert_eq!(text.lines().count(), 1);
    let shown = desk.command(&["exit-codes"]).output().expect("runs");
    assert_eq!(
        String::from_utf8(shown.stdout)
            .expect("text")
            .lines()
            .count(),
        12
    );
}
