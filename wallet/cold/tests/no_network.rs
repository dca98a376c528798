//! The cold wallet's dependency tree holds nothing that opens a socket.

use std::{collections::BTreeSet, path::Path, process::Command};

/// Crates that open sockets, run event loops for them or speak protocols over them.
const NETWORK_CRATES: [&str; 31] = [
    "async-net",
    "async-std",
    "attohttpc",
    "axum",
    "bdk_electrum",
    "bdk_esplora",
    "bitcoincore-rpc",
    "curl",
    "electrum-client",
    "esplora-client",
    "h2",
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "isahc",
    "jsonrpc",
    "mio",
    "minreq",
    "native-tls",
    "openssl",
    "quinn",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "surf",
    "tokio",
    "tower-http",
    "tungstenite",
    "ureq",
];

/// The crates that are built into a package of this workspace.
fn dependencies(package: &str) -> BTreeSet<String> {
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
            "--format",
            "{p}",
        ])
        .args(["--target", "all", "--package", package])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("names are text");
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_network_crate_is_in_the_cold_tree() {
    for package in ["synod-wallet-cold", "synod-wallet-core"] {
        let names = dependencies(package);
        assert!(names.contains("bdk_wallet"), "the tree was read: {names:?}");
        let found: Vec<_> = NETWORK_CRATES
            .iter()
            .filter(|name| names.contains(**name))
            .collect();
        assert!(found.is_empty(), "{package} depends on {found:?}");
    }
}

#[test]
fn no_ledger_crate_is_in_the_cold_tree() {
    let own: Vec<_> = dependencies("synod-wallet-cold")
        .into_iter()
        .filter(|name| name.starts_with("synod-"))
        .collect();
    assert_eq!(own, ["synod-wallet-cold", "synod-wallet-core"]);
}

#[test]
fn the_source_of_both_crates_names_no_socket() {
    for folder in ["src", "../core/src"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut open = vec![root];
        let mut files = 0;
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(
                    std::fs::read_dir(&path)
                        .expect("readable")
                        .map(|entry| entry.expect("entry").path()),
                );
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).expect("text");
            assert!(
                !text.contains("std::net") && !text.contains("UnixStream"),
                "{}",
                path.display()
            );
        }
        assert!(files > 5);
    }
}
