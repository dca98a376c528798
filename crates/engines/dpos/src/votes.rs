//! Lisk-BFT (LIP-0014): prevotes and precommits that delegates cast just by building on what
//! they follow, and the last block that can never be reverted.
//!
//! A block at height h whose maker states that it sealed no higher than p before, on any
//! branch, is a prevote for the heights (p, h], and a precommit for those heights of its
//! maker's unbroken run that had a quorum of prevotes already. A height with a quorum of
//! precommits is final, and all below it. As long as less than a third of the delegates lie,
//! no two branches have final blocks that contradict each other, whatever messages are lost.

use std::collections::{BTreeMap, VecDeque};

use synod_primitives::{Height, Reader};
use synod_seal::DelegateHash;

use crate::state_record::{put_count, read_delegate};

/// A block, as far as votes are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ballot {
    /// Who made it.
    pub delegate: DelegateHash,
    /// The greatest height that the maker sealed before, on any branch, as it states.
    pub previously_sealed: Height,
    /// From which height on the maker has had a seat without a break; `None` for one whose
    /// blocks are no votes.
    pub since: Option<Height>,
    /// The quorum of the block's round.
    pub quorum: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Count {
    prevotes: u32,
    precommits: u32,
    quorum: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Voter {
    /// Its last block on this chain.
    last: u32,
    /// It has prevoted on this chain for all heights above this one up to its last block.
    unbroken_above: u32,
    /// The greatest height that it precommitted.
    precommitted: u32,
}

/// What it takes to undo a block's votes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VotesUndo {
    delegate: DelegateHash,
    voter: Option<Voter>,
    prevotes_above: u32,
    precommits_above: u32,
    prevoted: u32,
    last_final: u32,
}

/// The votes on one chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Votes {
    /// How many heights a vote reaches back.
    reach: u32,
    /// The height before the first count.
    base: u32,
    counts: VecDeque<Count>,
    voters: BTreeMap<DelegateHash, Voter>,
    prevoted: u32,
    last_final: u32,
}

impl Votes {
    /// Starts after `base`, which is final; a vote reaches `reach` heights back.
    #[must_use]
    pub fn new(base: Height, reach: u32) -> Self {
        Self {
            reach,
            base: base.0,
            counts: VecDeque::new(),
            voters: BTreeMap::new(),
            prevoted: base.0,
            last_final: base.0,
        }
    }

    /// Appends all but the reach, which follows from the settings.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.base, self.prevoted, self.last_final] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        put_count(out, self.counts.len());
        for count in &self.counts {
            for number in [count.prevotes, count.precommits, count.quorum] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        put_count(out, self.voters.len());
        for (delegate, voter) in &self.voters {
            out.extend_from_slice(&delegate.0);
            for number in [voter.last, voter.unbroken_above, voter.precommitted] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    /// Reads what [`Votes::encode`] wrote.
    pub(crate) fn decode(reach: u32, reader: &mut Reader<'_>) -> Option<Self> {
        let [base, prevoted, last_final] = read_three(reader)?;
        let mut counts = VecDeque::new();
        for _ in 0..reader.read_u32().ok()? {
            let [prevotes, precommits, quorum] = read_three(reader)?;
            counts.push_back(Count {
                prevotes,
                precommits,
                quorum,
            });
        }
        let mut voters = BTreeMap::new();
        for _ in 0..reader.read_u32().ok()? {
            let delegate = read_delegate(reader)?;
            let [last, unbroken_above, precommitted] = read_three(reader)?;
            let voter = Voter {
                last,
                unbroken_above,
                precommitted,
            };
            voters.insert(delegate, voter);
        }
        Some(Self {
            reach,
            base,
            counts,
            voters,
            prevoted,
            last_final,
        })
    }

    /// Returns the height of the last block.
    #[must_use]
    pub fn tip(&self) -> Height {
        let counted = u32::try_from(self.counts.len()).unwrap_or(u32::MAX);
        Height(self.base.saturating_add(counted))
    }

    /// Returns the greatest height with a quorum of prevotes.
    #[must_use]
    pub fn prevoted(&self) -> Height {
        Height(self.prevoted)
    }

    /// Returns the height of the last irreversible block.
    #[must_use]
    pub fn last_final(&self) -> Height {
        Height(self.last_final)
    }

    /// Returns the height of a delegate's last block on this chain.
    #[must_use]
    pub fn last_sealed(&self, delegate: &DelegateHash) -> Option<Height> {
        self.voters.get(delegate).map(|voter| Height(voter.last))
    }

    /// Returns how many heights are counted at present.
    #[must_use]
    pub fn counted(&self) -> usize {
        self.counts.len()
    }

    /// Takes in the block above the last one.
    ///
    /// Correctness: no delegate counts twice for a height, because its blocks on one chain
    /// state ascending heights ([`Votes::last_sealed`] is checked before).
    pub fn apply(&mut self, ballot: &Ballot) -> VotesUndo {
        let height = self.tip().0.saturating_add(1);
        let before = self.voters.get(&ballot.delegate).copied();
        let stated = ballot.previously_sealed.0;
        let mut undo = VotesUndo {
            delegate: ballot.delegate,
            voter: before,
            prevotes_above: height,
            precommits_above: height,
            prevoted: self.prevoted,
            last_final: self.last_final,
        };
        self.counts.push_back(Count {
            prevotes: 0,
            precommits: 0,
            quorum: ballot.quorum.max(1),
        });
        let mut voter = Voter {
            last: height,
            unbroken_above: stated.max(height),
            precommitted: before.map_or(0, |it| it.precommitted),
        };
        if let Some(since) = ballot.since.filter(|_| stated < height) {
            let is_unbroken = before.filter(|it| it.last == stated);
            voter.unbroken_above = is_unbroken.map_or(stated, |it| it.unbroken_above);
            let floor = height
                .saturating_sub(self.reach)
                .max(since.0.saturating_sub(1))
                .max(self.base);
            undo.precommits_above = floor.max(voter.unbroken_above).max(voter.precommitted);
            undo.prevotes_above = floor.max(stated);
            if let Some(highest) = self.precommit(undo.precommits_above) {
                voter.precommitted = highest;
            }
            self.counts_above(undo.prevotes_above, |count| count.prevotes += 1);
        }
        self.voters.insert(ballot.delegate, voter);
        self.prevoted = self
            .highest(self.prevoted, |it| it.prevotes >= it.quorum)
            .unwrap_or(self.prevoted);
        self.last_final = self
            .highest(self.last_final, |it| it.precommits >= it.quorum)
            .unwrap_or(self.last_final);
        undo
    }

    /// Undoes the votes of the last block.
    pub fn undo(&mut self, undo: &VotesUndo) {
        self.counts_above(undo.prevotes_above, |count| count.prevotes -= 1);
        // The prevotes are again what they were when the precommits were cast.
        self.counts_above(undo.precommits_above, |count| {
            if count.prevotes >= count.quorum {
                count.precommits -= 1;
            }
        });
        self.counts.pop_back();
        self.prevoted = undo.prevoted;
        self.last_final = undo.last_final;
        match undo.voter {
            Some(voter) => self.voters.insert(undo.delegate, voter),
            None => self.voters.remove(&undo.delegate),
        };
    }

    /// Forgets what no vote above `fixed` can reach, where blocks up to `fixed` are never
    /// undone.
    pub fn prune(&mut self, fixed: Height) {
        let reached = fixed.0.min(self.last_final).saturating_sub(self.reach);
        while self.base < reached && self.counts.pop_front().is_some() {
            self.base += 1;
        }
    }

    fn precommit(&mut self, above: u32) -> Option<u32> {
        let highest = self.highest(above, |it| it.prevotes >= it.quorum);
        self.counts_above(above, |count| {
            if count.prevotes >= count.quorum {
                count.precommits += 1;
            }
        });
        highest
    }

    fn counts_above(&mut self, above: u32, change: impl FnMut(&mut Count)) {
        let skip = usize::try_from(above.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.counts.iter_mut().skip(skip).for_each(change);
    }

    /// Returns the greatest height above `above` whose count is as asked for.
    fn highest(&self, above: u32, is_reached: impl Fn(&Count) -> bool) -> Option<u32> {
        let heights = (self.base.saturating_add(1)..=self.tip().0).rev();
        heights
            .zip(self.counts.iter().rev())
            .take_while(|(height, _)| *height > above)
            .find(|(_, count)| is_reached(count))
            .map(|(height, _)| height)
    }
}

fn read_three(reader: &mut Reader<'_>) -> Option<[u32; 3]> {
    let mut next = || reader.read_u32().ok();
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
#[path = "votes_tests.rs"]
mod tests;
