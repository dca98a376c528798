//! The wallet is built on the ecosystem, never on the project's ledger crates.

use std::{path::Path, process::Command};

#[test]
fn the_wallet_depends_on_api_and_service_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args([
            "--format",
            "{p}",
            "--target",
            "all",
            "--package",
            "synod-wallet",
        ])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("names are text");
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let mut own: Vec<&str> = names.filter(|name| name.starts_with("synod-")).collect();
    own.sort_unstable();
    own.dedup();
    let allowed = [
        "synod-api",
        "synod-service",
        "synod-wallet",
        "synod-wallet-cold",
        "synod-wallet-core",
    ];
    assert_eq!(own, allowed);
    for banned in ["ring ", "rustls ", "openssl-sys ", "aws-lc-sys "] {
        assert!(
            !text.contains(&format!("\n{banned}")),
            "{banned}is in the tree"
        );
    }
}
