//! What a protection database belongs to, and how far it is.

use synod_primitives::tagged_hash;

/// The database's identity and its place in its own history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The chain that it protects keys on.
    pub(super) chain_id: [u8; 32],
    /// Drawn when the database was made.
    pub(super) instance: [u8; 16],
    /// How many changes it has taken.
    pub(super) sequence: u64,
    /// A digest over all of them.
    pub(super) history: [u8; 32],
    /// The digest before the last one.
    pub(super) before: [u8; 32],
}

impl Head {
    /// The head of an empty database.
    pub(super) fn new(chain_id: [u8; 32], instance: [u8; 16]) -> Self {
        let history = tagged_hash("synod/protection/new", &[&chain_id, &instance]);
        Self {
            chain_id,
            instance,
            sequence: 0,
            history,
            before: history,
        }
    }

    /// The head after a change.
    pub(super) fn after(&self, change: &[&[u8]]) -> Self {
        let mut parts: Vec<&[u8]> = vec![&self.history];
        parts.extend(change);
        Self {
            sequence: self.sequence.saturating_add(1),
            history: tagged_hash("synod/protection/change", &parts),
            before: self.history,
            ..*self
        }
    }

    /// Says whether a database at this head is as far as the second place says, or one change
    /// further: the one that was on its way when the process ended.
    pub(super) fn is_not_behind(&self, second: &Self) -> bool {
        let is_same = self.sequence == second.sequence && self.history == second.history;
        let is_next =
            second.sequence.checked_add(1) == Some(self.sequence) && self.before == second.history;
        is_same || is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_head_and_the_next_are_not_behind() {
        let first = Head::new([1; 32], [2; 16]);
        let second = first.after(&[b"a"]);
        let other = first.after(&[b"b"]);
        let third = second.after(&[b"c"]);
        assert!(second.is_not_behind(&second) && second.is_not_behind(&first));
        assert!(!first.is_not_behind(&second), "an older copy");
        assert!(!other.is_not_behind(&second), "another history");
        assert!(
            !third.is_not_behind(&first),
            "the second place is an older copy"
        );
        assert!(!third.is_not_behind(&other));
    }
}
