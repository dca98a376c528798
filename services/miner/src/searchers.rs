//! The threads that hash.
//!
//! All threads work on one assignment, each with extra nonces of its own, in short chunks. An
//! assignment is solved at most once: whoever finds first takes it away from the others. A new
//! assignment, or none, is seen at the next chunk, which is milliseconds away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use synod_api::HexBytes;
use synod_api::node::SubmitWork;
use tokio::sync::mpsc;

use crate::kernel::Kernel;
use crate::work::{Start, Work};

/// Nonces between two looks at the assignment: 1 to 4 ms of hashing.
const CHUNK: u32 = 1 << 14;

/// A solved assignment.
#[derive(Debug)]
pub(crate) struct Found {
    /// What was worked on.
    pub(crate) work: Arc<Work>,
    /// What the node needs to build the block.
    pub(crate) submission: SubmitWork,
}

struct Shared {
    board: Mutex<Board>,
    changed: Condvar,
    /// Grows with each assignment, so that threads see a change without the lock.
    generation: AtomicU64,
    extra_nonce: AtomicU64,
    hashes: AtomicU64,
    kernel: Kernel,
    found: mpsc::Sender<Found>,
}

struct Board {
    work: Option<Arc<Work>>,
    generation: u64,
    threads: u16,
}

/// The pool of threads.
pub(crate) struct Searchers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Searchers {
    /// Makes a pool without threads; what it finds goes to `found`.
    ///
    /// `extra_nonce` is where extra nonces begin: random, so that two miners of one address do
    /// not search the same headers.
    #[must_use]
    pub(crate) fn new(kernel: Kernel, extra_nonce: u64, found: mpsc::Sender<Found>) -> Self {
        let shared = Shared {
            board: Mutex::new(Board {
                work: None,
                generation: 0,
                threads: 0,
            }),
            changed: Condvar::new(),
            generation: AtomicU64::new(0),
            extra_nonce: AtomicU64::new(extra_nonce),
            hashes: AtomicU64::new(0),
            kernel,
            found,
        };
        Self {
            shared: Arc::new(shared),
            threads: Vec::new(),
        }
    }

    /// Brings the pool to a number of threads.
    ///
    /// # Errors
    /// The system gives no more threads; those that are there go on.
    pub(crate) fn set_threads(&mut self, threads: u16) -> std::io::Result<()> {
        self.shared.lock().threads = threads;
        self.shared.changed.notify_all();
        while self.threads.len() > usize::from(threads) {
            if let Some(thread) = self.threads.pop() {
                join(thread);
            }
        }
        for index in self.threads.len()..usize::from(threads) {
            let shared = Arc::clone(&self.shared);
            let builder = std::thread::Builder::new().name(format!("search-{index}"));
            self.threads.push(builder.spawn(move || shared.run(index))?);
        }
        Ok(())
    }

    /// Gives all threads something to search, or nothing.
    pub(crate) fn assign(&self, work: Option<Arc<Work>>) {
        let mut board = self.shared.lock();
        board.work = work;
        self.shared.next_generation(&mut board);
        drop(board);
        self.shared.changed.notify_all();
    }

    /// Returns the hashes made so far.
    #[must_use]
    pub(crate) fn hashes(&self) -> u64 {
        self.shared.hashes.load(Ordering::Relaxed)
    }
}

impl Drop for Searchers {
    fn drop(&mut self) {
        self.shared.lock().threads = 0;
        self.shared.changed.notify_all();
        self.threads.drain(..).for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a search thread panicked");
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Board> {
        // Correctness: every change under the lock is a few assignments that cannot panic.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_generation(&self, board: &mut Board) {
        board.generation += 1;
        self.generation.store(board.generation, Ordering::Release);
    }

    fn run(&self, index: usize) {
        while let Some((work, generation)) = self.wait(index) {
            self.search(index, &work, generation);
        }
    }

    /// Waits for an assignment; none when this thread is one too many.
    fn wait(&self, index: usize) -> Option<(Arc<Work>, u64)> {
        let mut board = self.lock();
        loop {
            if index >= usize::from(board.threads) {
                return None;
            }
            if let Some(work) = &board.work {
                return Some((Arc::clone(work), board.generation));
            }
            board = self
                .changed
                .wait(board)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Searches until something is found or the assignment is another one.
    fn search(&self, index: usize, work: &Arc<Work>, generation: u64) {
        let mut start = self.next_start(work);
        let mut first = 0_u32;
        loop {
            let found = self.kernel.search(&start.job, first, CHUNK);
            let tried = found.map_or(CHUNK, |nonce| nonce.wrapping_sub(first) + 1);
            self.hashes.fetch_add(tried.into(), Ordering::Relaxed);
            if let Some(nonce) = found {
                return self.solve(work, generation, &start, nonce);
            }
            if self.generation.load(Ordering::Acquire) != generation
                || index >= usize::from(self.lock().threads)
            {
                return;
            }
            let (next, is_over) = first.overflowing_add(CHUNK);
            first = next;
            // A header whose nonces are used up, or whose time is past, gives way to the next.
            if is_over || work.time_at(Instant::now()) != start.time {
                start = self.next_start(work);
                first = 0;
            }
        }
    }

    fn next_start(&self, work: &Work) -> Start {
        let extra_nonce = self.extra_nonce.fetch_add(1, Ordering::Relaxed);
        work.start(extra_nonce, Instant::now())
    }

    /// Takes the assignment away from all threads, unless another one was first.
    fn solve(&self, work: &Arc<Work>, generation: u64, start: &Start, nonce: u32) {
        let mut board = self.lock();
        if board.generation != generation {
            return;
        }
        board.work = None;
        self.next_generation(&mut board);
        drop(board);
        let submission = SubmitWork {
            template_id: work.template().template_id.clone(),
            extra_nonce: HexBytes(start.extra_nonce.to_vec()),
            time: start.time,
            nonce,
            version: None,
        };
        // Correctness: never waits, so that a reader that joins this thread cannot wait for it in
        // vain. The reader makes the next assignment, so the queue is never full.
        if self
            .found
            .try_send(Found {
                work: Arc::clone(work),
                submission,
            })
            .is_err()
        {
            tracing::debug!("a solution was dropped: the miner is stopping");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use synod_api::node::Template;
    use synod_api::{HashHex, NumberHex};
    use tokio::time::timeout;

    use super::*;
    use crate::kernel::Target;
    use crate::work::tests::template;

    fn work(target: [u8; 32]) -> Arc<Work> {
        let template = Template {
            target: NumberHex::from_bytes(target),
            ..template()
        };
        Arc::new(Work::new(template, Instant::now()).expect("a template"))
    }

    #[tokio::test]
    async fn an_assignment_is_solved_once_by_all_threads_together() {
        let (sender, mut found) = mpsc::channel(8);
        let mut searchers = Searchers::new(Kernel::fastest(), 7, sender);
        searchers.set_threads(4).expect("threads");
        for _ in 0..20 {
            searchers.assign(Some(work([0xff; 32])));
            let solved = timeout(Duration::from_secs(20), found.recv())
                .await
                .expect("in time");
            let solved = solved.expect("found");
            let extra_nonce = solved.submission.extra_nonce.0.try_into().expect("8 bytes");
            let mut header = solved.work.header(extra_nonce, solved.submission.time);
            header[76..].copy_from_slice(&solved.submission.nonce.to_le_bytes());
            let hash = synod_primitives::hash::sha256d(&header);
            assert!(Target::from_be_bytes([0xff; 32]).is_met_by(&hash));
        }
        drop(searchers);
        assert!(found.recv().await.is_none());
    }

    #[tokio::test]
    async fn threads_come_go_and_drop_their_work() {
        let (sender, mut found) = mpsc::channel(8);
        let mut searchers = Searchers::new(Kernel::Portable, 0, sender);
        searchers.assign(Some(work([0; 32])));
        for threads in [3, 1, 0, 2] {
            searchers.set_threads(threads).expect("threads");
            assert_eq!(searchers.threads.len(), usize::from(threads));
        }
        // The hopeless assignment gives way to one that any hash solves.
        let easy = Template {
            previous_block_hash: HashHex::from_bytes([9; 32]),
            target: NumberHex::from_bytes([0xff; 32]),
            ..template()
        };
        let easy = Arc::new(Work::new(easy, Instant::now()).expect("a template"));
        searchers.assign(Some(Arc::clone(&easy)));
        let solved = timeout(Duration::from_secs(20), found.recv())
            .await
            .expect("in time");
        assert_eq!(solved.expect("found").work.parent(), easy.parent());
        assert!(searchers.hashes() > 0);
    }
}
