//! The stages of admission as types, so that no check can be left out.

use synod_primitives::Transaction;
use synod_script::Flags;

use super::candidate::Candidate;
use super::scripts::{self, Scripts};
use super::{Accepted, Options};
use crate::rejected::Rejected;

/// In which way a transaction comes (Core: `ATMPArgs`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mode {
    /// Neither fees nor the size of the mempool are looked at: it comes out of a block.
    pub(crate) bypasses_limits: bool,
    /// It may replace entries.
    pub(crate) may_replace: bool,
    /// It may replace its parent's other child (BIP431).
    pub(crate) may_evict_sibling: bool,
    /// Fees are those of the package, and looked at later.
    pub(crate) has_package_fees: bool,
    /// Chain limits are looser for replacements and for the second child of a channel.
    pub(crate) has_carve_outs: bool,
    /// The mempool is cut to its size by whoever submits the package.
    pub(crate) trims_later: bool,
}

impl Mode {
    pub(crate) const SINGLE: Self = Self {
        bypasses_limits: false,
        may_replace: true,
        may_evict_sibling: true,
        has_package_fees: false,
        has_carve_outs: true,
        trims_later: false,
    };
    pub(crate) const DISCONNECTED: Self = Self {
        bypasses_limits: true,
        ..Self::SINGLE
    };
    pub(crate) const MEMBER: Self = Self {
        has_carve_outs: false,
        trims_later: true,
        ..Self::SINGLE
    };
    pub(crate) const PACKAGE: Self = Self {
        may_evict_sibling: false,
        has_package_fees: true,
        ..Self::MEMBER
    };
    pub(crate) const PACKAGE_TEST: Self = Self {
        may_replace: false,
        may_evict_sibling: false,
        ..Self::MEMBER
    };
}

/// A transaction of which everything holds but its scripts.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(super) candidate: Candidate,
    pub(super) mode: Mode,
    pub(super) options: Options,
    /// The flags of the next block.
    pub(super) flags: Flags,
    /// Whether its scripts were verified with these flags before.
    pub(super) is_verified: bool,
    /// Whether stake outputs are known to the chain: policy then allows what spends them.
    pub(super) has_stake: bool,
    /// The mempool's generation that the checks were made in.
    pub(super) generation: u64,
}

/// A transaction of which everything held when it was prepared, its scripts included.
#[derive(Clone, Debug)]
pub struct Verified(pub(super) Prepared);

impl Prepared {
    /// Returns the transaction.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.candidate.transaction
    }

    /// Verifies the scripts, under policy's flags and under those of the next block.
    ///
    /// Needs no access to the mempool, takes nearly all the time of admission, and may run on
    /// any thread.
    ///
    /// # Errors
    /// [`Rejected::Script`]; [`Rejected::MaxFeeExceeded`], which counts after it as in Core.
    pub fn verify(self) -> Result<Verified, Rejected> {
        if !self.is_verified {
            self.scripts().verify()?;
        }
        self.check_max_fee()
    }

    /// Verifies the scripts of several transactions as [`Prepared::verify`] does, which takes less
    /// time than one after the other; the results are in their order.
    #[must_use]
    pub fn verify_together(prepared: Vec<Self>) -> Vec<Result<Verified, Rejected>> {
        let unverified = prepared.iter().filter(|it| !it.is_verified);
        let scripts: Vec<Scripts<'_>> = unverified.map(Self::scripts).collect();
        let mut verdicts = scripts::verify_together(&scripts).into_iter();
        let verdicts: Vec<Result<(), Rejected>> = prepared
            .iter()
            .map(|it| match it.is_verified {
                true => Ok(()),
                false => verdicts.next().expect("one for each that is not verified"),
            })
            .collect();
        let pairs = prepared.into_iter().zip(verdicts);
        pairs
            .map(|(prepared, verdict)| verdict.and_then(|()| prepared.check_max_fee()))
            .collect()
    }

    fn scripts(&self) -> Scripts<'_> {
        Scripts {
            transaction: &self.candidate.transaction,
            spent_outputs: &self.candidate.spent_outputs,
            block_flags: self.flags,
            has_stake: self.has_stake,
        }
    }

    fn check_max_fee(self) -> Result<Verified, Rejected> {
        if let Some(limit) = self.options.max_fee_rate {
            let cost = &self.candidate.cost;
            let (fee_sat, limit_sat) = (cost.fee.sat(), limit.fee_for(cost.vsize));
            if fee_sat > limit_sat {
                return Err(Rejected::MaxFeeExceeded { fee_sat, limit_sat });
            }
        }
        Ok(Verified(self))
    }
}

impl Prepared {
    pub(crate) fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    pub(crate) fn candidate_mut(&mut self) -> &mut Candidate {
        &mut self.candidate
    }

    /// What would be answered if it were admitted without replacing anything.
    pub(crate) fn would_be(&self) -> Accepted {
        Accepted::of(&self.candidate, Vec::new())
    }
}

impl Verified {
    /// Returns the transaction.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        self.0.transaction()
    }

    /// The candidate, the flags that it was verified with, and when it came.
    pub(crate) fn into_parts(self, now: u64) -> (Candidate, Flags, u64) {
        let Prepared {
            candidate,
            flags,
            options,
            ..
        } = self.0;
        (candidate, flags, options.arrived_at.unwrap_or(now))
    }
}
