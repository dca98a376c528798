//! `synod-node import`: blocks from Core's files, with full script checks.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use synod_api::HashHex;
use synod_api::import::ImportReport;
use synod_blockfile::BlockFiles;
use synod_node_core::{Durability, Node, Placement, PreparedBlock};
use synod_primitives::{Block, BlockHash, Header};
use synod_store::Maintenance;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Interval, MissedTickBehavior};

use crate::app::open_node;
use crate::config::NodeConfig;
use crate::state::clock;
use crate::tools::prepare::{Batch, Preparation};

/// Bytes of blocks that are submitted together. Their successors, as many bytes, are prepared
/// meanwhile.
pub(super) const BATCH_BYTES: usize = 4 << 20;
/// Blocks that are submitted together.
pub(super) const BATCH_BLOCKS: usize = 256;
/// Bytes of blocks held in memory because their parent comes later in the file; past it
/// they are read again in another pass.
const MAX_HELD_BYTES: usize = 256 << 20;
/// About so many bytes of blocks leave one coin.
const BYTES_PER_COIN: u64 = 200;
/// How often the database's log is moved into the database.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);
/// How often the database's log is written back to the disk meanwhile: at the end nobody waits for
/// more than what was written since, nor for what other programs have left to be written.
const WRITE_BACK_EVERY: Duration = Duration::from_millis(100);

/// Imports a file or a directory of `blk*.dat`.
///
/// # Errors
/// The file cannot be read, the data directory cannot be used, or storage failed. A block
/// that breaks a rule is reported and skipped.
pub async fn run(config: NodeConfig, file: &Path) -> Result<ImportReport> {
    let spec = config.spec()?;
    let files = BlockFiles::find(file)?;
    let (mut node, reader, mut maintenance) = open_node(&config, &spec).await?;
    // Whoever imports a file trusts it.
    node.chain_mut().trust_stored_chain();
    let work = tokio::task::spawn_blocking(move || {
        let mut import = Import::new(node);
        import.expect(files.total_bytes());
        import.all(&files)?;
        Ok::<_, anyhow::Error>((import.report(), import.node))
    });
    let (report, node) = checkpoint_while(&mut maintenance, work)
        .await
        .context("importing")??;
    drop(node);
    reader.close().await;
    maintenance.close().await?;
    Ok(report)
}

/// Waits for work and moves the database's log meanwhile, which would otherwise grow as long as the
/// import runs.
async fn checkpoint_while<T>(
    maintenance: &mut Maintenance,
    mut work: JoinHandle<T>,
) -> Result<T, JoinError> {
    let mut checkpoints = ticks(CHECKPOINT_EVERY);
    let mut write_backs = ticks(WRITE_BACK_EVERY);
    checkpoints.tick().await;
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = checkpoints.tick() => {
                if let Err(error) = maintenance.checkpoint().await {
                    tracing::warn!(%error, "the database's log was not moved");
                }
            }
            _ = write_backs.tick() => {
                if let Err(error) = maintenance.write_back().await {
                    tracing::warn!(%error, "the database's log was not written back");
                }
            }
        }
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

struct Import {
    node: Node,
    preparation: Preparation,
    started: Instant,
    /// The CPU time that the process had used at the start.
    cpu_before: Duration,
    /// The time from the start until all blocks were on the disk.
    finished: Option<Duration>,
    /// Blocks that are being prepared and are submitted next.
    next: Batch,
    /// Blocks that follow those.
    after: Batch,
    /// Blocks by the parent that they wait for.
    held: HashMap<BlockHash, Vec<Bytes>>,
    held_bytes: usize,
    /// Whether blocks were passed over for lack of room.
    skipped: bool,
    counts: Counts,
    progress: Progress,
}

#[derive(Default)]
struct Counts {
    blocks: u64,
    transactions: u64,
    inputs: u64,
    refused: u64,
}

impl Counts {
    fn of(block: &PreparedBlock) -> Self {
        let transactions = block.block().map_or(&[][..], Block::transactions);
        let spending = transactions.iter().skip(1);
        Self {
            blocks: 1,
            transactions: transactions.len() as u64,
            inputs: spending.map(|it| it.inputs().len() as u64).sum(),
            refused: 0,
        }
    }

    fn add(&mut self, other: &Self) {
        self.blocks += other.blocks;
        self.transactions += other.transactions;
        self.inputs += other.inputs;
    }
}

impl Import {
    fn new(node: Node) -> Self {
        Self {
            preparation: Preparation::of(&node),
            node,
            started: Instant::now(),
            cpu_before: cpu_time(),
            finished: None,
            next: Batch::default(),
            after: Batch::default(),
            held: HashMap::new(),
            held_bytes: 0,
            skipped: false,
            counts: Counts::default(),
            progress: Progress::default(),
        }
    }

    /// Makes room for the coins of so many bytes of blocks.
    fn expect(&mut self, bytes: u64) {
        let coins = usize::try_from(bytes / BYTES_PER_COIN).unwrap_or(usize::MAX);
        self.node.chain_mut().expect_coins(coins);
    }

    /// Reads all files, again while blocks were passed over and something was gained.
    fn all(&mut self, files: &BlockFiles) -> Result<()> {
        loop {
            let before = self.counts.blocks;
            self.skipped = false;
            self.pass(files)?;
            if !self.skipped || self.counts.blocks == before {
                break;
            }
            self.held.clear();
            self.held_bytes = 0;
        }
        let verified = self.started.elapsed();
        self.node.sync()?;
        self.finished = Some(self.started.elapsed());
        tracing::info!(
            cpu_seconds = (cpu_time() - self.cpu_before).as_secs_f64(),
            verified_seconds = verified.as_secs_f64(),
            "all blocks are on the disk; writing the coins"
        );
        self.progress.end();
        // The next start has no block to replay then. Nothing that was promised waits for it.
        self.node.flush()?;
        if self.counts.refused > 0 {
            tracing::warn!(
                blocks = self.counts.refused,
                "blocks that break rules were skipped"
            );
        }
        Ok(())
    }

    fn pass(&mut self, files: &BlockFiles) -> Result<()> {
        let total = files.total_bytes();
        let mut blocks = files.clone().read();
        while let Some(block) = blocks.next() {
            self.take(block?.raw)?;
            let height = self.node.view().height.0;
            self.progress.show(blocks.position(), total, height);
        }
        self.submit()?;
        self.submit()
    }

    /// Puts a block into the batch, with those that waited for it, or holds it.
    fn take(&mut self, raw: Bytes) -> Result<()> {
        let Some(header) = header_of(&raw) else {
            bail!("a frame shorter than a header")
        };
        let (hash, parent) = (header.block_hash(), header.previous_block_hash);
        if self.knows(hash) {
            return Ok(());
        }
        if !self.knows(parent) {
            if self.held_bytes + raw.len() > MAX_HELD_BYTES {
                self.skipped = true;
                return Ok(());
            }
            self.held_bytes += raw.len();
            self.held.entry(parent).or_default().push(raw);
            return Ok(());
        }
        let mut ready = vec![(hash, raw)];
        while let Some((hash, raw)) = ready.pop() {
            self.after
                .push(hash, raw.len(), self.preparation.prepare(raw));
            for child in self.held.remove(&hash).unwrap_or_default() {
                self.held_bytes -= child.len();
                if let Some(header) = header_of(&child) {
                    ready.push((header.block_hash(), child));
                }
            }
            if self.after.is_full() {
                self.submit()?;
            }
        }
        Ok(())
    }

    fn knows(&self, hash: BlockHash) -> bool {
        let tree = self.node.chain().tree();
        self.next.known.contains(&hash)
            || self.after.known.contains(&hash)
            || tree
                .find(hash)
                .is_some_and(|id| tree.entry(id).record.status.has_block())
    }

    /// Submits the older of the two batches; the younger is prepared meanwhile.
    fn submit(&mut self) -> Result<()> {
        let after = std::mem::take(&mut self.after);
        let batch = std::mem::replace(&mut self.next, after);
        let mut sizes = Vec::with_capacity(batch.blocks.len());
        let mut blocks = batch.blocks.into_iter().map(|pending| {
            let block = pending.wait();
            sizes.push(Counts::of(&block));
            block
        });
        let verdicts = self
            .node
            .submit_prepared(&mut blocks, clock(), Durability::Deferred)?;
        drop(self.node.take_events());
        for (size, verdict) in sizes.iter().zip(verdicts) {
            match verdict {
                Ok(accepted) if accepted.placement != Placement::Duplicate => self.counts.add(size),
                Ok(_) => {}
                Err(refusal) => {
                    self.counts.refused += 1;
                    tracing::warn!(%refusal, "a block was refused");
                }
            }
        }
        Ok(())
    }

    fn report(&self) -> ImportReport {
        let elapsed = self.finished.unwrap_or_else(|| self.started.elapsed());
        let seconds = elapsed.as_secs_f64();
        let view = self.node.view();
        ImportReport {
            blocks: self.counts.blocks,
            transactions: self.counts.transactions,
            inputs: self.counts.inputs,
            seconds,
            inputs_per_second: self.counts.inputs as f64 / seconds.max(f64::EPSILON),
            peak_rss_bytes: peak_rss_bytes(),
            height: view.height.0,
            best_block_hash: HashHex::from_internal(view.hash.to_bytes()),
        }
    }
}

fn header_of(raw: &[u8]) -> Option<Header> {
    raw.first_chunk::<{ Header::SIZE }>().map(Header::decode)
}

/// Returns the CPU time of all threads of this process.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Reads the most memory that this process ever had resident; 0 where the system does not
/// tell.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// A line on the terminal that says how far the import is.
#[derive(Default)]
struct Progress {
    shown: Option<Instant>,
}

impl Progress {
    const EVERY: Duration = Duration::from_millis(200);
    const WIDTH: u64 = 30;

    fn show(&mut self, position: u64, total: u64, height: u32) {
        let is_due = self.shown.is_none_or(|at| at.elapsed() >= Self::EVERY);
        if !is_due || !std::io::stderr().is_terminal() {
            return;
        }
        self.shown = Some(Instant::now());
        let done = position * Self::WIDTH / total.max(1);
        let bar: String = (0..Self::WIDTH)
            .map(|i| if i < done { '#' } else { '.' })
            .collect();
        let percent = position * 100 / total.max(1);
        eprint!("\r[{bar}] {percent:>3} %  height {height}");
        let _ = std::io::stderr().flush();
    }

    fn end(&self) {
        if self.shown.is_some() {
            eprintln!();
        }
    }
}
