//! The order of branches.

use crate::{BranchEnd, Engine};

/// Checks that [`Engine::prefers`] is a strict order over the given branch ends.
///
/// # Panics
/// When a branch is preferred to itself, two are preferred to each other, or a preference
/// is not transitive.
pub fn check_fork_choice_is_a_strict_order(engine: &dyn Engine, ends: &[BranchEnd]) {
    for a in ends {
        assert!(!engine.prefers(a, a), "{a:?} is preferred to itself");
        for b in ends {
            let forth = engine.prefers(a, b);
            assert!(
                !(forth && engine.prefers(b, a)),
                "{a:?} and {b:?} prefer each other"
            );
            for c in ends {
                let chained = forth && engine.prefers(b, c);
                assert!(
                    !chained || engine.prefers(a, c),
                    "{a:?} over {b:?} over {c:?}"
                );
            }
        }
    }
}
