//! Sentences on signs that others follow other rules than this node.

use synod_node_core::{HeavierInvalid, UnknownRules, View};

/// Returns a sentence, in Bitcoin Core's words, for every unknown rule that is in force.
#[must_use]
pub fn active(rules: UnknownRules) -> Vec<String> {
    UnknownRules::bits(rules.active)
        .map(|bit| format!("Unknown new rules activated (versionbit {bit})"))
        .collect()
}

/// Returns a sentence on a chain of much more work that is invalid here.
#[must_use]
pub fn disputed(branch: &HeavierInvalid) -> String {
    let HeavierInvalid {
        height, at, code, ..
    } = branch;
    format!(
        "A chain up to height {height} with much more work than this node's is invalid here \
         (block {at}: {code}); this node or its peers may need to be updated"
    )
}

/// Writes a line to the log for every sign that `now` has and `before` had not.
pub(crate) fn log_changes(before: Option<&View>, now: &View) {
    let rules = before.map(|it| it.unknown_rules).unwrap_or_default();
    log_rules(rules, now.unknown_rules);
    let cause = |view: &View| view.heavier_invalid.as_ref().map(|it| it.at);
    if let Some(branch) = &now.heavier_invalid
        && before.and_then(cause) != Some(branch.at)
    {
        tracing::warn!("{}; or the database is damaged", disputed(branch));
    }
}

/// The warnings of Core's `UpdateTip`.
fn log_rules(before: UnknownRules, now: UnknownRules) {
    for sentence in active(UnknownRules {
        active: now.active & !before.active,
        locked_in: 0,
    }) {
        tracing::warn!("{sentence}: this node may take blocks that others refuse; update it");
    }
    for bit in UnknownRules::bits(now.locked_in & !before.locked_in) {
        tracing::warn!("unknown new rules are locked in (versionbit {bit}); update this node");
    }
}

#[cfg(test)]
mod tests {
    use synod_primitives::{BlockHash, Height};

    use super::*;

    #[test]
    fn a_chain_that_is_invalid_here_is_named_with_its_cause() {
        let branch = HeavierInvalid {
            hash: BlockHash::from_bytes([1; 32]),
            height: Height(17),
            at: BlockHash::from_bytes([2; 32]),
            code: "bad-cb-amount".to_owned(),
        };
        let sentence = disputed(&branch);
        let cause = format!("(block {}: bad-cb-amount)", "02".repeat(32));
        assert!(sentence.contains(&cause), "{sentence}");
        assert!(sentence.starts_with("A chain up to height 17 "));
    }

    #[test]
    fn only_what_is_in_force_is_a_warning() {
        let rules = UnknownRules {
            active: 1 << 27 | 1,
            locked_in: 1 << 3,
        };
        assert_eq!(
            active(rules),
            [
                "Unknown new rules activated (versionbit 0)",
                "Unknown new rules activated (versionbit 27)"
            ]
        );
        assert!(active(UnknownRules::default()).is_empty());
    }
}
