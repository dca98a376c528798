//! The licences of everything that is linked.

use anyhow::Result;

use crate::metadata;

/// Licences that go together with ours.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MITNFA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Returns a sentence for every package none of whose licences is allowed.
///
/// # Errors
/// Cargo's metadata cannot be read.
pub fn violations() -> Result<Vec<String>> {
    let metadata = metadata::load(true)?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let refused = packages.iter().filter_map(|package| {
        let expression = package["license"].as_str().unwrap_or_default();
        let name = package["name"].as_str().unwrap_or_default();
        (!is_allowed(expression)).then(|| format!("{name} is under {expression:?}"))
    });
    Ok(refused.collect())
}

/// Says whether one way to read the expression needs only allowed licences.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    plain.split(" OR ").any(|choice| {
        choice
            .split(" AND ")
            .all(|licence| ALLOWED.contains(&licence.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn one_allowed_choice_is_enough_and_every_part_of_it_counts() {
        assert!(is_allowed("MIT OR GPL-3.0"));
        assert!(is_allowed("MIT/Apache-2.0"));
        assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(!is_allowed("GPL-3.0"));
        assert!(!is_allowed("MIT AND GPL-3.0"));
        assert!(!is_allowed(""));
    }
}
