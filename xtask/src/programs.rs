//! Every program has a black-box test: `cargo test` builds a package's programs only for tests
//! of their own, and the acceptance tests use what `cargo test` has built.

use anyhow::Result;
use serde_json::Value;

use crate::metadata;

/// Packages of this workspace with a program and without a test in `tests/`.
///
/// # Errors
/// `cargo metadata` fails.
pub fn violations() -> Result<Vec<String>> {
    let metadata = metadata::load(false)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    Ok(packages
        .filter(|package| has_target(package, "bin") && !has_target(package, "test"))
        .map(|package| package["name"].to_string())
        .collect())
}

/// Says whether a package has a target of this kind.
fn has_target(package: &Value, kind: &str) -> bool {
    let targets = package["targets"].as_array();
    targets.is_some_and(|it| {
        it.iter()
            .filter_map(|target| target["kind"].as_array())
            .any(|kinds| kinds.iter().any(|it| it == kind))
    })
}
