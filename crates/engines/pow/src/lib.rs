//! Proof of work, as Bitcoin has it: a header's hash may not exceed its target, the target
//! follows the hash power, and the branch with most work is active.
//!
//! Depends on primitives, chainspec and engine; knows nothing of blocks' contents.

use synod_chainspec::{Bootstrap, Pow};
use synod_engine::{Ancestry, BranchEnd, Engine, HeaderError};
use synod_primitives::{CompactTarget, Header, Height, Target, Work};

/// How many of the active tip's blocks of work a branch may lack and still be stored, so
/// that a node sees the losers of ordinary races (Core: `GetAntiDoSWorkThreshold`).
pub const WORTHY_DEPTH: u32 = 144;

/// Proof of work under the settings of one chain spec.
#[derive(Clone, Debug)]
pub struct ProofOfWork {
    settings: Pow,
    limit: Target,
    bootstrap: Option<Bootstrap>,
}

impl ProofOfWork {
    /// Makes the engine.
    ///
    /// # Panics
    /// When `settings.limit` is no target, which a parsed chain spec rules out.
    #[must_use]
    pub fn new(settings: Pow, bootstrap: Option<Bootstrap>) -> Self {
        let limit = settings
            .limit
            .to_target()
            .expect("a chain spec's limit is a target");
        Self {
            settings,
            limit,
            bootstrap,
        }
    }

    fn bootstrap_height(&self) -> u32 {
        self.bootstrap.map_or(0, |bootstrap| bootstrap.blocks)
    }

    /// Computes the target of a new period from the times of the last one (Core:
    /// `CalculateNextWorkRequired`).
    ///
    /// Consensus: as in Bitcoin the span lies between the first and the last block of the
    /// period, one interval short of the period's length.
    fn retarget(&self, first: &Header, last: &Header) -> CompactTarget {
        let period = self.settings.interval * self.settings.spacing_s;
        let span = last
            .time
            .saturating_sub(first.time)
            .clamp(period / 4, period * 4);
        let target = last
            .bits
            .to_target()
            .unwrap_or(self.limit)
            .scale(span, period);
        target.min(self.limit).to_compact()
    }
}

impl Engine for ProofOfWork {
    fn name(&self) -> &'static str {
        "pow"
    }

    fn check_header_alone(&self, header: &Header, proof: &[u8]) -> Result<(), HeaderError> {
        if !proof.is_empty() {
            return Err(HeaderError::UnexpectedProof);
        }
        let target = header.bits.to_target().map_err(|_| HeaderError::HighHash)?;
        if target > self.limit || !target.is_met_by(header.block_hash()) {
            return Err(HeaderError::HighHash);
        }
        Ok(())
    }

    fn check_header(
        &self,
        header: &Header,
        _proof: &[u8],
        height: Height,
        ancestry: &dyn Ancestry,
    ) -> Result<(), HeaderError> {
        if header.bits != self.required_bits(height, ancestry) {
            return Err(HeaderError::BadDifficultyBits);
        }
        match self.required_time(height) {
            Some(time) if time != header.time => Err(HeaderError::BadBootstrapTime),
            _ => Ok(()),
        }
    }

    fn required_bits(&self, height: Height, ancestry: &dyn Ancestry) -> CompactTarget {
        let after_bootstrap = self.bootstrap_height() + 1;
        if !self.settings.retarget || height.0 < after_bootstrap {
            return self.settings.limit;
        }
        if height.0 == after_bootstrap {
            return self.settings.start_bits;
        }
        let header_at = |height| {
            ancestry
                .header_at(height)
                .expect("a branch has a header at every height below its end")
        };
        let parent = header_at(Height(height.0 - 1));
        if !height.0.is_multiple_of(self.settings.interval) {
            return parent.bits;
        }
        self.retarget(
            &header_at(Height(height.0 - self.settings.interval)),
            &parent,
        )
    }

    fn required_time(&self, height: Height) -> Option<u32> {
        let bootstrap = self.bootstrap?;
        (1..=bootstrap.blocks)
            .contains(&height.0)
            .then(|| bootstrap.time.saturating_add(height.0))
    }

    fn work(&self, header: &Header) -> Work {
        header.bits.to_target().map_or(Work::ZERO, Target::work)
    }

    fn prefers(&self, candidate: &BranchEnd, active: &BranchEnd) -> bool {
        candidate.chainwork > active.chainwork
            || (candidate.chainwork == active.chainwork && candidate.arrival < active.arrival)
    }

    fn is_worth_storing(&self, end: &BranchEnd, active: &BranchEnd) -> bool {
        let lag =
            (0..WORTHY_DEPTH).fold(Work::ZERO, |sum, _| sum.saturating_add(active.block_work));
        end.chainwork >= active.chainwork.saturating_sub(lag)
    }

    fn has_finality(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
