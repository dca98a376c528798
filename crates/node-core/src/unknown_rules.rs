//! Signs of rules that this node does not know (BIP9; Core: `WarningBitsConditionChecker`).
//!
//! Blocks signal readiness for a change of the rules by bits of their version. When enough
//! of a period's blocks set a bit that means nothing to this node, the others lock a change in
//! and, one period later, follow rules that this node does not check. It can only say so.

use std::collections::BTreeMap;

use synod_primitives::Height;

use crate::tree::{BlockTree, EntryId};

/// Blocks in a signalling period (Core's regtest: `nMinerConfirmationWindow`).
pub const SIGNAL_PERIOD: u32 = 144;
/// Blocks of a period that have to signal (Core's regtest: `nRuleChangeActivationThreshold`).
pub const SIGNAL_THRESHOLD: u32 = 108;
/// How many bits of a version can signal (BIP9).
pub const SIGNAL_BITS: usize = 29;

/// The three highest bits of a version that signals are these (BIP9).
const TOP_BITS: u32 = 0x2000_0000;
/// The three highest bits.
const TOP_MASK: u32 = 0xe000_0000;
/// The bit of Core's test deployment, which changes no rule: known as long as it is being
/// signalled for (Core: `DEPLOYMENT_TESTDUMMY`).
const TEST_BIT: usize = 28;

/// Bits that stand for rules which this node does not know, as sets: bit `n` of the number
/// stands for bit `n` of the version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UnknownRules {
    /// In force in the next block.
    pub active: u32,
    /// In force from the next period on.
    pub locked_in: u32,
}

impl UnknownRules {
    /// Says whether nothing is unknown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Goes through the bits of a set, lowest first.
    pub fn bits(set: u32) -> impl Iterator<Item = u32> {
        (0..u32::BITS).filter(move |bit| set >> bit & 1 == 1)
    }
}

/// How far a change has come, in the order of BIP9. None times out, as those of the warnings
/// never do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Stage {
    /// The first period: signals do not count yet.
    #[default]
    Defined,
    Started,
    LockedIn,
    Active,
}

impl Stage {
    fn after(self, signals: u32) -> Self {
        match self {
            Self::Defined => Self::Started,
            Self::Started if signals >= SIGNAL_THRESHOLD => Self::LockedIn,
            Self::Started => Self::Started,
            Self::LockedIn | Self::Active => Self::Active,
        }
    }
}

/// The stages of all bits in one period.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    /// Of what each bit means beyond what is known.
    unknown: [Stage; SIGNAL_BITS],
    /// Of the test deployment.
    test: Stage,
}

impl Period {
    /// The period after one whose blocks signalled so often for each bit.
    fn after(&self, signals: &[u32; SIGNAL_BITS]) -> Self {
        let is_test_known = matches!(self.test, Stage::Started | Stage::LockedIn);
        let stage = |bit: usize| {
            let is_known = bit == TEST_BIT && is_test_known;
            self.unknown[bit].after(if is_known { 0 } else { signals[bit] })
        };
        Self {
            unknown: std::array::from_fn(stage),
            test: self.test.after(signals[TEST_BIT]),
        }
    }
}

/// Looks for unknown rules, and remembers each period that was counted.
///
/// Holds one period for each that ends on a branch that was active: 30 bytes for 144 headers.
#[derive(Debug, Default)]
pub(crate) struct SignalCounts {
    /// By the last block before the period.
    periods: BTreeMap<EntryId, Period>,
}

impl SignalCounts {
    /// Returns what is unknown to the block after `tip`.
    pub(crate) fn unknown_after(&mut self, tree: &BlockTree, tip: EntryId) -> UnknownRules {
        let next = u64::from(tree.entry(tip).record.height.0) + 1;
        let Some(last) = last_before_period(next) else {
            return UnknownRules::default();
        };
        let period = self.period_after(tree, tree.ancestor(tip, last));
        let set = |wanted: Stage| {
            let bits = (0..SIGNAL_BITS).filter(|bit| period.unknown[*bit] == wanted);
            bits.fold(0, |set, bit| set | 1 << bit)
        };
        UnknownRules {
            active: set(Stage::Active),
            locked_in: set(Stage::LockedIn),
        }
    }

    /// The period after `last`, which ends one.
    fn period_after(&mut self, tree: &BlockTree, last: EntryId) -> Period {
        let mut ends = Vec::new();
        let mut at = Some(last);
        while let Some(end) = at.filter(|end| !self.periods.contains_key(end)) {
            ends.push(end);
            let height = tree.entry(end).record.height.0;
            at = last_before_period(u64::from(height)).map(|last| tree.ancestor(end, last));
        }
        let known = at.and_then(|end| self.periods.get(&end));
        let mut period = known.copied().unwrap_or_default();
        for end in ends.into_iter().rev() {
            period = period.after(&signals_up_to(tree, end));
            self.periods.insert(end, period);
        }
        period
    }
}

/// Returns the height of the last block before the period that `height` lies in; `None` in the
/// first period.
fn last_before_period(height: u64) -> Option<Height> {
    let first = height - height % u64::from(SIGNAL_PERIOD);
    let last = u32::try_from(first.checked_sub(1)?).ok()?;
    Some(Height(last))
}

/// Counts the signals for each bit in the period that `end` closes.
fn signals_up_to(tree: &BlockTree, end: EntryId) -> [u32; SIGNAL_BITS] {
    let mut counts = [0; SIGNAL_BITS];
    let mut at = Some(end);
    for _ in 0..SIGNAL_PERIOD {
        let Some(id) = at else { break };
        let entry = tree.entry(id);
        let version = entry.record.header.version.cast_unsigned();
        if version & TOP_MASK == TOP_BITS {
            for (bit, count) in counts.iter_mut().enumerate() {
                *count += version >> bit & 1;
            }
        }
        at = entry.parent;
    }
    counts
}
