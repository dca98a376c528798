//! Replacing entries by a transaction that pays more (BIP125's rules as Core 28 applies them).

use std::collections::BTreeSet;

use synod_primitives::{Transaction, Txid};

use super::candidate::Candidate;
use crate::fee_rate::FeeRate;
use crate::graph::Slots;
use crate::policy::MAX_REPLACEMENT_CANDIDATES;
use crate::pool::Mempool;
use crate::rejected::{InsufficientFee, Rejected};

impl Mempool {
    /// Finds what a candidate would replace, and checks that it may (Core:
    /// `ReplacementChecks`).
    pub(crate) fn plan_replacement(&self, candidate: &mut Candidate) -> Result<(), Rejected> {
        if candidate.conflicts.is_empty() {
            return Ok(());
        }
        let sibling_eviction = candidate.is_sibling_eviction;
        self.check_rate_above_conflicts(candidate)?;
        let replaced = self.replaced_by(&candidate.conflicts).map_err(|count| {
            let limit = MAX_REPLACEMENT_CANDIDATES;
            Rejected::TooManyReplacements {
                count,
                limit,
                sibling_eviction,
            }
        })?;
        if let Some(input) = self.new_unconfirmed_input(&candidate.transaction, &replaced) {
            return Err(Rejected::ReplacementAddsUnconfirmed {
                input,
                sibling_eviction,
            });
        }
        let fee_sat = i128::from(candidate.cost.modified_fee_sat());
        self.check_pays_for(&replaced, fee_sat, candidate.cost.vsize, sibling_eviction)?;
        candidate.replaced = replaced;
        Ok(())
    }

    /// Rule 6: its rate is above that of each direct conflict, so that blocks prefer it.
    fn check_rate_above_conflicts(&self, candidate: &Candidate) -> Result<(), InsufficientFee> {
        let rate_of = |cost: &crate::entry::Cost| {
            FeeRate::of(i128::from(cost.modified_fee_sat()), cost.vsize)
        };
        let rate = rate_of(&candidate.cost);
        for slot in &candidate.conflicts {
            let conflict = self.graph.entry(*slot);
            let conflict_rate = rate_of(conflict.cost());
            if rate <= conflict_rate {
                return Err(InsufficientFee::Rate {
                    rate,
                    conflict: conflict.txid(),
                    conflict_rate,
                    sibling_eviction: candidate.is_sibling_eviction,
                });
            }
        }
        Ok(())
    }

    /// Rule 5: all that would go with the conflicts, or how many they are when they are too
    /// many. Descendants that conflicts share count for each, so that a transaction with many
    /// conflicts is refused before they are followed.
    pub(crate) fn replaced_by(&self, conflicts: &Slots) -> Result<Slots, u64> {
        let mut count = 0;
        for slot in conflicts {
            count += self.graph.entry(*slot).descendants.count;
            if count > MAX_REPLACEMENT_CANDIDATES {
                return Err(count);
            }
        }
        Ok(self.graph.with_descendants(conflicts.clone()))
    }

    /// Rule 2: the first input whose parent is unconfirmed and was no parent of a replaced
    /// entry.
    fn new_unconfirmed_input(&self, transaction: &Transaction, replaced: &Slots) -> Option<u32> {
        let inputs = replaced
            .iter()
            .flat_map(|slot| self.graph.entry(*slot).transaction().inputs());
        let old_parents: BTreeSet<Txid> = inputs.map(|input| input.prevout.txid).collect();
        let is_new =
            |parent: &Txid| !old_parents.contains(parent) && self.graph.find(parent).is_some();
        let mut inputs = (0..).zip(transaction.inputs());
        inputs
            .find(|(_, input)| is_new(&input.prevout.txid))
            .map(|(index, _)| index)
    }

    /// Rules 3 and 4: it pays no less than all that go, and its own relay on top.
    pub(crate) fn check_pays_for(
        &self,
        replaced: &Slots,
        fee_sat: i128,
        vsize: u64,
        sibling_eviction: bool,
    ) -> Result<(), InsufficientFee> {
        let fees = replaced
            .iter()
            .map(|slot| self.graph.entry(*slot).cost().modified_fee_sat());
        let replaced_sat: i128 = fees.map(i128::from).sum();
        if fee_sat < replaced_sat {
            return Err(InsufficientFee::Total {
                fee_sat,
                replaced_sat,
                sibling_eviction,
            });
        }
        let additional_sat = fee_sat - replaced_sat;
        let required_sat = self.policy.incremental_relay_fee.fee_for(vsize);
        if additional_sat < i128::from(required_sat) {
            return Err(InsufficientFee::Relay {
                additional_sat,
                required_sat,
                sibling_eviction,
            });
        }
        Ok(())
    }
}
