//! Admitting many transactions whose scripts are verified at once.

use std::collections::BTreeSet;

use synod_primitives::{Transaction, Txid, Wtxid};
use synod_script::Flags;

use super::{Context, Mode, Options, Prepared, Scene, Verified};
use crate::entry::Entry;
use crate::event::Removal;
use crate::graph::Slots;
use crate::pool::Mempool;
use crate::rejected::Rejected;

impl Mempool {
    /// Admits transactions in order, and verifies their scripts when all are here: so that can
    /// be done for all at once although some spend from others. Whoever fails goes again, with
    /// its descendants. Answers which were not admitted.
    ///
    /// Security: nobody sees the mempool before this returns.
    pub(crate) fn admit_and_verify<'t>(
        &mut self,
        transactions: impl Iterator<Item = (&'t Transaction, Options)>,
        (context, mode): (&Context<'_>, Mode),
        verify: impl FnOnce(Vec<Prepared>) -> Vec<Result<Verified, Rejected>>,
    ) -> BTreeSet<Txid> {
        let mut refused = BTreeSet::new();
        let mut unverified = Vec::new();
        for (transaction, options) in transactions {
            let scene = Scene {
                mempool: self,
                context,
                mode,
                package: &[],
            };
            let Ok(prepared) = self.prepare_in(&scene, transaction, options) else {
                refused.insert(transaction.txid());
                continue;
            };
            let arrived_at = options.arrived_at.unwrap_or(context.now);
            // Consensus: nothing counts as verified before it is.
            let flags = if prepared.is_verified {
                prepared.flags
            } else {
                Flags::NONE
            };
            self.finalize(&prepared.candidate, flags, arrived_at);
            if !prepared.is_verified {
                unverified.push(prepared);
            }
            if !mode.bypasses_limits {
                self.enforce_limits(context.now);
            }
        }
        let ids: Vec<Wtxid> = unverified
            .iter()
            .map(|it| it.transaction().wtxid())
            .collect();
        for Verified(prepared) in verify(unverified).into_iter().flatten() {
            if let Some(slot) = self.graph.find_wtxid(&prepared.transaction().wtxid()) {
                self.graph.set_verified(slot, prepared.flags);
            }
        }
        let here = ids.iter().filter_map(|wtxid| self.graph.find_wtxid(wtxid));
        let failed: Slots = here
            .filter(|slot| self.graph.entry(*slot).content.verified == Flags::NONE)
            .collect();
        let removed = self.remove_with_descendants(failed, Removal::Reorg);
        refused.extend(removed.iter().map(Entry::txid));
        refused
    }
}
