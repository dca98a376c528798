//! Nested IFs.

/// The branches that execution is in.
///
/// Only two things are ever asked: whether there is any, and whether all are taken. So a depth
/// and the place of the first branch that is not taken say it all, at constant cost.
#[derive(Clone, Copy, Default)]
pub(super) struct Conditions {
    depth: usize,
    /// The depth of the first branch not taken.
    first_false: Option<usize>,
}

impl Conditions {
    pub(super) fn is_empty(self) -> bool {
        self.depth == 0
    }

    pub(super) fn all_true(self) -> bool {
        self.first_false.is_none()
    }

    pub(super) fn push(&mut self, is_taken: bool) {
        if !is_taken && self.first_false.is_none() {
            self.first_false = Some(self.depth);
        }
        self.depth += 1;
    }

    /// Turns the innermost branch to its other side; `None` when there is none.
    pub(super) fn toggle(&mut self) -> Option<()> {
        let top = self.depth.checked_sub(1)?;
        match self.first_false {
            None => self.first_false = Some(top),
            Some(first) if first == top => self.first_false = None,
            // Below a branch that is not taken it makes no difference.
            Some(_) => {}
        }
        Some(())
    }

    /// Leaves the innermost branch; `None` when there is none.
    pub(super) fn pop(&mut self) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        if self.first_false == Some(self.depth) {
            self.first_false = None;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_like_a_list_of_branches() {
        // Every sequence of nine steps, by its digits to base 4.
        for code in 0..4_usize.pow(9) {
            let mut list: Vec<bool> = Vec::new();
            let mut conditions = Conditions::default();
            for step in 0..9 {
                match code / 4_usize.pow(step) % 4 {
                    0 => {
                        list.push(true);
                        conditions.push(true);
                    }
                    1 => {
                        list.push(false);
                        conditions.push(false);
                    }
                    2 => {
                        let top = list.last_mut().map(|top| *top = !*top);
                        assert_eq!(conditions.toggle(), top);
                    }
                    _ => assert_eq!(conditions.pop(), list.pop().map(|_| ())),
                }
                assert_eq!(conditions.is_empty(), list.is_empty());
                assert_eq!(conditions.all_true(), list.iter().all(|taken| *taken));
            }
        }
    }
}
