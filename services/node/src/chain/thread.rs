//! The thread that owns the node core.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use synod_engine::Millis;
use synod_node_core::{Event, Node, Offer, StorageError};
use tokio::sync::mpsc;

use super::bulk::Bulk;
use super::handle::{
    ChainHandle, MAX_WAITING_BLOCKS, MAX_WAITING_REQUESTS, MAX_WAITING_TRANSACTIONS, Purpose,
    Reply, Request, Unavailable, Waiting,
};
use super::publisher::{self, NewsInbox, Publisher, Shared};
use super::warnings;
use crate::duty::Runtime;
use crate::prepare::Preparation;
use crate::state::clock_ms;

/// The most transactions that are verified together.
const MAX_ADMITTED_TOGETHER: usize = 256;
/// The bytes of transactions past which no further one is verified together with them.
///
/// Security: a block waits for one such group at most, whatever its scripts cost.
const ADMITTED_TOGETHER_BYTES: usize = 128 << 10;

/// The running chain thread and what comes out of it.
pub struct Running {
    /// Speaks to it.
    pub chain: ChainHandle,
    /// What happened, as it happens.
    pub news: NewsInbox,
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
    let (bulk, bulk_inbox) = mpsc::channel(MAX_WAITING_BLOCKS);
    let is_awake = Arc::new(AtomicBool::new(false));
    let (outbox, news) = publisher::news();
    let (tip_changes, watching_tip) = Shared::new();
    let (mempool_changes, watching_mempool) = Shared::new();
    let view = Arc::new(ArcSwap::from_pointee(node.view()));
    warnings::log_changes(None, &view.load());
    let is_full = Arc::new(AtomicBool::new(false));
    let pruned_below = Arc::new(AtomicU32::new(node.chain().pruned_below().0));
    let handle = ChainHandle {
        requests,
        admissions,
        bulk,
        preparation: Preparation::of(&node),
        is_awake: Arc::clone(&is_awake),
        view: Arc::clone(&view),
        mempool: node.mempool(),
        waiting: node.waiting(),
        tip_changes: watching_tip,
        mempool_changes: watching_mempool,
        is_full: Arc::clone(&is_full),
        pruned_below: Arc::clone(&pruned_below),
    };
    let publisher = Publisher {
        view,
        pruned_below,
        tip_changes,
        mempool_changes,
        news: outbox,
    };
    let thread = std::thread::Builder::new()
        .name("chain".to_owned())
        .spawn(move || {
            ChainThread {
                node,
                clock,
                publisher,
                is_full,
                is_ahead_of_disk: false,
                waiting: WaitingRoom { inbox: waiting },
                bulk: Bulk::new(bulk_inbox),
                is_awake,
                is_untidy: false,
                runtime,
            }
            .run(inbox)
        })?;
    Ok(Running {
        chain: handle,
        news,
        thread,
    })
}

pub(super) struct ChainThread {
    pub(super) node: Node,
    pub(super) clock: fn() -> u64,
    pub(super) publisher: Publisher,
    is_full: Arc<AtomicBool>,
    /// Whether the tip and what happened are those of a row that met a full disk.
    ///
    /// Correctness: readers are shown neither before they are durable.
    pub(super) is_ahead_of_disk: bool,
    runtime: Runtime,
    pub(super) waiting: WaitingRoom,
    pub(super) bulk: Bulk,
    /// Whether others take it that this thread looks into the two queues before it sleeps.
    is_awake: Arc<AtomicBool>,
    /// Whether storage may have left something for later.
    is_untidy: bool,
}

/// Where transactions wait for the mempool. They have a queue of their own, so that a block never
/// waits behind more than one group of them.
pub(super) struct WaitingRoom {
    inbox: mpsc::Receiver<Waiting>,
}

impl ChainThread {
    fn run(mut self, mut inbox: mpsc::Receiver<Request>) -> Result<(), StorageError> {
        self.runtime.start(&mut self.node)?;
        self.publish()?;
        loop {
            // Each request is followed by one group of the transactions that wait, and by blocks.
            let request = if self.is_untidy || self.has_some_aside() {
                inbox.try_recv().ok()
            } else {
                match inbox.blocking_recv() {
                    None => break,
                    some => some,
                }
            };
            let mut is_idle = request.is_none();
            if let Some(request) = request {
                let replies = match request {
                    Request::Stop => break,
                    Request::Resume => self.resume()?,
                    Request::LookAside => Vec::new(),
                    Request::Tick => self.tick()?,
                    Request::Run(purpose, job) => {
                        self.is_untidy |= purpose == Purpose::Change;
                        let is_refused = purpose == Purpose::Change && self.is_full();
                        let node = (!is_refused).then_some(&mut self.node);
                        let outcome = job(node, (self.clock)());
                        self.unless_full(outcome.map(|reply| vec![reply]))?
                    }
                };
                self.answer(replies)?;
            }
            let group = self.waiting.take();
            if !group.is_empty() {
                is_idle = false;
                let replies = self.admit(group)?;
                self.answer(replies)?;
            }
            if self.take_in_bulk(&inbox)? {
                // What was left for later begins before the next request: after a few blocks that
                // is all of it.
                (is_idle, self.is_untidy) = (true, true);
            }
            if is_idle && self.is_untidy {
                self.tidy()?;
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
        if self.is_ahead_of_disk {
            for reply in replies {
                reply();
            }
            return Ok(());
        }
        let events = self.follow_engine()?;
        let pruned_below = self.node.chain().pruned_below().0;
        self.publisher
            .pruned_below
            .store(pruned_below, Ordering::Release);
        let is_passing = self.bulk.has_some();
        let shown = self.publisher.show(events, || self.node.view(), is_passing);
        if !shown.is_about_tip {
            self.publisher.show_dispute(self.node.chain());
        }
        for reply in replies {
            reply();
        }
        self.publisher.tell(shown);
        Ok(())
    }

    /// Says whether transactions or blocks wait; when none do, whoever comes next wakes the thread.
    fn has_some_aside(&self) -> bool {
        let has_some = || self.waiting.has_some() || self.bulk.has_some();
        // Correctness: whoever comes after the swap wakes the thread; who came before is seen.
        has_some() || (self.is_awake.swap(false, Ordering::AcqRel) && has_some())
    }

    /// Does a part of what storage has left for later, unless more blocks wait.
    fn tidy(&mut self) -> Result<(), StorageError> {
        if self.bulk.has_some() {
            return Ok(());
        }
        if self.is_full() {
            self.is_untidy = false;
            return Ok(());
        }
        match self.node.tidy() {
            Ok(has_more) => self.is_untidy = has_more,
            Err(error) => {
                self.is_untidy = false;
                self.unless_full(Err(error))?;
            }
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Acquire)
    }

    /// Passes on every failure but that there is no room, which is only noted.
    pub(super) fn unless_full(
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
            self.is_ahead_of_disk = false;
            self.is_untidy = true;
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
    fn follow_engine(&mut self) -> Result<Vec<Event>, StorageError> {
        let now = Millis(clock_ms());
        let done = self.runtime.carry_out(&mut self.node, now);
        self.unless_full(done.map(|()| Vec::new()))?;
        let events = self.node.take_events();
        let followed = self.runtime.follow(&mut self.node, &events, now);
        self.unless_full(followed.map(|()| Vec::new()))?;
        Ok(events)
    }

    /// Tells readers what happened.
    pub(super) fn publish(&mut self) -> Result<(), StorageError> {
        self.answer(Vec::new())
    }
}

impl WaitingRoom {
    /// Says whether transactions wait.
    pub(super) fn has_some(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Takes the transactions that wait, as many as are verified together.
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
