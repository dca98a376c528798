//! Which numbers of a member were taken.

/// How far behind the greatest number one may arrive: requests of one member run side by side.
const WIDTH: u64 = 128;

/// The numbers that were taken of one member, as IPsec keeps them (RFC 4303, section 3.4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Window {
    /// The greatest number that was taken, 0 before the first.
    greatest: u64,
    /// Bit n says that `greatest - n` was taken.
    taken: u128,
}

impl Window {
    /// Returns the number above all that were taken.
    pub(super) fn next(&self) -> u64 {
        self.greatest.saturating_add(1)
    }

    /// Says whether a number was taken, or is too old to tell.
    pub(super) fn has_seen(&self, sequence: u64) -> bool {
        if sequence > self.greatest {
            return false;
        }
        let behind = self.greatest - sequence;
        sequence == 0 || behind >= WIDTH || self.taken >> behind & 1 == 1
    }

    /// Takes a number; false when it was taken before, or is too old to tell.
    pub(super) fn take(&mut self, sequence: u64) -> bool {
        if self.has_seen(sequence) || sequence == 0 {
            return false;
        }
        if sequence > self.greatest {
            let step = sequence - self.greatest;
            let shifted = u32::try_from(step)
                .ok()
                .and_then(|it| self.taken.checked_shl(it));
            self.taken = shifted.unwrap_or(0) | 1;
            self.greatest = sequence;
        } else {
            self.taken |= 1 << (self.greatest - sequence);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_taken_once_in_any_order_within_the_width() {
        let mut window = Window::default();
        assert!(!window.take(0), "numbers begin at 1");
        for sequence in [5, 3, 4, 130, 140, 21] {
            assert!(window.take(sequence), "{sequence}");
            assert!(!window.take(sequence), "{sequence} again");
        }
        assert!(window.take(140 - WIDTH + 1), "the last inside");
        assert!(!window.take(140 - WIDTH), "the first outside");
        assert_eq!(window.next(), 141);
    }

    #[test]
    fn a_leap_forgets_nothing_that_could_come_again() {
        let mut window = Window::default();
        assert!(window.take(1));
        assert!(window.take(1 + WIDTH));
        assert!(!window.take(1));
        assert!(window.take(u64::MAX));
        assert!(!window.take(u64::MAX));
        assert!(window.take(u64::MAX - 1));
        assert!(!window.take(1 + WIDTH));
        assert_eq!(window.next(), u64::MAX);
    }
}
