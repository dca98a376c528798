//! The store's writer on a thread of its own.
//!
//! A batch is handed over and asked for later, so the chain thread goes on while it is written. There
//! is at most one on its way: batches are written in their order, and each is given back with what
//! became of it.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

use bytes::Bytes;
use synod_node_core::{Batch, Durability, StorageError};
use synod_primitives::Height;
use synod_store::{self as store, StoreError, Writer};
use tokio::runtime::Handle;

use super::index::TransactionIndex;
use super::storage::into_store;

/// What the thread is asked to do.
enum Job {
    /// Write a batch.
    Write(Box<Batch>),
    /// Bring the transaction index up.
    CatchUp,
    /// Bring the transaction index up a little.
    Index,
    /// Forget the blocks below a height.
    Prune(Height),
    /// Set a record by its name.
    Record(&'static str, Bytes),
}

/// What became of a job.
struct Done {
    /// The batch, if it was one.
    batch: Option<Box<Batch>>,
    result: Result<(), StorageError>,
    /// Whether the transaction index is behind now.
    is_index_behind: bool,
}

/// A batch that was on its way, and what became of it.
pub(super) type Written = (Box<Batch>, Result<(), StorageError>);

/// A writer on a thread, which ends when this is dropped and all is written.
pub(super) struct WriteBehind {
    /// `None` only while it is dropped.
    jobs: Option<SyncSender<Job>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
    under_way: Option<UnderWay>,
    is_index_behind: bool,
}

/// The batch that is being written.
#[derive(Clone, Copy)]
struct UnderWay {
    changes_coins: bool,
}

impl WriteBehind {
    /// Starts the thread; `runtime` drives the store.
    pub(super) fn start(
        writer: Writer,
        index: TransactionIndex,
        runtime: Handle,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel(1);
        let (results, done) = mpsc::sync_channel(1);
        let writing = Writing {
            writer,
            index,
            runtime,
            is_index_behind: false,
        };
        let thread = std::thread::Builder::new()
            .name("store-commits".to_owned())
            .spawn(move || writing.run(&inbox, &results))?;
        Ok(Self {
            jobs: Some(jobs),
            done,
            thread: Some(thread),
            under_way: None,
            is_index_behind: false,
        })
    }

    /// Starts to write a batch; none may be on its way.
    pub(super) fn begin(&mut self, batch: Box<Batch>) -> Result<(), StorageError> {
        let changes_coins = batch.coins.is_some();
        self.send(Job::Write(batch))?;
        self.under_way = Some(UnderWay { changes_coins });
        Ok(())
    }

    /// Waits for the batch that is on its way, if one is.
    pub(super) fn finish(&mut self) -> Result<Option<Written>, StorageError> {
        if self.under_way.take().is_none() {
            return Ok(None);
        }
        let Done { batch, result, .. } = self.wait()?;
        Ok(batch.map(|batch| (batch, result)))
    }

    /// Says whether a batch is on its way that changes coins.
    pub(super) fn changes_coins(&self) -> bool {
        self.under_way.is_some_and(|it| it.changes_coins)
    }

    /// Brings the transaction index up to the tip; no batch may be on its way.
    pub(super) fn catch_up(&mut self) -> Result<(), StorageError> {
        self.ask(Job::CatchUp)
    }

    /// Brings the transaction index up a little where it is behind; says whether it still is. No
    /// batch may be on its way.
    pub(super) fn index(&mut self) -> Result<bool, StorageError> {
        if self.is_index_behind {
            self.ask(Job::Index)?;
        }
        Ok(self.is_index_behind)
    }

    /// Forgets the blocks below a height; no batch may be on its way.
    pub(super) fn prune(&mut self, below: Height) -> Result<(), StorageError> {
        self.ask(Job::Prune(below))
    }

    /// Sets a record, durably; no batch may be on its way.
    pub(super) fn set_record(
        &mut self,
        name: &'static str,
        value: Bytes,
    ) -> Result<(), StorageError> {
        self.ask(Job::Record(name, value))
    }

    fn ask(&mut self, job: Job) -> Result<(), StorageError> {
        self.send(job)?;
        self.wait()?.result
    }

    fn wait(&mut self) -> Result<Done, StorageError> {
        let done = self.done.recv().map_err(|_| ended())?;
        self.is_index_behind = done.is_index_behind;
        Ok(done)
    }

    fn send(&self, job: Job) -> Result<(), StorageError> {
        debug_assert!(self.under_way.is_none(), "one batch at a time");
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).map_err(|_| ended())
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        if let Ok(Some((_, Err(error)))) = self.finish() {
            tracing::error!(%error, "the last commit was not written");
        }
        drop(self.jobs.take());
        if self.thread.take().is_some_and(|it| it.join().is_err()) {
            tracing::error!("the thread that writes commits panicked");
        }
    }
}

fn ended() -> StorageError {
    StorageError::Failed("the thread that writes commits has ended".to_owned())
}

/// What the thread owns.
struct Writing {
    writer: Writer,
    index: TransactionIndex,
    runtime: Handle,
    /// Whether blocks joined the active chain that the index does not have.
    is_index_behind: bool,
}

impl Writing {
    fn run(mut self, inbox: &Receiver<Job>, results: &SyncSender<Done>) {
        for job in inbox {
            let (batch, result) = match job {
                Job::Write(batch) => {
                    let result = self.write(&batch);
                    (Some(batch), result)
                }
                Job::CatchUp => (None, self.catch_up()),
                Job::Index => (None, self.index_some()),
                Job::Prune(below) => (None, self.prune(below)),
                Job::Record(name, value) => (None, self.set_record(name, value)),
            };
            let done = Done {
                batch,
                result,
                is_index_behind: self.is_index_behind,
            };
            if results.send(done).is_err() {
                break;
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), StorageError> {
        let rows = into_store(batch);
        let written = self.runtime.block_on(self.writer.commit(&rows));
        written.map_err(failed)?;
        self.is_index_behind |= batch.chain.is_some();
        // In bulk the index is left behind; after it a long way is gone in short steps
        // ([`WriteBehind::index`]).
        //
        // Correctness: a batch whose index found no room is written twice; the second time changes
        // nothing.
        if self.is_index_behind && batch.durability == Durability::Synced && batch.chain.is_some() {
            self.index_some()?;
        }
        Ok(())
    }

    fn index_some(&mut self) -> Result<(), StorageError> {
        let step = self.index.short_step(&mut self.writer);
        self.is_index_behind = self.runtime.block_on(step).map_err(failed)?;
        Ok(())
    }

    /// Correctness: what is pruned cannot be indexed any more, so the index goes first.
    fn prune(&mut self, below: Height) -> Result<(), StorageError> {
        self.catch_up()?;
        let pruned = self.writer.prune_blocks(below, u32::MAX);
        self.runtime.block_on(pruned).map(drop).map_err(failed)
    }

    fn set_record(&mut self, name: &'static str, value: Bytes) -> Result<(), StorageError> {
        let batch = store::Batch {
            meta: vec![(name, Some(value))],
            ..store::Batch::default()
        };
        let written = self.runtime.block_on(self.writer.commit(&batch));
        written.map_err(failed)
    }

    fn catch_up(&mut self) -> Result<(), StorageError> {
        let caught_up = self.index.catch_up(&mut self.writer);
        self.runtime.block_on(caught_up).map_err(failed)?;
        self.is_index_behind = false;
        Ok(())
    }
}

/// Translates a failure for the node core.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(super) fn failed(error: StoreError) -> StorageError {
    match error {
        StoreError::DiskFull => StorageError::Full(error.to_string()),
        StoreError::Corrupt { .. } => StorageError::Corrupt(error.to_string()),
        _ => StorageError::Failed(error.to_string()),
    }
}
