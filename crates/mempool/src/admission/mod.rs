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
mod stages;
mod standard;
mod together;
mod truc;

pub(crate) use candidate::{Candidate, Scene};
pub(crate) use fees::check_fee;
pub(crate) use stages::Mode;
pub use stages::{Prepared, Verified};
pub(crate) use truc::check_package as check_truc_package;

use std::sync::Arc;

use synod_ledger::{CoinsView, MedianTimes, Rules, SignatureCache};
use synod_primitives::{Amount, Height, Transaction, Txid, Wtxid};
use synod_script::Flags;

use crate::entry::{Arrival, Content, Entry};
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
        Ok(Accepted::of(&verified.0.candidate, replaced))
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
            has_stake: scene.context.rules.stake.is_some(),
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
        let replaced = removed.iter().map(Entry::txid).collect();
        let accepted = Accepted::of(candidate, replaced);
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

impl Accepted {
    fn of(candidate: &Candidate, replaced: Vec<Txid>) -> Self {
        Self {
            txid: candidate.transaction.txid(),
            wtxid: candidate.transaction.wtxid(),
            fee: candidate.cost.fee,
            vsize: candidate.cost.vsize,
            replaced,
        }
    }
}
