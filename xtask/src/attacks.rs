//! The list of attacks in `docs/attacks.md`, held against the tests that it names.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use crate::metadata;

/// Where the list stands, from the root of the workspace.
const LIST: &str = "docs/attacks.md";

/// Returns a sentence for every row that is incomplete or names a test that is not there.
///
/// # Errors
/// The list cannot be read.
pub fn violations() -> Result<Vec<String>> {
    let root = metadata::root();
    let text = std::fs::read_to_string(root.join(LIST)).context(LIST)?;
    Ok(violations_of(&text, &|test| is_in_tree(&root, test)))
}

/// Checks the text of a list; `exists` says whether a test is there.
fn violations_of(text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut ids = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", id, attack, expected, tests, ""] = cells[..] else {
            found.push(format!("not four cells: {line}"));
            continue;
        };
        if id == "id" {
            continue;
        }
        if !is_id(id) {
            found.push(format!("{id} is no id"));
        }
        if !ids.insert(id) {
            found.push(format!("{id} stands twice"));
        }
        if attack.is_empty() || expected.is_empty() {
            found.push(format!("{id} does not say what happens"));
        }
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            found.push(format!("{id} has no test"));
        }
        let missing = tests.into_iter().filter(|test| !exists(test));
        found.extend(missing.map(|test| format!("{id} names {test}, which is not there")));
    }
    found
}

/// An id is one capital letter and two digits.
fn is_id(id: &str) -> bool {
    let [letter, digits @ ..] = id.as_bytes() else {
        return false;
    };
    letter.is_ascii_uppercase() && digits.len() == 2 && digits.iter().all(u8::is_ascii_digit)
}

/// Says whether `path::name` is a function of a file of the tree.
fn is_in_tree(root: &Path, test: &str) -> bool {
    let Some((path, name)) = test.split_once("::") else {
        return false;
    };
    let text = std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let keyword = if Path::new(path).extension().is_some_and(|it| it == "py") {
        "def "
    } else {
        "fn "
    };
    text.contains(&format!("{keyword}{name}("))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "| id | attack | expected behaviour | test |\n|---|---|---|---|\n";

    fn check(rows: &str) -> Vec<String> {
        violations_of(&format!("{HEAD}{rows}"), &|test| test == "a.rs::one")
    }

    #[test]
    fn a_row_with_a_test_that_exists_is_complete() {
        assert!(check("| C01 | a | b | `a.rs::one` |\n").is_empty());
        assert!(check("").is_empty());
    }

    #[test]
    fn rows_without_a_test_or_with_one_that_is_not_there_are_named() {
        assert_eq!(check("| C01 | a | b | |\n"), ["C01 has no test"]);
        assert_eq!(check("| C01 | a | b | one |\n"), ["C01 has no test"]);
        let gone = "| C01 | a | b | `a.rs::one` `a.rs::two` |\n";
        assert_eq!(check(gone), ["C01 names a.rs::two, which is not there"]);
    }

    #[test]
    fn ids_are_well_formed_and_stand_once() {
        let twice = "| C01 | a | b | `a.rs::one` |\n".repeat(2);
        assert_eq!(check(&twice), ["C01 stands twice"]);
        assert_eq!(check("| c1 | a | b | `a.rs::one` |\n"), ["c1 is no id"]);
        assert_eq!(
            check("| C01 | | b | `a.rs::one` |\n"),
            ["C01 does not say what happens"]
        );
        assert_eq!(check("| C01 | a |\n").len(), 1);
    }

    #[test]
    fn a_test_is_a_function_of_the_named_file() {
        let root = metadata::root();
        let here = "xtask/src/attacks.rs::a_test_is_a_function_of_the_named_file";
        assert!(is_in_tree(&root, here));
        for missing in [
            "xtask/src/attacks.rs::a_test_is_a_function",
            "xtask/src/nowhere.rs::check",
            "xtask/src/attacks.rs",
        ] {
            assert!(!is_in_tree(&root, missing), "{missing}");
        }
    }
}
