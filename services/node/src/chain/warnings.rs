//! Sentences on rules that others follow and this node does not know.

use synod_node_core::UnknownRules;

/// Returns a sentence, in Bitcoin Core's words, for every unknown rule that is in force.
#[must_use]
pub fn active(rules: UnknownRules) -> Vec<String> {
    UnknownRules::bits(rules.active)
        .map(|bit| format!("Unknown new rules activated (versionbit {bit})"))
        .collect()
}

/// Writes a line to the log for every bit that `now` has and `before` had not (Core: the
/// warnings of `UpdateTip`).
pub(crate) fn log_changes(before: UnknownRules, now: UnknownRules) {
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
    use super::*;

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
