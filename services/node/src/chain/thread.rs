//! The thread that owns the node core.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use synod_engine::Millis;
use synod_node_core::{Event, Node, Offer, StorageError, View};
use tokio::sync::{mpsc, watch};

use super::handle::{
    ChainHandle, Changes, MAX_WAITING_REQUESTS, MAX_WAITING_TRANSACTIONS, Purpose, Reply, Request,
    Unavailable, Waiting,
};
use super::warnings;
use crate::duty::Runtime;
use crate::state::clock_ms;

/// The most transactions that are verified together.
const MAX_ADMITTED_TOGETHER: usize = 256;
/// The bytes of transactions past which no further one is verified together with them.
///
/// Security: a block waits for one such group at most, whatever its scripts cost.
const ADMITTED_TOGETHER_BYTES: usize = 128 << 10;
/// The most batches of news that wait for whoever passes them on.
const MAX_WAITING_NEWS: usize = 4096;

/// What happened, in order, for those who tell others.
pub type News = Vec<Event>;

/// The running chain thread and what comes out of it.
pub struct Running {
    /// Speaks to it.
    pub chain: ChainHandle,
    /// What happened, as it happens.
    pub news: mpsc::Receiver<News>,
    /// Ends when it is told to, or when storage fails.
    pub thread: JoinHandle<Result<(), StorageError>>,
}

/// Starts the chain thread on an opened node.
///
/// The thread ends when it is told to, flushes the coins, and returns a failure of storage if
/// one stopped it. That there is no room stops nothing: changes are refused until
/// [`ChainHandle::resume`] finds that there is some.
///
/// # Errors
/// The system starts no thread.
pub fn spawn(node: Node, clock: fn() -> u64, runtime: Runtime) -> std::io::Result<Running> {
    let (requests, inbox) = mpsc::channel(MAX_WAITING_REQUESTS);
    let (admissions, waiting) = mpsc::channel(MAX_WAITING_TRANSACTIONS);
    let is_awake = Arc::new(AtomicBool::new(false));
    let (news, news_out) = mpsc::channel(MAX_WAITING_NEWS);
    let (changes, watching) = watch::channel(Changes::default());
    let view = Arc::new(ArcSwap::from_pointee(node.view()));
    warnings::log_changes(None, &view.load());
    let is_full = Arc::new(AtomicBool::new(false));
    let pruned_below = Arc::new(AtomicU32::new(node.chain().pruned_below().0));
    let handle = ChainHandle {
        requests,
        admissions,
        is_awake: Arc::clone(&is_awake),
        view: Arc::clone(&view),
        mempool: node.mempool(),
        waiting: node.waiting(),
        changes: watching,
        is_full: Arc::clone(&is_full),
        pruned_below: Arc::clone(&pruned_below),
    };
    let publisher = Publisher {
        view,
        news,
        changes,
        pruned_below,
    };
    let thread = std::thread::Builder::new()
        .name("chain".to_owned())
        .spawn(move || {
            ChainThread {
                node,
                clock,
                publisher,
                is_full,
                waiting: WaitingRoom {
                    inbox: waiting,
                    is_awake,
                },
                runtime,
            }
            .run(inbox)
        })?;
    Ok(Running {
        chain: handle,
        news: news_out,
        thread,
    })
}

struct ChainThread {
    node: Node,
    clock: fn() -> u64,
    publisher: Publisher,
    is_full: Arc<AtomicBool>,
    runtime: Runtime,
    waiting: WaitingRoom,
}

/// Where transactions wait for the mempool. They have a queue of their own, so that a block never
/// waits behind more than one group of them.
struct WaitingRoom {
    inbox: mpsc::Receiver<Waiting>,
    is_awake: Arc<AtomicBool>,
}

struct Publisher {
    view: Arc<ArcSwap<synod_node_core::View>>,
    news: mpsc::Sender<News>,
    changes: watch::Sender<Changes>,
    pruned_below: Arc<AtomicU32>,
}

impl ChainThread {
    fn run(mut self, mut inbox: mpsc::Receiver<Request>) -> Result<(), StorageError> {
        self.runtime.start(&mut self.node)?;
        self.publish()?;
        let mut has_more = false;
        loop {
            // Where transactions wait, each request is followed by one group of them.
            let request = match has_more {
                true => inbox.try_recv().ok(),
                false => match inbox.blocking_recv() {
                    None => break,
                    some => some,
                },
            };
            if let Some(request) = request {
                let replies = match request {
                    Request::Stop => break,
                    Request::Resume => self.resume()?,
                    Request::Admissions => Vec::new(),
                    Request::Tick => self.tick()?,
                    Request::Run(purpose, job) => {
                        let is_refused = purpose == Purpose::Change && self.is_full();
                        let node = (!is_refused).then_some(&mut self.node);
                        let outcome = job(node, (self.clock)());
                        self.unless_full(outcome.map(|reply| vec![reply]))?
                    }
                };
                self.answer(replies)?;
            }
            let group = self.waiting.next_group();
            has_more = !group.is_empty();
            if has_more {
                let replies = self.admit(group)?;
                self.answer(replies)?;
            }
        }
        match self.node.flush() {
            Err(error @ StorageError::Full(_)) => {
                // Nobody was told that what is lost now is safe.
                tracing::warn!(%error, "the node stops before all was written");
                Ok(())
            }
            ended => ended,
        }
    }

    /// Correctness: readers see the change before whoever asked for it is answered.
    fn answer(&mut self, replies: Vec<Reply>) -> Result<(), StorageError> {
        self.publish()?;
        for reply in replies {
            reply();
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Acquire)
    }

    /// Passes on every failure but that there is no room, which is only noted.
    fn unless_full(
        &self,
        outcome: Result<Vec<Reply>, StorageError>,
    ) -> Result<Vec<Reply>, StorageError> {
        let Err(error @ StorageError::Full(_)) = outcome else {
            return outcome;
        };
        if !self.is_full.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "blocks and transactions are refused until there is room");
        }
        Ok(Vec::new())
    }

    /// Sees whether there is room again.
    fn resume(&mut self) -> Result<Vec<Reply>, StorageError> {
        if !self.is_full() {
            return Ok(Vec::new());
        }
        let resumed = self.node.resume((self.clock)());
        if resumed.is_ok() {
            self.is_full.store(false, Ordering::Release);
            tracing::info!("there is room again: blocks and transactions are accepted");
        }
        self.unless_full(resumed.map(|()| Vec::new()))
    }

    fn admit(&mut self, group: Vec<Waiting>) -> Result<Vec<Reply>, StorageError> {
        let (offers, replies): (Vec<Offer>, Vec<_>) =
            group.into_iter().map(|it| (it.offer, it.reply)).unzip();
        let now = (self.clock)();
        let admissions = if self.is_full() {
            Err(StorageError::Full("nothing is admitted".to_owned()))
        } else {
            self.node.submit_transactions(&offers, now)
        };
        let admissions = match admissions {
            Ok(admissions) => admissions,
            Err(error) => {
                let refused = self.unless_full(Err(error))?;
                for reply in replies {
                    let _ = reply.send(Err(Unavailable::StorageFull));
                }
                return Ok(refused);
            }
        };
        let answers = admissions.into_iter().zip(replies);
        Ok(answers
            .map(|(admission, reply)| {
                let send: Reply = Box::new(move || {
                    let _ = reply.send(Ok(admission));
                });
                send
            })
            .collect())
    }

    /// Fires the engine's timers that are due.
    fn tick(&mut self) -> Result<Vec<Reply>, StorageError> {
        if self.is_full() {
            return Ok(Vec::new());
        }
        let fired = self.runtime.tick(&mut self.node, Millis(clock_ms()));
        self.unless_full(fired.map(|()| Vec::new()))
    }

    /// Does what the engine asks for, until it asks for nothing more; returns what happened.
    fn follow_engine(&mut self) -> Result<News, StorageError> {
        let now = Millis(clock_ms());
        let done = self.runtime.carry_out(&mut self.node, now);
        self.unless_full(done.map(|()| Vec::new()))?;
        let events = self.node.take_events();
        let followed = self.runtime.follow(&mut self.node, &events, now);
        self.unless_full(followed.map(|()| Vec::new()))?;
        Ok(events)
    }

    fn publish(&mut self) -> Result<(), StorageError> {
        let events = self.follow_engine()?;
        let pruned_below = self.node.chain().pruned_below().0;
        self.publisher
            .pruned_below
            .store(pruned_below, Ordering::Release);
        if events.is_empty() {
            self.publish_dispute();
            return Ok(());
        }
        let is_about_mempool = |event: &Event| {
            matches!(
                event,
                Event::TransactionAdded { .. }
                    | Event::TransactionRemoved { .. }
                    | Event::MempoolRestored
            )
        };
        let has_mempool = events.iter().any(is_about_mempool);
        let has_tip = !events.iter().all(is_about_mempool);
        if has_tip {
            self.publish_view(self.node.view());
        } else {
            self.publish_dispute();
        }
        self.publisher.changes.send_modify(|changes| {
            changes.tip += u64::from(has_tip);
            changes.mempool += u64::from(has_mempool);
        });
        if self.publisher.news.blocking_send(events).is_err() {
            tracing::debug!("nobody listens to the chain any more");
        }
        Ok(())
    }

    fn publish_view(&self, view: View) {
        warnings::log_changes(Some(&self.publisher.view.load()), &view);
        self.publisher.view.store(Arc::new(view));
    }

    /// A chain may turn out to be invalid, or be reconsidered, while the tip stays.
    ///
    /// Correctness: nothing else of the view changes, since a tip that met a full disk is not
    /// to be seen yet.
    fn publish_dispute(&self) {
        let heavier_invalid = self.node.chain().heavier_invalid();
        let view = self.publisher.view.load();
        if heavier_invalid != view.heavier_invalid {
            let view = View::clone(&view);
            self.publish_view(View {
                heavier_invalid,
                ..view
            });
        }
    }
}

impl WaitingRoom {
    /// Takes the transactions that wait, as many as are verified together.
    fn next_group(&mut self) -> Vec<Waiting> {
        let mut group = self.take();
        if group.is_empty() {
            // Correctness: whoever comes after this wakes the thread; who came before is taken.
            self.is_awake.store(false, Ordering::Release);
            group = self.take();
        }
        group
    }

    fn take(&mut self) -> Vec<Waiting> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while group.len() < MAX_ADMITTED_TOGETHER && bytes < ADMITTED_TOGETHER_BYTES {
            let Ok(waiting) = self.inbox.try_recv() else {
                break;
            };
            bytes += waiting.offer.transaction.size();
            group.push(waiting);
        }
        group
    }
}
