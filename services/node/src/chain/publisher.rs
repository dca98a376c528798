//! Telling the rest of the node what the chain thread has done.
//!
//! Readers see a change before whoever asked for it is answered; those who wait for changes are
//! woken after the answer, so that it waits for none of them.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use arc_swap::ArcSwap;
use synod_node_core::{Chain, Event, View};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, watch};

use super::warnings;

/// The most batches of news that wait for whoever passes them on.
const MAX_WAITING_NEWS: usize = 4096;
/// The most batches of news that are passed on together.
const MAX_TOLD_TOGETHER: usize = 256;
/// How long whoever passes on news of the mempool rests after it: what comes meanwhile wakes
/// nobody and is passed on together.
const REST: Duration = Duration::from_millis(2);

/// What happened, for those who tell others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct News {
    /// In order.
    pub events: Vec<Event>,
    /// Whether more blocks wait already: the tip will not rest where it is.
    pub is_passing: bool,
}

/// How the tip changes, for those who wait for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TipChanges {
    /// Changes of the tip.
    pub count: u64,
    /// Whether more blocks wait already: the tip will not rest where it is.
    pub is_passing: bool,
}

/// What others see of the chain thread's work, and how they are woken.
pub(super) struct Publisher {
    pub(super) view: Arc<ArcSwap<View>>,
    pub(super) pruned_below: Arc<AtomicU32>,
    pub(super) tip_changes: Shared<TipChanges>,
    pub(super) mempool_changes: Shared<u64>,
    pub(super) news: Outbox,
}

/// What readers have been shown and nobody has been woken for.
#[must_use]
pub(super) struct Shown {
    news: News,
    /// Whether the view was shown.
    pub(super) is_about_tip: bool,
    wakes_for_tip: bool,
    wakes_for_mempool: bool,
}

impl Publisher {
    /// Lets readers see what happened; `view` is the chain after it, and `is_passing` says that
    /// more blocks wait.
    pub(super) fn show(
        &self,
        events: Vec<Event>,
        view: impl FnOnce() -> View,
        is_passing: bool,
    ) -> Shown {
        let is_about_tip = !events.iter().all(is_about_mempool);
        if is_about_tip {
            self.show_view(view());
        }
        let has_mempool = events.iter().any(is_about_mempool);
        let wakes_for_tip = self.tip_changes.change(|changes| TipChanges {
            count: changes.count + u64::from(is_about_tip),
            is_passing,
        });
        let count = |count| count + u64::from(has_mempool);
        Shown {
            news: News { events, is_passing },
            is_about_tip,
            wakes_for_tip,
            wakes_for_mempool: self.mempool_changes.change(count),
        }
    }

    /// A chain may turn out to be invalid, or be reconsidered, while the tip stays.
    ///
    /// Correctness: nothing else of the view changes, since a tip that met a full disk is not
    /// to be seen yet.
    pub(super) fn show_dispute(&self, chain: &Chain) {
        let heavier_invalid = chain.heavier_invalid();
        let view = self.view.load();
        if heavier_invalid != view.heavier_invalid {
            let view = View::clone(&view);
            self.show_view(View {
                heavier_invalid,
                ..view
            });
        }
    }

    fn show_view(&self, view: View) {
        warnings::log_changes(Some(&self.view.load()), &view);
        self.view.store(Arc::new(view));
    }

    /// Wakes those who wait for what was shown.
    pub(super) fn tell(&self, shown: Shown) {
        self.tip_changes.wake(shown.wakes_for_tip);
        self.mempool_changes.wake(shown.wakes_for_mempool);
        if !shown.news.events.is_empty() {
            self.news.send(shown.news, shown.is_about_tip);
        }
    }
}

fn is_about_mempool(event: &Event) -> bool {
    matches!(
        event,
        Event::TransactionAdded { .. } | Event::TransactionRemoved { .. } | Event::MempoolRestored
    )
}

/// A value that others see, and wait for.
pub(super) struct Shared<T>(watch::Sender<T>);

impl<T: Copy + PartialEq + Default> Shared<T> {
    /// Makes the first value, and where it is watched.
    pub(super) fn new() -> (Self, watch::Receiver<T>) {
        let (sender, watching) = watch::channel(T::default());
        (Self(sender), watching)
    }

    /// Changes the value without waking anybody; says whether it is another one now.
    fn change(&self, next: impl FnOnce(T) -> T) -> bool {
        let mut is_other = false;
        self.0.send_if_modified(|value| {
            let before = *value;
            *value = next(before);
            is_other = *value != before;
            false
        });
        is_other
    }

    /// Wakes those who wait for a change that was made.
    fn wake(&self, is_change: bool) {
        self.0.send_if_modified(|_| is_change);
    }
}

/// Takes news on their way to whoever passes them on.
pub(super) struct Outbox {
    batches: mpsc::Sender<News>,
    haste: Arc<Notify>,
}

/// Where news wait for whoever passes them on.
pub struct NewsInbox {
    batches: mpsc::Receiver<News>,
    haste: Arc<Notify>,
}

/// Makes both ends of the way of news.
pub(super) fn news() -> (Outbox, NewsInbox) {
    let (sender, batches) = mpsc::channel(MAX_WAITING_NEWS);
    let haste = Arc::new(Notify::new());
    let outbox = Outbox {
        batches: sender,
        haste: Arc::clone(&haste),
    };
    (outbox, NewsInbox { batches, haste })
}

impl Outbox {
    /// Sends news, and waits while too many wait already. News that are urgent end a rest.
    fn send(&self, news: News, is_urgent: bool) {
        let is_sent = match self.batches.try_send(news) {
            Err(TrySendError::Full(news)) => self.batches.blocking_send(news).is_ok(),
            sent => sent.is_ok(),
        };
        if !is_sent {
            tracing::debug!("nobody listens to the chain any more");
        } else if is_urgent {
            self.haste.notify_one();
        }
    }
}

impl NewsInbox {
    /// Waits for news and takes all that are here, in their order; `None` when the chain thread
    /// has ended and all of its news were taken.
    pub async fn next(&mut self) -> Option<Vec<News>> {
        let mut together = vec![self.batches.recv().await?];
        while together.len() < MAX_TOLD_TOGETHER
            && let Ok(more) = self.batches.try_recv()
        {
            together.push(more);
        }
        Some(together)
    }

    /// Lets news of the mempool gather for a few milliseconds; ends at once when the tip changes.
    pub async fn rest(&self) {
        // Correctness: a notice from before the rest ends it too, so none is ever missed.
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            () = self.haste.notified() => {}
        }
    }
}

#[cfg(test)]
#[path = "publisher_tests.rs"]
mod tests;
