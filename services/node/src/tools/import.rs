//! `synod-node import`: blocks from Core's files, with full script checks.

use std::collections::{HashMap, VecDeque};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use synod_api::HashHex;
use synod_api::import::ImportReport;
use synod_blockfile::BlockFiles;
use synod_node_core::{Accepted, Node, Placement, PreparedBlock, Refusal, Row};
use synod_primitives::{Block, BlockHash, Header};
use synod_store::Maintenance;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Interval, MissedTickBehavior};

use crate::app::open_node;
use crate::config::NodeConfig;
use crate::prepare::{Preparation, Prepared};
use crate::state::clock;

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
    let work = tokio::task::spawn_blocking(move || import(node, &files));
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

/// Imports all files; gives the node back.
fn import(mut node: Node, files: &BlockFiles) -> Result<(ImportReport, Node)> {
    let clock = Stopwatch::start();
    let expected = usize::try_from(files.total_bytes() / BYTES_PER_COIN).unwrap_or(usize::MAX);
    node.chain_mut().expect_coins(expected);
    let preparation = Preparation::of(&node);
    let counts = Import::new(node.row(), preparation).all(files)?;
    node.sync()?;
    let elapsed = clock.started.elapsed();
    tracing::info!(
        cpu_seconds = (cpu_time() - clock.cpu_before).as_secs_f64(),
        "all blocks are on the disk; writing the coins"
    );
    // The next start has no block to replay then. Nothing that was promised waits for it.
    node.flush()?;
    if counts.refused > 0 {
        tracing::warn!(
            blocks = counts.refused,
            "blocks that break rules were skipped"
        );
    }
    let report = counts.report(&node, elapsed);
    Ok((report, node))
}

/// When the import started.
struct Stopwatch {
    started: Instant,
    /// The CPU time that the process had used by then.
    cpu_before: Duration,
}

impl Stopwatch {
    fn start() -> Self {
        Self {
            started: Instant::now(),
            cpu_before: cpu_time(),
        }
    }
}

struct Import<'n> {
    row: Row<'n>,
    preparation: Preparation,
    /// Blocks that are being prepared and are taken in next.
    prepared: Prepared,
    /// What the blocks hold whose verdicts are not there yet, oldest first.
    unjudged: VecDeque<Counts>,
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

    fn report(&self, node: &Node, elapsed: Duration) -> ImportReport {
        let seconds = elapsed.as_secs_f64();
        let view = node.view();
        ImportReport {
            blocks: self.blocks,
            transactions: self.transactions,
            inputs: self.inputs,
            seconds,
            inputs_per_second: self.inputs as f64 / seconds.max(f64::EPSILON),
            peak_rss_bytes: peak_rss_bytes(),
            height: view.height.0,
            best_block_hash: HashHex::from_internal(view.hash.to_bytes()),
        }
    }
}

impl<'n> Import<'n> {
    fn new(row: Row<'n>, preparation: Preparation) -> Self {
        Self {
            row,
            preparation,
            prepared: Prepared::default(),
            unjudged: VecDeque::new(),
            held: HashMap::new(),
            held_bytes: 0,
            skipped: false,
            counts: Counts::default(),
            progress: Progress::default(),
        }
    }

    /// Reads all files, again while blocks were passed over and something was gained.
    fn all(mut self, files: &BlockFiles) -> Result<Counts> {
        loop {
            let before = self.counts.blocks + self.unjudged.len() as u64;
            self.skipped = false;
            self.pass(files)?;
            if !self.skipped || self.counts.blocks + self.unjudged.len() as u64 == before {
                break;
            }
            self.held.clear();
            self.held_bytes = 0;
        }
        let verdicts = self.row.finish(clock())?;
        judge(&mut self.unjudged, &mut self.counts, verdicts);
        self.progress.end();
        Ok(self.counts)
    }

    fn pass(&mut self, files: &BlockFiles) -> Result<()> {
        let total = files.total_bytes();
        let mut blocks = files.clone().read();
        while let Some(block) = blocks.next() {
            self.take(block?.raw)?;
            self.progress.show(blocks.position(), total, || {
                let tree = self.row.chain().tree();
                tree.entry(tree.tip()).record.height.0
            });
        }
        while self.submit_next()? {}
        Ok(())
    }

    /// Has a block prepared, with those that waited for it, or holds it.
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
            let size = raw.len();
            self.prepared
                .push(hash, size, self.preparation.prepare(raw));
            for child in self.held.remove(&hash).unwrap_or_default() {
                self.held_bytes -= child.len();
                if let Some(header) = header_of(&child) {
                    ready.push((header.block_hash(), child));
                }
            }
            while self.prepared.is_full() {
                self.submit_next()?;
            }
        }
        Ok(())
    }

    fn knows(&self, hash: BlockHash) -> bool {
        let tree = self.row.chain().tree();
        self.prepared.contains(&hash)
            || tree
                .find(hash)
                .is_some_and(|id| tree.entry(id).record.status.has_block())
    }

    /// Takes in the oldest block that was prepared; says whether there was one.
    fn submit_next(&mut self) -> Result<bool> {
        let Some(pending) = self.prepared.pop() else {
            return Ok(false);
        };
        let block = pending.wait();
        self.unjudged.push_back(Counts::of(&block));
        let verdicts = self.row.push(block, clock())?;
        drop(self.row.take_events());
        judge(&mut self.unjudged, &mut self.counts, verdicts);
        Ok(true)
    }
}

/// Counts the blocks whose verdicts have come.
fn judge(
    unjudged: &mut VecDeque<Counts>,
    counts: &mut Counts,
    verdicts: Vec<Result<Accepted, Refusal>>,
) {
    for verdict in verdicts {
        let size = unjudged.pop_front().unwrap_or_default();
        match verdict {
            Ok(accepted) if accepted.placement != Placement::Duplicate => counts.add(&size),
            Ok(_) => {}
            Err(refusal) => {
                counts.refused += 1;
                tracing::warn!(%refusal, "a block was refused");
            }
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

    fn show(&mut self, position: u64, total: u64, height: impl FnOnce() -> u32) {
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
        let height = height();
        eprint!("\r[{bar}] {percent:>3} %  height {height}");
        let _ = std::io::stderr().flush();
    }

    fn end(&self) {
        if self.shown.is_some() {
            eprintln!();
        }
    }
}
