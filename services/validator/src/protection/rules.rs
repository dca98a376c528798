//! What may be signed, as pure functions of what was signed before.
//!
//! The watermarks alone keep a key safe: a seal needs a later place than all before, a vote a
//! later target and no earlier source. This is EIP-3076's minimal strategy; it refuses more
//! than the slashing rules ask for, and needs no history. The history tells which rule would
//! have been broken, and answers a repeat with the signature that is there already.

use synod_seal::Mode;

/// Digest of what is signed.
pub(crate) type Digest = [u8; 32];
/// 64 bytes of a BIP340 signature.
pub(crate) type Signature = [u8; 64];

/// A seal, as far as protection looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SealRecord {
    /// The engine's kind of seal.
    pub mode: Mode,
    /// The slot.
    pub slot: u64,
    /// The round in it.
    pub round: u32,
    /// The block's height.
    pub height: u32,
    /// The greatest height that the seal says was sealed before.
    pub previously_sealed: u32,
    /// The greatest height with a quorum of prevotes that it states.
    pub prevoted: u32,
    /// What is signed.
    pub digest: Digest,
}

/// A vote, as far as protection looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoteRecord {
    /// The source's epoch.
    pub source: u64,
    /// The target's epoch.
    pub target: u64,
    /// What is signed.
    pub digest: Digest,
}

/// A digest with the signature that was released for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Signed {
    pub(crate) digest: Digest,
    pub(crate) signature: Signature,
}

/// The watermarks of one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// No seal at or below this slot is known one by one.
    pub low_slot: Option<u64>,
    /// No vote for a target at or below this epoch is known one by one.
    pub low_target: Option<u64>,
    /// The latest place that was sealed: slot and round.
    pub sealed: Option<(u64, u32)>,
    /// The greatest height that was sealed or stated as sealed before.
    pub forged: u32,
    /// The greatest height that was stated as prevoted.
    pub prevoted: u32,
    /// The greatest height that was sealed with it.
    pub prevoted_height: u32,
    /// The latest source and the latest target that were voted for.
    pub voted: Option<(u64, u64)>,
}

/// What protection says to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Nothing contradicts it.
    Sign,
    /// It was signed already; this is the signature.
    Repeat(Signature),
}

/// Why something is not signed, as one sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Another block was sealed at this place.
    #[error("slot {slot} was sealed already with another block; a second seal would be slashed")]
    DoubleSeal {
        /// The slot.
        slot: u64,
    },
    /// A later place was sealed.
    #[error("slot {slot} is not after slot {last}, the last that was sealed")]
    SlotPassed {
        /// The slot asked for.
        slot: u64,
        /// The last one sealed.
        last: u64,
    },
    /// The place lies where nothing is known.
    #[error("slot {slot} is not above {low}, below which this database knows nothing")]
    SlotBelowWatermark {
        /// The slot asked for.
        slot: u64,
        /// The watermark.
        low: u64,
    },
    /// The seal states less than was sealed.
    #[error("the seal says that nothing above height {stated} was sealed before, but {known} was")]
    ForgetsHeight {
        /// What it states.
        stated: u32,
        /// What is known.
        known: u32,
    },
    /// The seal states fewer prevotes than an earlier one.
    #[error("the seal states prevotes up to height {stated}, an earlier one up to {known}")]
    PrevotesFall {
        /// What it states.
        stated: u32,
        /// What an earlier one states.
        known: u32,
    },
    /// The seal is not above one that states the same prevotes.
    #[error("height {height} is not above {known}, which was sealed with the same prevotes")]
    HeightStays {
        /// The height asked for.
        height: u32,
        /// The height sealed.
        known: u32,
    },
    /// Not the seal of an engine whose validators have slots.
    #[error("this signer does not sign seals of that kind")]
    Mode,
    /// Another vote was signed for this target.
    #[error("a vote for epoch {target} was signed already; another one would be slashed")]
    DoubleVote {
        /// The target.
        target: u64,
    },
    /// The vote surrounds an earlier one.
    #[error(
        "the vote {source_epoch} to {target} surrounds the vote {known_source} to {known_target}; it would be slashed"
    )]
    Surrounds {
        /// The source asked for.
        source_epoch: u64,
        /// The target asked for.
        target: u64,
        /// The earlier vote's source.
        known_source: u64,
        /// The earlier vote's target.
        known_target: u64,
    },
    /// An earlier vote surrounds this one.
    #[error(
        "the vote {source_epoch} to {target} is surrounded by the vote {known_source} to {known_target}; it would be slashed"
    )]
    Surrounded {
        /// The source asked for.
        source_epoch: u64,
        /// The target asked for.
        target: u64,
        /// The earlier vote's source.
        known_source: u64,
        /// The earlier vote's target.
        known_target: u64,
    },
    /// A later target was voted for.
    #[error("epoch {target} is not after epoch {last}, the last that was voted for")]
    TargetPassed {
        /// The target asked for.
        target: u64,
        /// The last one.
        last: u64,
    },
    /// A later source was voted from.
    #[error("the vote starts from epoch {source_epoch}, an earlier one from {last}")]
    SourcePassed {
        /// The source asked for.
        source_epoch: u64,
        /// The latest one.
        last: u64,
    },
    /// The target lies where nothing is known.
    #[error("epoch {target} is not above {low}, below which this database knows nothing")]
    TargetBelowWatermark {
        /// The target asked for.
        target: u64,
        /// The watermark.
        low: u64,
    },
    /// A vote whose target is not after its source.
    #[error("a vote's target comes after its source")]
    VoteOrder,
    /// A number that the database cannot hold.
    #[error("a slot or epoch past 2^63 - 1")]
    Range,
}

impl Refusal {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DoubleSeal { .. } => "slashable-double-seal",
            Self::SlotPassed { .. } => "slot-passed",
            Self::SlotBelowWatermark { .. } => "slot-below-watermark",
            Self::ForgetsHeight { .. } => "slashable-forgets-height",
            Self::PrevotesFall { .. } => "slashable-prevotes-fall",
            Self::HeightStays { .. } => "slashable-height-stays",
            Self::Mode => "seal-mode",
            Self::DoubleVote { .. } => "slashable-double-vote",
            Self::Surrounds { .. } => "slashable-surrounds",
            Self::Surrounded { .. } => "slashable-surrounded",
            Self::TargetPassed { .. } => "target-passed",
            Self::SourcePassed { .. } => "source-passed",
            Self::TargetBelowWatermark { .. } => "target-below-watermark",
            Self::VoteOrder => "vote-order",
            Self::Range => "number-out-of-range",
        }
    }
}

fn is_stored(number: u64) -> bool {
    i64::try_from(number).is_ok()
}

/// Judges a seal; `at_place` is what was sealed at its slot and round.
pub(crate) fn judge_seal(
    marks: &Marks,
    at_place: Option<&Signed>,
    seal: &SealRecord,
) -> Result<Verdict, Refusal> {
    let slot = seal.slot;
    if !is_stored(slot) {
        return Err(Refusal::Range);
    }
    if !matches!(seal.mode, Mode::Pos | Mode::Dpos) {
        return Err(Refusal::Mode);
    }
    match at_place {
        Some(signed) if signed.digest == seal.digest => {
            return Ok(Verdict::Repeat(signed.signature));
        }
        Some(_) => return Err(Refusal::DoubleSeal { slot }),
        None => {}
    }
    if let Some(low) = marks.low_slot.filter(|low| slot <= *low) {
        return Err(Refusal::SlotBelowWatermark { slot, low });
    }
    if let Some((last, _)) = marks.sealed.filter(|last| (slot, seal.round) <= *last) {
        return Err(Refusal::SlotPassed { slot, last });
    }
    if seal.mode == Mode::Dpos {
        judge_heights(marks, seal)?;
    }
    Ok(Verdict::Sign)
}

/// Lisk-BFT (LIP-0014, "Block header contradiction"): of two headers the one that states less
/// is the earlier. Each seal states at least as much as all before it, so it is the later one
/// of every pair; then no pair contradicts itself if prevotes do not fall and, where they stay,
/// the height rises.
fn judge_heights(marks: &Marks, seal: &SealRecord) -> Result<(), Refusal> {
    if seal.previously_sealed < marks.forged {
        return Err(Refusal::ForgetsHeight {
            stated: seal.previously_sealed,
            known: marks.forged,
        });
    }
    if seal.prevoted < marks.prevoted {
        return Err(Refusal::PrevotesFall {
            stated: seal.prevoted,
            known: marks.prevoted,
        });
    }
    let has_sealed = marks.sealed.is_some();
    if has_sealed && seal.prevoted == marks.prevoted && seal.height <= marks.prevoted_height {
        return Err(Refusal::HeightStays {
            height: seal.height,
            known: marks.prevoted_height,
        });
    }
    Ok(())
}

/// Judges a vote; `at_target` is what was signed for its target, `around` an earlier vote that
/// it surrounds or that surrounds it (source, target).
pub(crate) fn judge_vote(
    marks: &Marks,
    at_target: Option<&Signed>,
    around: Option<(u64, u64)>,
    vote: &VoteRecord,
) -> Result<Verdict, Refusal> {
    let VoteRecord { source, target, .. } = *vote;
    if !is_stored(target) {
        return Err(Refusal::Range);
    }
    if source >= target {
        return Err(Refusal::VoteOrder);
    }
    match at_target {
        Some(signed) if signed.digest == vote.digest => {
            return Ok(Verdict::Repeat(signed.signature));
        }
        Some(_) => return Err(Refusal::DoubleVote { target }),
        None => {}
    }
    if let Some((known_source, known_target)) = around {
        return Err(if source < known_source {
            Refusal::Surrounds {
                source_epoch: source,
                target,
                known_source,
                known_target,
            }
        } else {
            Refusal::Surrounded {
                source_epoch: source,
                target,
                known_source,
                known_target,
            }
        });
    }
    if let Some(low) = marks.low_target.filter(|low| target <= *low) {
        return Err(Refusal::TargetBelowWatermark { target, low });
    }
    match marks.voted {
        Some((_, last)) if target <= last => Err(Refusal::TargetPassed { target, last }),
        Some((last, _)) if source < last => Err(Refusal::SourcePassed {
            source_epoch: source,
            last,
        }),
        _ => Ok(Verdict::Sign),
    }
}

impl Marks {
    /// Raises the marks by a seal that is signed.
    #[must_use]
    pub(crate) fn after_seal(self, seal: &SealRecord) -> Self {
        let place = Some((seal.slot, seal.round));
        let (prevoted, prevoted_height) =
            (self.prevoted, self.prevoted_height).max((seal.prevoted, seal.height));
        Self {
            sealed: self.sealed.max(place),
            forged: self.forged.max(seal.height).max(seal.previously_sealed),
            prevoted,
            prevoted_height,
            ..self
        }
    }

    /// Raises the marks by a vote that is signed.
    #[must_use]
    pub(crate) fn after_vote(self, vote: &VoteRecord) -> Self {
        let (source, target) = self.voted.unwrap_or((vote.source, vote.target));
        Self {
            voted: Some((source.max(vote.source), target.max(vote.target))),
            ..self
        }
    }

    /// Takes the greater of each mark.
    #[must_use]
    pub(crate) fn joined(self, other: &Self) -> Self {
        let (prevoted, prevoted_height) =
            (self.prevoted, self.prevoted_height).max((other.prevoted, other.prevoted_height));
        let voted = match (self.voted, other.voted) {
            (Some(a), Some(b)) => Some((a.0.max(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        Self {
            low_slot: self.low_slot.max(other.low_slot),
            low_target: self.low_target.max(other.low_target),
            sealed: self.sealed.max(other.sealed),
            forged: self.forged.max(other.forged),
            prevoted,
            prevoted_height,
            voted,
        }
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
