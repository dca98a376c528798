//! The program itself: keys, protection and refusals on the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

const CHAIN: &str = "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";

fn run(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_synod-validator"))
        .args(words)
        .current_dir(folder)
        .output()
        .expect("the program runs")
}

fn success(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

fn refusal(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    assert!(!output.status.success(), "{words:?}");
    String::from_utf8(output.stderr).expect("text")
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set");
}

const NEW: &[&str] = &["key", "new", "--data=v", "--passphrase-file=pass"];

fn with_key() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write_private(&folder.path().join("pass"), "correct horse\n");
    let chain = format!("--chain-id={CHAIN}");
    let said = success(folder.path(), &[NEW, &[&chain]].concat());
    assert!(said.starts_with("key "), "{said}");
    folder
}

#[test]
fn a_key_is_made_listed_and_protected() {
    let folder = with_key();
    let listed = success(folder.path(), &["key", "list", "--data=v"]);
    let key = listed.split(' ').next().expect("a key").to_owned();
    let shown = success(folder.path(), &["protection", "show", "--data=v"]);
    assert!(
        shown.starts_with(&key) && shown.contains("last slot -"),
        "{shown}"
    );
    // The chain is known from now on.
    success(folder.path(), NEW);
    assert_eq!(
        success(folder.path(), &["key", "list", "--data=v"])
            .lines()
            .count(),
        2
    );
    let mode = |name: &str| {
        let metadata = fs::metadata(folder.path().join(name)).expect("a file");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("v/protection.sqlite"), 0o600);
    assert_eq!(mode(&format!("v/keys/{key}.key")), 0o600);
}

#[test]
fn protection_moves_to_another_directory() {
    let folder = with_key();
    let at = folder.path();
    success(at, &["protection", "export", "--data=v", "out.json"]);
    let text = fs::read_to_string(at.join("out.json")).expect("a file");
    assert!(text.contains(CHAIN) && text.contains("signed_blocks"));
    assert!(refusal(at, &["protection", "export", "--data=v", "out.json"]).contains("exists"));
    let said = success(at, &["protection", "import", "--data=w", "out.json"]);
    assert_eq!(said, "1 keys added, 0 raised, 0 unchanged\n");
    let other = text.replace("c1c1", "c2c2");
    fs::write(at.join("other.json"), other).expect("written");
    let said = refusal(at, &["protection", "import", "--data=w", "other.json"]);
    assert!(
        said.contains("to which the protection database belongs"),
        "{said}"
    );
}

#[test]
fn refusals_are_sentences_that_say_what_to_do() {
    let folder = with_key();
    let at = folder.path();
    let start = &[
        "run",
        "--data=v",
        "--passphrase-file=pass",
        "--listen=127.0.0.1:0",
    ][..];
    let says = |words: &[&str], part: &str| {
        let said = refusal(at, words);
        assert!(said.contains(part), "{words:?}: {said}");
    };
    says(&["run", "--data=none"], "synod-validator key new");
    says(
        &["key", "new", "--data=new", "--passphrase-file=pass"],
        "--node URL or --chain-id HEX",
    );
    fs::set_permissions(at.join("pass"), fs::Permissions::from_mode(0o644)).expect("set");
    says(start, "run chmod 600 on it");
    write_private(&at.join("pass"), "wrong\n");
    says(start, "wrong passphrase");
    write_private(&at.join("pass"), "correct horse\n");
    fs::rename(at.join("v.high-water"), at.join("kept")).expect("moved");
    says(start, "restore it, or name it with --high-water");
    fs::rename(at.join("kept"), at.join("v.high-water")).expect("moved");
    fs::remove_file(at.join("v/protection.sqlite")).expect("removed");
    says(start, "--dangerously-accept-protection-loss");
}
