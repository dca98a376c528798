//! How the rest of the node speaks to the chain thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use synod_node_core::{
    Accepted, Admission, Node, Offer, Refusal, SharedMempool, SharedWaiting, StorageError, View,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::publisher::TipChanges;
use crate::prepare::{Pending, Preparation};

/// The most requests that wait for the chain thread; past it they are refused.
pub(super) const MAX_WAITING_REQUESTS: usize = 1024;
/// The most transactions that wait for the mempool; past it they are refused.
pub(super) const MAX_WAITING_TRANSACTIONS: usize = 1024;
/// The most blocks of bulk work that wait; past it they are refused. Whoever feeds them keeps to a
/// limit in bytes.
pub(super) const MAX_WAITING_BLOCKS: usize = 1024;

/// The chain thread does not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unavailable {
    /// Too many requests wait already.
    #[error("too many requests wait for the chain")]
    Busy,
    /// The node is stopping, or its storage failed.
    #[error("the node is stopping")]
    Stopped,
    /// There is no room in storage; reads go on.
    #[error("there is no room in storage")]
    StorageFull,
}

/// What is to be done on the chain thread; the answer goes out once readers see the change.
/// Without a node it only says that there is no room.
pub(super) type Job = Box<dyn FnOnce(Option<&mut Node>, u64) -> Outcome + Send>;
/// Sends the answer.
pub(super) type Reply = Box<dyn FnOnce() + Send>;
/// A job that ran: its reply, and whether storage still works.
pub(super) type Outcome = Result<Reply, StorageError>;
/// Where whoever submitted a transaction waits.
pub(super) type AdmissionReply = oneshot::Sender<Result<Admission, Unavailable>>;
/// Where whoever fed a block waits.
pub(super) type VerdictReply = oneshot::Sender<Result<Result<Accepted, Refusal>, Unavailable>>;

/// Whether a job changes what the node has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// It does: without room it is refused.
    Change,
    /// It only looks.
    Look,
}

/// A request to the chain thread.
pub(super) enum Request {
    /// Anything.
    Run(Purpose, Job),
    /// To see whether there is room again.
    Resume,
    /// To fire the engine's timers that are due.
    Tick,
    /// The end: what waits behind it is not done any more.
    Stop,
    /// To look for blocks and transactions that wait in queues of their own.
    LookAside,
}

/// A transaction for the mempool: those that wait side by side are verified together.
pub(super) struct Waiting {
    pub(super) offer: Offer,
    pub(super) reply: AdmissionReply,
}

/// A block of bulk work.
pub(super) struct Fed {
    pub(super) block: Pending,
    pub(super) reply: VerdictReply,
}

/// Speaks to the chain thread; clones share it.
#[derive(Clone)]
pub struct ChainHandle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) admissions: mpsc::Sender<Waiting>,
    pub(super) bulk: mpsc::Sender<Fed>,
    pub(super) preparation: Preparation,
    /// Whether the chain thread knows that blocks or transactions wait.
    pub(super) is_awake: Arc<AtomicBool>,
    pub(super) view: Arc<ArcSwap<View>>,
    pub(super) mempool: SharedMempool,
    pub(super) waiting: SharedWaiting,
    pub(super) tip_changes: watch::Receiver<TipChanges>,
    pub(super) mempool_changes: watch::Receiver<u64>,
    /// Whether there is no room in storage.
    pub(super) is_full: Arc<AtomicBool>,
    /// The height below which blocks were pruned.
    pub(super) pruned_below: Arc<AtomicU32>,
}

impl ChainHandle {
    /// Returns where the active chain ends; never waits.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Shares the mempool for reading.
    #[must_use]
    pub fn mempool(&self) -> &SharedMempool {
        &self.mempool
    }

    /// Shares what waits beside the mempool for reading.
    #[must_use]
    pub fn waiting(&self) -> &SharedWaiting {
        &self.waiting
    }

    /// Watches for changes of the tip.
    #[must_use]
    pub fn tip_changes(&self) -> watch::Receiver<TipChanges> {
        self.tip_changes.clone()
    }

    /// Watches for changes of the mempool, which are counted. The count has grown before whoever
    /// asked for the change is answered; who waits for it is woken after that.
    #[must_use]
    pub fn mempool_changes(&self) -> watch::Receiver<u64> {
        self.mempool_changes.clone()
    }

    /// Says whether the node refuses changes because there is no room in storage.
    #[must_use]
    pub fn is_storage_full(&self) -> bool {
        self.is_full.load(Ordering::Acquire)
    }

    /// Returns the height below which blocks are not there any more; `None` when all are.
    #[must_use]
    pub fn prune_height(&self) -> Option<u32> {
        Some(self.pruned_below.load(Ordering::Acquire)).filter(|height| *height > 0)
    }

    /// Lets the chain thread see whether there is room in storage again.
    pub async fn resume(&self) {
        // An error means that the thread has ended.
        let _ = self.requests.send(Request::Resume).await;
    }

    /// Lets the chain thread fire the engine's timers that are due.
    pub(crate) async fn tick(&self) {
        // An error means that the thread has ended.
        let _ = self.requests.send(Request::Tick).await;
    }

    /// Runs a job that changes something on the chain thread and returns its result, once
    /// readers see what it changed. `now` of the job is in seconds since 1970.
    ///
    /// # Errors
    /// The queue is full, the node is stopping, storage failed or has no room.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Node, u64) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.ask(Purpose::Change, job).await
    }

    /// Runs a job that only looks; unlike [`ChainHandle::run`] it is done while there is no
    /// room in storage.
    ///
    /// # Errors
    /// The queue is full, the node is stopping, or storage failed.
    pub async fn look<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Node, u64) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.ask(Purpose::Look, job).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        purpose: Purpose,
        job: impl FnOnce(&mut Node, u64) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |node, now| {
            let result = match node.map(|node| job(node, now)) {
                Some(Ok(result)) => Ok(result),
                Some(Err(error)) => {
                    if let StorageError::Full(_) = error {
                        let _ = reply.send(Err(Unavailable::StorageFull));
                    }
                    return Err(error);
                }
                None => Err(Unavailable::StorageFull),
            };
            Ok(Box::new(move || {
                // Whoever asked may have gone meanwhile.
                let _ = reply.send(result);
            }))
        });
        self.send(Request::Run(purpose, job))?;
        answer.await.map_err(|_| Unavailable::Stopped)?
    }

    /// Submits a transaction to the mempool.
    ///
    /// # Errors
    /// The queue is full, the node is stopping, storage failed or has no room.
    pub async fn admit(&self, offer: Offer) -> Result<Admission, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.admissions
            .try_send(Waiting { offer, reply })
            .map_err(|error| unavailable(&error))?;
        self.wake()?;
        answer.await.map_err(|_| Unavailable::Stopped)?
    }

    /// Feeds a block of bulk work, whose parent was fed before it or is known; its checks by itself
    /// begin at once on other threads, so its header should have been judged before. The answer
    /// comes when the verdict is there; the block is durable when readers see it.
    ///
    /// # Errors
    /// Too many wait, the node is stopping, storage failed or has no room.
    pub(crate) fn feed(
        &self,
        raw: Bytes,
    ) -> impl Future<Output = Result<Result<Accepted, Refusal>, Unavailable>> + Send + use<> {
        let (reply, verdict) = oneshot::channel();
        let block = self.preparation.prepare(raw);
        let sent = self
            .bulk
            .try_send(Fed { block, reply })
            .map_err(|error| unavailable(&error))
            .and_then(|()| self.wake());
        async move {
            sent?;
            verdict.await.map_err(|_| Unavailable::Stopped)?
        }
    }

    /// Lets the chain thread look into the queues beside its requests.
    ///
    /// Correctness: a full queue of requests wakes it as well, and after each it looks there.
    fn wake(&self) -> Result<(), Unavailable> {
        if !self.is_awake.swap(true, Ordering::AcqRel)
            && self.send(Request::LookAside) == Err(Unavailable::Stopped)
        {
            return Err(Unavailable::Stopped);
        }
        Ok(())
    }

    /// Ends the chain thread after the requests before this one.
    pub async fn stop(&self) {
        // An error means that the thread has ended already.
        let _ = self.requests.send(Request::Stop).await;
    }

    fn send(&self, request: Request) -> Result<(), Unavailable> {
        self.requests
            .try_send(request)
            .map_err(|error| unavailable(&error))
    }
}

fn unavailable<T>(error: &mpsc::error::TrySendError<T>) -> Unavailable {
    match error {
        mpsc::error::TrySendError::Full(_) => Unavailable::Busy,
        mpsc::error::TrySendError::Closed(_) => Unavailable::Stopped,
    }
}
