//! Admission: everything that a transaction goes through before it is an entry.
//!
//! The checks run in Core's order, the cheap ones first and scripts last (attack catalogue
//! M15), so that the same transaction is refused with the same code.

mod candidate;
mod chain_limits;
mod fees;
mod inputs;
mod replacement;
mod scripts;
mod standard;
mod truc;

pub(crate) use candidate::{Candidate, Scene};
pub(crate) use fees::check_fee;
pub(crate) use truc::check_package as check_truc_package;

use std::sync::Arc;

use synod_ledger::{CoinsView, MedianTimes, Rules, SignatureCache};
use synod_primitives::{Amount, Height, Transaction, Txid, Wtxid};
use synod_script::Flags;

use crate::entry::{Arrival, Content};
use crate::event::Removal;
use crate::fee_rate::FeeRate;
use crate::graph::{Slot, Slots};
use crate::pool::Mempool;
use crate::rejected::Rejected;

/// The chain on top of which a transaction is to be confirmed, and the time.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The height of the next block.
    pub next_height: Height,
    /// The median time of the tip and the ten blocks before it.
    pub tip_median_time: u32,
    /// The median times of all blocks of the chain.
    pub times: &'a dyn MedianTimes,
    /// The coins of the tip; those that [`Mempool::wanted_coins`] names have been fetched.
    pub coins: &'a dyn CoinsView,
    /// The ledger's rules.
    pub rules: &'a Rules,
    /// Seconds since 1970.
    pub now: u64,
}

/// What the sender of a transaction wants to be done differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Refuses the transaction when its fee rate is higher.
    pub max_fee_rate: Option<FeeRate>,
    /// When it came, in seconds since 1970, if not now: for transactions that were saved.
    pub arrived_at: Option<u64>,
}

/// A transaction that was admitted, or would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Its id.
    pub txid: Txid,
    /// Its id with witness.
    pub wtxid: Wtxid,
    /// Its fee.
    pub fee: Amount,
    /// Its virtual size in vbytes, signature operations considered.
    pub vsize: u64,
    /// The entries that it replaces.
    pub replaced: Vec<Txid>,
}

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
    candidate: Candidate,
    mode: Mode,
    options: Options,
    /// The flags of the next block.
    flags: Flags,
    /// Whether its scripts were verified with these flags before.
    is_verified: bool,
    /// The mempool's generation that the checks were made in.
    generation: u64,
}

/// A transaction of which everything held when it was prepared, its scripts included.
#[derive(Clone, Debug)]
pub struct Verified(Prepared);

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
            let Candidate {
                transaction,
                spent_outputs,
                ..
            } = &self.candidate;
            scripts::verify(transaction, spent_outputs, self.flags)?;
        }
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
        accepted(&self.candidate, Vec::new())
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

impl Mempool {
    /// Admits a transaction: [`Mempool::prepare`], [`Prepared::verify`] and
    /// [`Mempool::insert`] in a row.
    ///
    /// # Errors
    /// The first rule that is broken, in Core's order. [`Rejected::is_known`] says that the
    /// same transaction is here already; [`Rejected::missing_parents`] that it may be an
    /// orphan.
    pub fn accept(
        &mut self,
        transaction: &Transaction,
        context: &Context<'_>,
        options: Options,
    ) -> Result<Accepted, Rejected> {
        let verified = self.prepare(transaction, context, options)?.verify()?;
        self.insert(verified, context)
    }

    /// Checks a transaction as [`Mempool::accept`] does, and changes nothing.
    ///
    /// # Errors
    /// As [`Mempool::accept`], apart from [`Rejected::MempoolFull`].
    pub fn test_accept(
        &self,
        transaction: &Transaction,
        context: &Context<'_>,
        options: Options,
    ) -> Result<Accepted, Rejected> {
        let verified = self.prepare(transaction, context, options)?.verify()?;
        let replaced = self.txids_of(&verified.0.candidate.replaced);
        Ok(accepted(&verified.0.candidate, replaced))
    }

    /// Checks everything but scripts.
    ///
    /// The caller has fetched the coins that [`Mempool::wanted_coins`] names.
    ///
    /// # Errors
    /// The first rule that is broken, in Core's order.
    pub fn prepare(
        &self,
        transaction: &Transaction,
        context: &Context<'_>,
        options: Options,
    ) -> Result<Prepared, Rejected> {
        let scene = Scene {
            mempool: self,
            context,
            mode: Mode::SINGLE,
            package: &[],
        };
        self.prepare_in(&scene, transaction, options)
    }

    pub(crate) fn prepare_in(
        &self,
        scene: &Scene<'_>,
        transaction: &Transaction,
        options: Options,
    ) -> Result<Prepared, Rejected> {
        let mut candidate = scene.check(transaction)?;
        if !scene.mode.has_package_fees {
            self.plan_replacement(&mut candidate)?;
        }
        let flags = scene.context.rules.script_flags(scene.context.next_height);
        Ok(Prepared {
            is_verified: self.is_verified(&transaction.wtxid(), flags),
            candidate,
            mode: scene.mode,
            options,
            flags,
            generation: self.generation(),
        })
    }

    /// Admits a transaction whose scripts were verified.
    ///
    /// When the mempool or the tip has changed since it was prepared, all checks but those of
    /// scripts are made again; these too when the next block has other flags.
    ///
    /// # Errors
    /// As [`Mempool::prepare`]; [`Rejected::MempoolFull`] when it does not pay enough to stay.
    pub fn insert(
        &mut self,
        verified: Verified,
        context: &Context<'_>,
    ) -> Result<Accepted, Rejected> {
        let prepared = self.refresh(verified.0, context)?;
        let mode = prepared.mode;
        let (candidate, flags, arrived_at) = Verified(prepared).into_parts(context.now);
        let wtxid = candidate.transaction.wtxid();
        let accepted = self.finalize(&candidate, flags, arrived_at);
        if !mode.bypasses_limits && !mode.trims_later {
            self.enforce_limits(context.now);
        }
        self.debug_check();
        let is_here = self.graph.find_wtxid(&wtxid).is_some();
        if is_here {
            Ok(accepted)
        } else {
            Err(Rejected::MempoolFull)
        }
    }

    /// Correctness: what was found of the mempool holds for one generation only; what was found
    /// of the scripts holds for ever, as the ids of what they depend on are in the transaction.
    fn refresh(&self, prepared: Prepared, context: &Context<'_>) -> Result<Prepared, Rejected> {
        if prepared.generation == self.generation() {
            return Ok(prepared);
        }
        let scene = Scene {
            mempool: self,
            context,
            mode: prepared.mode,
            package: &[],
        };
        let mut again =
            self.prepare_in(&scene, &prepared.candidate.transaction, prepared.options)?;
        again.is_verified |= again.flags == prepared.flags;
        Ok(again.verify()?.0)
    }

    /// Makes a candidate an entry, in the place of those that it replaces.
    pub(crate) fn finalize(
        &mut self,
        candidate: &Candidate,
        flags: Flags,
        arrived_at: u64,
    ) -> Accepted {
        let txid = candidate.transaction.txid();
        let replaced = candidate.replaced.clone();
        let removed = self.remove_with_descendants(replaced, Removal::Replaced { by: txid });
        let replaced = removed.iter().map(crate::entry::Entry::txid).collect();
        let accepted = accepted(candidate, replaced);
        self.add_entry(candidate, flags, arrived_at);
        accepted
    }

    fn add_entry(&mut self, candidate: &Candidate, flags: Flags, arrived_at: u64) -> Slot {
        let ancestors = self
            .graph
            .with_ancestors(self.graph.parents_of(&candidate.transaction));
        let content = Content {
            transaction: Arc::clone(&candidate.transaction),
            cost: candidate.cost,
            facts: candidate.facts,
            verified: flags,
        };
        let arrival = Arrival {
            time: arrived_at,
            sequence: self.take_sequence(),
        };
        let slot = self.graph.insert(content, arrival, &ancestors);
        self.emit_added(slot);
        slot
    }

    /// The ids of entries, in the order in which they are removed.
    fn txids_of(&self, slots: &Slots) -> Vec<Txid> {
        let sorted = self.graph.sorted(slots).into_iter().rev();
        sorted.map(|slot| self.graph.entry(slot).txid()).collect()
    }
}

fn accepted(candidate: &Candidate, replaced: Vec<Txid>) -> Accepted {
    Accepted {
        txid: candidate.transaction.txid(),
        wtxid: candidate.transaction.wtxid(),
        fee: candidate.cost.fee,
        vsize: candidate.cost.vsize,
        replaced,
    }
}
