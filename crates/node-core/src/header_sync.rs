//! Judging a peer's chain of headers before any of it is kept.
//!
//! Invariant: a header enters the tree only as part of a branch that the engine finds worth
//! storing, whatever the order and the number of pages in which a peer shows it.
//!
//! A chain that is worth storing within one page is checked and kept at once. A longer one
//! is read twice, as Core does since version 24 (`headerssync.cpp`): the first reading sums up
//! the work and keeps one salted bit of every 615th header; only when the sum is worth
//! storing does the second reading begin at the start, compare the bits, and let headers into
//! the tree that have 14,621 others above them.
//!
//! Security: proof of work at the limit is cheap to make. Ten million such headers cost the
//! receiver two kilobytes here, and nothing of them stays (CVE-2019-25220, CVE-2024-52916).

use std::collections::VecDeque;
use std::hash::BuildHasher;

use bytes::Bytes;
use synod_engine::BranchEnd;
use synod_ledger::HashKey;
use synod_primitives::{BlockHash, Header, Height, Work};

use crate::chain::Chain;
use crate::tree::EntryId;
use crate::trust::NEEDS_TRUST;
use crate::verdict::{Blame, Refusal};

/// One bit is kept of so many headers (Core 28: `HEADER_COMMITMENT_PERIOD`).
pub const COMMITMENT_PERIOD: u32 = 615;
/// So many headers must lie above one before it enters the tree in a second reading (Core
/// 28: `REDOWNLOAD_BUFFER_SIZE`).
pub const REDOWNLOAD_HEADERS: usize = 14_621;
/// The most bytes of engine proofs that wait in a second reading; past it the oldest headers
/// enter the tree with fewer above them.
pub const MAX_REDOWNLOAD_PROOF_BYTES: usize = 1 << 20;
/// The most headers without their blocks that are kept under an engine whose headers cost no
/// work, about 30 MB; children of the tip are always taken in. Further ones wait until blocks of
/// those before have come.
///
/// Security: who leads the slots of a branch that was never connected shows only when it is, so
/// a stranger's own key can make headers for it at the price of a signature each.
pub const MAX_HEADERS_WITHOUT_BLOCK: usize = 100_000;
/// The most blocks a second that the rule on times allows a chain to have in the long run
/// (Core: 6, since each time must exceed the median of 11 before it).
const MAX_BLOCKS_PER_SECOND: u64 = 6;
/// How far a header's time may lie ahead of the clock, in seconds.
const MAX_FUTURE_S: u64 = 2 * 60 * 60;

/// How far a peer's chain of headers has been judged.
#[derive(Debug, Default)]
pub struct HeaderSync {
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    /// Pages build on headers that are known.
    #[default]
    Connected,
    /// The work is summed up.
    First(FirstReading),
    /// The same chain comes once more.
    Second(SecondReading),
}

/// What came of a page of headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HeadersStep {
    /// The header after which the peer is to be asked next; `None` when it has no more.
    pub next: Option<BlockHash>,
    /// The last header of the page that is in the tree.
    pub best: Option<BlockHash>,
}

/// What the first reading keeps: a few numbers and the bits.
#[derive(Debug)]
struct FirstReading {
    start: EntryId,
    start_hash: BlockHash,
    last: BlockHash,
    end: BranchEnd,
    count: u64,
    limit: u64,
    bits: Bits,
}

#[derive(Debug)]
struct SecondReading {
    last: BlockHash,
    end: BranchEnd,
    count: u64,
    bits: Bits,
    waiting: VecDeque<(Header, Bytes)>,
    proof_bytes: usize,
}

/// A list of bits.
#[derive(Debug, Default)]
struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        if let (Some(word), true) = (self.words.last_mut(), bit) {
            *word |= 1 << (self.len % 64);
        }
        self.len += 1;
    }

    fn at(&self, index: usize) -> Option<bool> {
        let word = self.words.get(index / 64)?;
        (index < self.len).then_some(word >> (index % 64) & 1 == 1)
    }
}

impl HeaderSync {
    /// Returns about how many bytes the judging of this chain holds.
    #[must_use]
    pub fn memory(&self) -> usize {
        match &self.stage {
            Stage::Connected => 0,
            Stage::First(reading) => reading.bits.words.capacity() * 8,
            Stage::Second(reading) => {
                let waiting = reading.waiting.capacity() * size_of::<(Header, Bytes)>();
                reading.bits.words.capacity() * 8 + waiting + reading.proof_bytes
            }
        }
    }
}

impl Chain {
    /// Takes in a page of headers of one peer's chain, lowest first; `has_more` says that the
    /// peer's page was full, so that more may follow.
    ///
    /// Nothing is written: headers without blocks are asked for again after a start.
    ///
    /// # Errors
    /// The rule that the page breaks; nothing of a page that breaks one by itself is kept.
    /// After an error the judging begins anew.
    pub fn judge_headers(
        &mut self,
        sync: &mut HeaderSync,
        page: &[(Header, Bytes)],
        has_more: bool,
        now: u64,
    ) -> Result<HeadersStep, Refusal> {
        // On every error below the stage stays the default one.
        let stage = std::mem::take(&mut sync.stage);
        if page.is_empty() {
            return Ok(HeadersStep::default());
        }
        if let Some(needs) = self.needs_trust() {
            return Err(Refusal::new(NEEDS_TRUST, needs.to_string(), Blame::Nobody));
        }
        self.check_page(page)?;
        let (stage, step) = match stage {
            Stage::Connected => self.judge_connected(page, has_more, now)?,
            Stage::First(reading) => self.read_first(reading, page, has_more)?,
            Stage::Second(reading) => self.read_second(reading, page, has_more, now)?,
        };
        sync.stage = stage;
        Ok(step)
    }

    /// Checks what a page shows by itself: each header's own proof, and that they follow one
    /// another.
    fn check_page(&mut self, page: &[(Header, Bytes)]) -> Result<(), Refusal> {
        let mut previous: Option<BlockHash> = None;
        for (header, proof) in page {
            let hash = header.block_hash();
            if previous.is_some_and(|previous| previous != header.previous_block_hash) {
                let detail = "a header does not follow the one before it";
                return Err(Refusal::invalid("headers-not-continuous", detail));
            }
            self.engine
                .check_header_alone(header, proof)
                .map_err(|error| self.refuse_header(hash, &error))?;
            previous = Some(hash);
        }
        Ok(())
    }

    fn judge_connected(
        &mut self,
        page: &[(Header, Bytes)],
        has_more: bool,
        now: u64,
    ) -> Result<(Stage, HeadersStep), Refusal> {
        let known = |tree: &crate::BlockTree, header: &Header| tree.find(header.block_hash());
        let news = page
            .iter()
            .position(|(header, _)| known(&self.tree, header).is_none());
        let first = &page[news.unwrap_or(0)].0;
        let parent = self.tree.find(first.previous_block_hash).ok_or_else(|| {
            let detail = "the first header's parent is not known";
            Refusal::new("prev-blk-not-found", detail, Blame::Nobody)
        })?;
        let unknown = news.map_or(&page[..0], |at| &page[at..]);
        let end = self.extended(self.tree.entry(parent).branch_end(), unknown);
        let last = page.last().map(|(header, _)| header.block_hash());
        if unknown.is_empty() || self.is_worthy(&end) {
            // Known headers go through it too: they may be of a branch that failed.
            self.insert_headers(page, now)?;
            let next = last.filter(|_| has_more);
            return Ok((Stage::Connected, HeadersStep { next, best: last }));
        }
        if !has_more {
            return Ok((Stage::Connected, HeadersStep::default()));
        }
        let start = &self.tree.entry(parent).record;
        let median_time = u64::from(self.tree.median_time_past(parent));
        let seconds = now.saturating_add(MAX_FUTURE_S).saturating_sub(median_time);
        let reading = FirstReading {
            start: parent,
            start_hash: start.hash,
            last: start.hash,
            end: self.tree.entry(parent).branch_end(),
            count: 0,
            limit: seconds.saturating_mul(MAX_BLOCKS_PER_SECOND),
            bits: Bits::default(),
        };
        self.read_first(reading, unknown, has_more)
    }

    fn read_first(
        &self,
        mut reading: FirstReading,
        page: &[(Header, Bytes)],
        has_more: bool,
    ) -> Result<(Stage, HeadersStep), Refusal> {
        check_continues(reading.last, page)?;
        reading.end = self.extended(reading.end, page);
        for (header, _) in page {
            let hash = header.block_hash();
            reading.count += 1;
            if is_committed(reading.count) {
                reading.bits.push(self.commitment(hash));
            }
            reading.last = hash;
        }
        if reading.count > reading.limit {
            let detail = "the chain has more headers than its times allow";
            return Err(Refusal::new("headers-too-many", detail, Blame::Nobody));
        }
        if self.is_worthy(&reading.end) {
            let step = HeadersStep {
                next: Some(reading.start_hash),
                best: None,
            };
            let second = SecondReading {
                last: reading.start_hash,
                end: self.tree.entry(reading.start).branch_end(),
                count: 0,
                bits: reading.bits,
                waiting: VecDeque::new(),
                proof_bytes: 0,
            };
            return Ok((Stage::Second(second), step));
        }
        if !has_more {
            return Ok((Stage::Connected, HeadersStep::default()));
        }
        let step = HeadersStep {
            next: Some(reading.last),
            best: None,
        };
        Ok((Stage::First(reading), step))
    }

    fn read_second(
        &mut self,
        mut reading: SecondReading,
        page: &[(Header, Bytes)],
        has_more: bool,
        now: u64,
    ) -> Result<(Stage, HeadersStep), Refusal> {
        check_continues(reading.last, page)?;
        reading.end = self.extended(reading.end, page);
        let is_worthy = self.is_worthy(&reading.end);
        for (header, proof) in page {
            let hash = header.block_hash();
            reading.count += 1;
            if is_committed(reading.count) {
                let index = usize::try_from(reading.count / u64::from(COMMITMENT_PERIOD) - 1);
                let bit = index.ok().and_then(|index| reading.bits.at(index));
                // Past the last bit lies only what came after the sum was enough.
                if bit.map_or(!is_worthy, |bit| bit != self.commitment(hash)) {
                    let detail = "the second reading shows another chain than the first";
                    return Err(Refusal::new("headers-changed", detail, Blame::Nobody));
                }
            }
            reading.last = hash;
            reading.proof_bytes += proof.len();
            reading.waiting.push_back((*header, proof.clone()));
        }
        let mut settled = Vec::new();
        while is_worthy
            || reading.waiting.len() > REDOWNLOAD_HEADERS
            || reading.proof_bytes > MAX_REDOWNLOAD_PROOF_BYTES
        {
            let Some((header, proof)) = reading.waiting.pop_front() else {
                break;
            };
            reading.proof_bytes -= proof.len();
            settled.push((header, proof));
        }
        self.insert_headers(&settled, now)?;
        let step = HeadersStep {
            next: has_more.then_some(reading.last),
            best: settled.last().map(|(header, _)| header.block_hash()),
        };
        let is_open = has_more && !is_worthy;
        let stage = if is_open {
            Stage::Second(reading)
        } else {
            Stage::Connected
        };
        Ok((stage, step))
    }

    /// Refuses a header for which there is no room before blocks have come.
    pub(crate) fn check_room_for_header(&self, parent: EntryId) -> Result<(), Refusal> {
        let is_cheap = self.engine.has_proofs() && parent != self.tree.tip();
        if is_cheap && self.tree.without_block() >= MAX_HEADERS_WITHOUT_BLOCK {
            let detail = "the blocks of other headers are awaited first";
            return Err(Refusal::new("headers-too-many", detail, Blame::Nobody));
        }
        Ok(())
    }

    fn is_worthy(&self, end: &BranchEnd) -> bool {
        let tip = self.tree.entry(self.tree.tip()).branch_end();
        self.engine.is_worth_storing(end, &tip)
    }

    /// Returns the end of a branch that is longer by some headers.
    fn extended(&self, base: BranchEnd, headers: &[(Header, Bytes)]) -> BranchEnd {
        headers.iter().fold(base, |end, (header, _)| {
            let block_work = self.engine.work(header);
            BranchEnd {
                hash: header.block_hash(),
                height: Height(end.height.0.saturating_add(1)),
                chainwork: Work::saturating_add(end.chainwork, block_work),
                block_work,
                arrival: u64::MAX,
            }
        })
    }

    /// Security: the bit is salted, so that a peer cannot make a second chain with the same
    /// bits as the first.
    fn commitment(&self, hash: BlockHash) -> bool {
        HashKey::from(self.settings.hash_key).hash_one(hash.as_bytes()) & 1 == 1
    }

    /// Returns the blocks that are missing up to the header `best`, lowest first, at most
    /// `limit`; none when its branch failed or has less to offer than the tip.
    #[must_use]
    pub fn missing_blocks(&self, best: BlockHash, limit: usize) -> Vec<BlockHash> {
        let Some(id) = self.tree.find(best) else {
            return Vec::new();
        };
        let tip = self.tree.entry(self.tree.tip()).branch_end();
        let end = BranchEnd {
            // Equal work is worth having, whichever was seen first.
            arrival: tip.arrival,
            ..self.tree.entry(id).branch_end()
        };
        let is_failed = self.tree.entry(id).record.status.is_failed();
        if is_failed || !self.engine.is_worth_fetching(&end, &tip) {
            return Vec::new();
        }
        let fork = self.tree.entry(self.tree.fork_point(id)).record.height.0;
        (fork + 1..=end.height.0)
            .map(|height| self.tree.ancestor(id, Height(height)))
            .map(|id| &self.tree.entry(id).record)
            .filter(|record| !record.status.has_block())
            .map(|record| record.hash)
            .take(limit)
            .collect()
    }
}

fn is_committed(count: u64) -> bool {
    count.is_multiple_of(COMMITMENT_PERIOD.into())
}

fn check_continues(last: BlockHash, page: &[(Header, Bytes)]) -> Result<(), Refusal> {
    let first = page.first().map(|(header, _)| header.previous_block_hash);
    if first == Some(last) {
        return Ok(());
    }
    let detail = "the page does not follow the one before it";
    Err(Refusal::new("headers-not-continued", detail, Blame::Nobody))
}
