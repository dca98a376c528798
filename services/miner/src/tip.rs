//! Where the search stands, and which templates are still of use.

use std::time::{Duration, Instant};

use synod_api::HashHex;
use tokio::sync::Notify;

use crate::work::Work;

/// The time for the template after a block of ours to come by itself.
const NEXT_TEMPLATE: Duration = Duration::from_secs(2);

/// Where the search stands.
pub(crate) struct Tip {
    pub(crate) parent: Option<HashHex>,
    pub(crate) since: Instant,
    /// The id of the template that the threads have.
    pub(crate) assigned: Option<String>,
    pub(crate) is_submitting: bool,
    /// The parent of a block of ours that the node took, and when: templates on it are outdated.
    pub(crate) solved: Option<(HashHex, Instant)>,
    /// A template that is of no more use.
    pub(crate) spent: Option<String>,
    /// No search before this moment.
    pub(crate) pause_until: Option<Instant>,
}

impl Tip {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            parent: None,
            since: now,
            assigned: None,
            is_submitting: false,
            solved: None,
            spent: None,
            pause_until: None,
        }
    }

    /// Says whether a template may be searched; if not, when to ask again.
    pub(crate) fn admit(
        &mut self,
        work: &Work,
        now: Instant,
        refresh: &Notify,
    ) -> Result<(), Option<Instant>> {
        if self.parent != Some(work.parent()) {
            self.parent = Some(work.parent());
            self.since = now;
        }
        if let Some((parent, when)) = self.solved {
            if parent == work.parent() {
                if now < when + NEXT_TEMPLATE {
                    return Err(Some(when + NEXT_TEMPLATE));
                }
                // Our block is not the tip any more, or the news was lost.
                self.spent = Some(work.template().template_id.clone());
                refresh.notify_one();
            }
            self.solved = None;
        }
        if self.spent.as_ref() == Some(&work.template().template_id) {
            return Err(None);
        }
        match self.pause_until {
            Some(moment) if now < moment => Err(Some(moment)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use synod_api::node::Template;

    use super::*;
    use crate::work::tests::template;

    fn work(id: &str, parent: u8) -> Work {
        let template = Template {
            template_id: id.to_owned(),
            previous_block_hash: HashHex::from_bytes([parent; 32]),
            ..template()
        };
        Work::new(template, Instant::now()).expect("a template")
    }

    #[test]
    fn templates_on_the_parent_of_our_own_block_are_outdated() {
        let (begin, refresh) = (Instant::now(), Notify::new());
        let mut tip = Tip::new(begin);
        assert_eq!(tip.admit(&work("a", 1), begin, &refresh), Ok(()));
        tip.solved = Some((HashHex::from_bytes([1; 32]), begin));
        let later = begin + NEXT_TEMPLATE;
        assert_eq!(tip.admit(&work("b", 1), begin, &refresh), Err(Some(later)));
        assert_eq!(tip.admit(&work("c", 2), begin, &refresh), Ok(()));
        // Our block was taken back: its parent is the tip again.
        assert_eq!(tip.admit(&work("d", 1), begin, &refresh), Ok(()));
    }

    #[test]
    fn a_tip_that_does_not_move_on_is_asked_for_again() {
        let (begin, refresh) = (Instant::now(), Notify::new());
        let mut tip = Tip::new(begin);
        tip.solved = Some((HashHex::from_bytes([1; 32]), begin));
        let later = begin + NEXT_TEMPLATE;
        assert_eq!(tip.admit(&work("a", 1), later, &refresh), Err(None));
        assert_eq!(tip.admit(&work("b", 1), later, &refresh), Ok(()));
    }

    #[test]
    fn a_spent_template_and_a_pause_hold_the_search() {
        let (begin, refresh) = (Instant::now(), Notify::new());
        let mut tip = Tip::new(begin);
        tip.spent = Some("a".to_owned());
        assert_eq!(tip.admit(&work("a", 1), begin, &refresh), Err(None));
        let pause = begin + Duration::from_secs(1);
        tip.pause_until = Some(pause);
        assert_eq!(tip.admit(&work("b", 1), begin, &refresh), Err(Some(pause)));
        assert_eq!(tip.admit(&work("b", 1), pause, &refresh), Ok(()));
    }
}
