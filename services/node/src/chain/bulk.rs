//! Blocks of bulk work on the chain thread: as long as they come they are one row
//! ([`synod_node_core::Row`]), in which the tip runs ahead of the scripts.
//!
//! Invariant: nobody but the row meets the node before all scripts are verified, and readers are
//! shown what is verified and durable.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use synod_node_core::{Node, Row, StorageError, Verdicts};
use tokio::sync::mpsc;

use super::handle::{Fed, Request, Unavailable, VerdictReply};
use super::publisher::Publisher;
use super::thread::{ChainThread, WaitingRoom};

/// How long a row goes on when somebody waits for the chain thread: requests for this and that
/// must not keep it from taking in blocks.
const ROW_BESIDE_OTHERS: Duration = Duration::from_millis(20);
/// A row that begins so soon after others have ended one runs ahead of few blocks, since they are
/// likely to come again and wait for all of those.
const OTHERS_COME_AGAIN: Duration = Duration::from_secs(1);
/// How many blocks such a row is ahead of when it takes in the next one.
const AHEAD_BESIDE_OTHERS: usize = 1;
/// How often readers are shown where a row has got to.
const SHOWN_EVERY: Duration = Duration::from_millis(500);

/// Where blocks of bulk work wait.
pub(super) struct Bulk {
    inbox: mpsc::Receiver<Fed>,
    /// When somebody else ended a row last.
    interrupted: Option<Instant>,
}

impl Bulk {
    pub(super) fn new(inbox: mpsc::Receiver<Fed>) -> Self {
        Self {
            inbox,
            interrupted: None,
        }
    }

    fn most_ahead(&self) -> usize {
        match self.interrupted {
            Some(at) if at.elapsed() < OTHERS_COME_AGAIN => AHEAD_BESIDE_OTHERS,
            _ => usize::MAX,
        }
    }

    /// Says whether blocks wait.
    pub(super) fn has_some(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Refuses all that wait.
    fn refuse(&mut self, why: Unavailable) {
        while let Ok(fed) = self.inbox.try_recv() {
            let _ = fed.reply.send(Err(why));
        }
    }
}

impl ChainThread {
    /// Takes in blocks as long as there are any and nobody else waits; says whether there were any.
    /// All are durable, and readers see them, when it returns.
    pub(super) fn take_in_bulk(
        &mut self,
        requests: &mpsc::Receiver<Request>,
    ) -> Result<bool, StorageError> {
        if self.is_full() {
            self.bulk.refuse(Unavailable::StorageFull);
        }
        let Ok(first) = self.bulk.inbox.try_recv() else {
            return Ok(false);
        };
        let others = Others {
            requests,
            waiting: &self.waiting,
        };
        let runs_ahead = self.node.chain().may_run_ahead();
        let outcome = BulkRow {
            clock: self.clock,
            bulk: &mut self.bulk,
            others,
            publisher: &mut self.publisher,
            replies: VecDeque::new(),
            shown: Instant::now(),
            runs_ahead,
        }
        .run(&mut self.node, first);
        self.unless_full(outcome.map(|()| Vec::new()))?;
        self.is_ahead_of_disk = self.is_full();
        self.publish()?;
        Ok(true)
    }
}

/// Whoever else waits for the chain thread.
struct Others<'t> {
    requests: &'t mpsc::Receiver<Request>,
    waiting: &'t WaitingRoom,
}

impl Others<'_> {
    fn wait(&self) -> bool {
        !self.requests.is_empty() || self.waiting.has_some()
    }
}

/// One row, as long as it runs.
struct BulkRow<'t> {
    clock: fn() -> u64,
    bulk: &'t mut Bulk,
    others: Others<'t>,
    publisher: &'t mut Publisher,
    /// Of the blocks without verdict, oldest first. Those that are dropped say that the node does
    /// not know.
    replies: VecDeque<VerdictReply>,
    shown: Instant,
    runs_ahead: bool,
}

impl BulkRow<'_> {
    fn run(mut self, node: &mut Node, first: Fed) -> Result<(), StorageError> {
        let started = Instant::now();
        let mut row = node.row();
        let mut next = Some(first);
        loop {
            let verdicts = match next.take() {
                Some(fed) => {
                    self.replies.push_back(fed.reply);
                    Some(row.push(fed.block.wait(), (self.clock)())?)
                }
                // While none waits the scripts go on; one may come meanwhile.
                None => row.settle_next()?,
            };
            let Some(verdicts) = verdicts else {
                break;
            };
            self.answer(verdicts);
            if self.others.wait() && started.elapsed() >= ROW_BESIDE_OTHERS {
                self.bulk.interrupted = Some(Instant::now());
                break;
            }
            if self.shown.elapsed() >= SHOWN_EVERY {
                if !self.runs_ahead {
                    // The engine may ask for something.
                    break;
                }
                self.show(&mut row)?;
            }
            if row.ahead() <= self.bulk.most_ahead() {
                next = self.bulk.inbox.try_recv().ok();
            }
        }
        let verdicts = row.finish((self.clock)())?;
        node.sync()?;
        self.answer(verdicts);
        Ok(())
    }

    fn answer(&mut self, verdicts: Verdicts) {
        for verdict in verdicts {
            if let Some(reply) = self.replies.pop_front() {
                // Whoever fed the block may have gone meanwhile.
                let _ = reply.send(Ok(verdict));
            }
        }
    }

    /// Shows readers where the row has got to.
    fn show(&mut self, row: &mut Row<'_>) -> Result<(), StorageError> {
        let view = row.sync((self.clock)())?;
        let shown = self.publisher.show(row.take_events(), || view, true);
        self.publisher.tell(shown);
        self.shown = Instant::now();
        Ok(())
    }
}
