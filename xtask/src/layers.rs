//! The arrows between our crates: only down, and only these.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::metadata;

/// Each crate and those of ours that it may depend on, lowest layer first.
///
/// Development dependencies are free: tests may build on anything.
pub const ALLOWED: &[(&str, &[&str])] = &[
    ("synod-primitives", &[]),
    ("synod-sigcheck", &["synod-primitives"]),
    ("synod-script", &["synod-primitives", "synod-sigcheck"]),
    ("synod-chainspec", &["synod-primitives"]),
    ("synod-blockfile", &["synod-primitives"]),
    ("synod-seal", &["synod-primitives", "synod-sigcheck"]),
    (
        "synod-ledger",
        &[
            "synod-primitives",
            "synod-sigcheck",
            "synod-script",
            "synod-chainspec",
            "synod-seal",
        ],
    ),
    (
        "synod-mempool",
        &[
            "synod-primitives",
            "synod-sigcheck",
            "synod-script",
            "synod-chainspec",
            "synod-ledger",
        ],
    ),
    ("synod-engine", &["synod-primitives", "synod-seal"]),
    (
        "synod-engine-pos",
        &[
            "synod-primitives",
            "synod-chainspec",
            "synod-seal",
            "synod-engine",
        ],
    ),
    (
        "synod-engine-pow",
        &["synod-primitives", "synod-chainspec", "synod-engine"],
    ),
    (
        "synod-engine-dpos",
        &[
            "synod-primitives",
            "synod-chainspec",
            "synod-seal",
            "synod-engine",
        ],
    ),
    (
        "synod-node-core",
        &[
            "synod-primitives",
            "synod-sigcheck",
            "synod-script",
            "synod-chainspec",
            "synod-ledger",
            "synod-mempool",
            "synod-seal",
            "synod-engine",
            "synod-engine-pow",
            "synod-engine-pos",
            "synod-engine-dpos",
        ],
    ),
    ("synod-store", &["synod-primitives", "synod-ledger"]),
    ("synod-faults", &[]),
    (
        "synod-testkit",
        &[
            "synod-primitives",
            "synod-script",
            "synod-chainspec",
            "synod-ledger",
            "synod-mempool",
            "synod-seal",
            "synod-engine",
            "synod-node-core",
        ],
    ),
    (
        "synod-bench",
        &[
            "synod-primitives",
            "synod-sigcheck",
            "synod-script",
            "synod-chainspec",
            "synod-blockfile",
            "synod-ledger",
            "synod-mempool",
            "synod-seal",
            "synod-engine",
            "synod-node-core",
            "synod-testkit",
        ],
    ),
    ("synod-api", &[]),
    (
        "synod-gossip",
        &[
            "synod-primitives",
            "synod-sigcheck",
            "synod-node-core",
            "synod-api",
        ],
    ),
    ("synod-service", &["synod-api"]),
    (
        "synod-node",
        &[
            "synod-primitives",
            "synod-sigcheck",
            "synod-script",
            "synod-chainspec",
            "synod-seal",
            "synod-blockfile",
            "synod-ledger",
            "synod-mempool",
            "synod-engine",
            "synod-engine-pow",
            "synod-node-core",
            "synod-store",
            "synod-api",
            "synod-gossip",
            "synod-service",
        ],
    ),
    (
        "synod-miner",
        &["synod-primitives", "synod-api", "synod-service"],
    ),
    (
        "synod-validator",
        &[
            "synod-primitives",
            "synod-seal",
            "synod-api",
            "synod-service",
        ],
    ),
    (
        "synod-explorer",
        &[
            "synod-primitives",
            "synod-sigcheck",
            "synod-script",
            "synod-seal",
            "synod-api",
            "synod-service",
        ],
    ),
    ("synod-wallet-core", &[]),
    (
        "synod-wallet",
        &[
            "synod-wallet-core",
            "synod-wallet-cold",
            "synod-api",
            "synod-service",
        ],
    ),
    ("synod-wallet-cold", &["synod-wallet-core"]),
    (
        "synod",
        &[
            "synod-primitives",
            "synod-chainspec",
            "synod-seal",
            "synod-api",
            "synod-service",
            "synod-node",
            "synod-miner",
            "synod-validator",
            "synod-explorer",
            "synod-wallet",
            "synod-wallet-core",
        ],
    ),
    (
        "synod-fuzz-targets",
        &[
            "synod-primitives",
            "synod-sigcheck",
            "synod-script",
            "synod-chainspec",
            "synod-ledger",
            "synod-mempool",
            "synod-seal",
            "synod-engine",
            "synod-node-core",
            "synod-blockfile",
            "synod-gossip",
            "synod-api",
            "synod-service",
            "synod-node",
            "synod-wallet-core",
        ],
    ),
    ("xtask", &[]),
];

/// Returns a sentence for every arrow that is not allowed and every crate not listed.
///
/// # Errors
/// Cargo's metadata cannot be read.
pub fn violations() -> Result<Vec<String>> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let metadata = metadata::load(false)?;
    let mut found = Vec::new();
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let ours: Vec<&str> = packages
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    for package in &packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(below) = allowed.get(name) else {
            found.push(format!("{name} has no place in the layers"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let is_development = dependency["kind"].as_str() == Some("dev");
            if ours.contains(&to) && !is_development && !below.contains(&to) {
                found.push(format!("{name} may not depend on {to}"));
            }
        }
    }
    Ok(found)
}
