//! Where a block stands: its header, its neighbours on the active chain and the tip, as of one
//! moment.

use synod_api::node::TipStatus;
use synod_ledger::{MEDIAN_TIME_SPAN, median_time_past};
use synod_primitives::{BlockHash, Height};
use synod_store::{ActiveHeaders, BlockStatus, HeaderRecord, Reader, StoreError};

/// A header with its place in the chain.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// The header, and what is known of its block.
    pub(crate) record: HeaderRecord,
    /// The median of the times of this and the ten blocks before it.
    pub(crate) median_time: u32,
    /// Whether it is on the active chain.
    pub(crate) is_active: bool,
    /// The block after it on the active chain.
    pub(crate) next: Option<BlockHash>,
    /// The tip of the active chain at that moment.
    pub(crate) tip: (Height, BlockHash),
}

impl Placed {
    /// Returns the number of blocks of the active chain from this one on, 0 off that chain.
    pub(crate) fn confirmations(&self) -> u32 {
        match self.is_active {
            true => (self.tip.0.0 - self.record.height.0).saturating_add(1),
            false => 0,
        }
    }

    /// Says what is known of the block.
    pub(crate) fn status(&self) -> TipStatus {
        match &self.record.status {
            _ if self.is_active => TipStatus::Active,
            BlockStatus::Valid => TipStatus::ValidFork,
            BlockStatus::HeaderOnly | BlockStatus::Stored => TipStatus::ValidHeaders,
            BlockStatus::Failed { .. } => TipStatus::Invalid,
        }
    }
}

/// Finds a block of any branch.
///
/// # Errors
/// The store failed or is damaged.
pub(crate) async fn find(reader: &Reader, hash: BlockHash) -> Result<Option<Placed>, StoreError> {
    let Some(record) = reader.find_header(hash).await? else {
        return Ok(None);
    };
    let window = Window::load(reader, record.height, 1).await?;
    if let Some(placed) = window
        .placed(record.height)
        .filter(|it| it.record.hash == hash)
    {
        return Ok(Some(placed));
    }
    let times = branch_times(reader, &window, &record).await?;
    let median_time = median_time_past(&times);
    let tip = window.tip;
    Ok(Some(Placed {
        record,
        median_time,
        is_active: false,
        next: None,
        tip,
    }))
}

/// Finds the block of the active chain at a height.
///
/// # Errors
/// The store failed or is damaged.
pub(crate) async fn find_at(reader: &Reader, height: Height) -> Result<Option<Placed>, StoreError> {
    Ok(Window::load(reader, height, 1).await?.placed(height))
}

/// Lists blocks of the active chain from a height on, at most `limit`; empty above the tip, which
/// is returned beside them.
///
/// # Errors
/// The store failed or is damaged.
pub(crate) async fn page(
    reader: &Reader,
    from: Height,
    limit: usize,
) -> Result<(Vec<Placed>, (Height, BlockHash)), StoreError> {
    let window = Window::load(reader, from, limit).await?;
    let heights = (from.0..=window.tip.0.0).take(limit);
    let placed = heights.filter_map(|height| window.placed(Height(height)));
    Ok((placed.collect(), window.tip))
}

/// A piece of the active chain: some blocks, those whose times their median times need, and the
/// one after them.
struct Window {
    first: u32,
    records: Vec<HeaderRecord>,
    tip: (Height, BlockHash),
}

impl Window {
    async fn load(reader: &Reader, from: Height, count: usize) -> Result<Self, StoreError> {
        let below = u32::try_from(MEDIAN_TIME_SPAN - 1).expect("ten blocks");
        let first = from.0.saturating_sub(below);
        let length = (from.0 - first) as usize + count + 1;
        let ActiveHeaders { tip, records } = reader.active_headers(Height(first), length).await?;
        let missing = || StoreError::Inconsistent("the active chain is empty".to_owned());
        Ok(Self {
            first,
            records,
            tip: tip.ok_or_else(missing)?,
        })
    }

    fn index(&self, height: Height) -> Option<usize> {
        Some(height.0.checked_sub(self.first)? as usize)
    }

    fn at(&self, height: Height) -> Option<&HeaderRecord> {
        self.records.get(self.index(height)?)
    }

    fn placed(&self, height: Height) -> Option<Placed> {
        let index = self.index(height)?;
        let record = self.records.get(index)?.clone();
        let start = (index + 1).saturating_sub(MEDIAN_TIME_SPAN);
        let times: Vec<u32> = self.records[start..=index]
            .iter()
            .map(|it| it.header.time)
            .collect();
        Some(Placed {
            record,
            median_time: median_time_past(&times),
            is_active: true,
            next: self.records.get(index + 1).map(|it| it.hash),
            tip: self.tip,
        })
    }
}

/// Reads the times of a stale block and the ten before it, oldest first.
async fn branch_times(
    reader: &Reader,
    window: &Window,
    record: &HeaderRecord,
) -> Result<Vec<u32>, StoreError> {
    let mut times = vec![record.header.time];
    let mut below = record.header.previous_block_hash;
    let mut height = record.height;
    while let (Some(lower), true) = (height.previous(), times.len() < MEDIAN_TIME_SPAN) {
        let active = window.at(lower).filter(|it| it.hash == below);
        let header = match active {
            Some(record) => record.header,
            None => reader.header(below).await?.header,
        };
        times.push(header.time);
        below = header.previous_block_hash;
        height = lower;
    }
    times.reverse();
    Ok(times)
}
