//! Limits on chains of unconfirmed transactions, with Core's two exceptions.

use super::candidate::{Candidate, Scene};
use crate::graph::Slots;
use crate::policy::{ChainLimits, EXTRA_DESCENDANT_VSIZE_LIMIT, TRUC_VERSION};
use crate::rejected::ChainLimit;

impl Scene<'_> {
    /// Finds all entries that the candidate depends on, within the limits.
    pub(super) fn find_ancestors(&self, candidate: &Candidate) -> Result<Slots, ChainLimit> {
        let graph = &self.mempool.graph;
        let parents = graph.parents_of(&candidate.transaction);
        let vsize = candidate.cost.vsize;
        let limits = self.limits(candidate);
        let found = graph.ancestors_within(parents.clone(), (1, vsize), &limits);
        let is_exempt = self.mode.has_carve_outs
            && vsize <= EXTRA_DESCENDANT_VSIZE_LIMIT
            && candidate.transaction.version() != TRUC_VERSION;
        match found {
            Err(error) if is_exempt => {
                // A small second child of one parent may exceed that parent's limits by one:
                // of two parties that share outputs neither can keep the other from adding
                // fees.
                let loose = ChainLimits {
                    ancestor_count: 2,
                    ancestor_vsize: limits.ancestor_vsize,
                    descendant_count: limits.descendant_count + 1,
                    descendant_vsize: limits.descendant_vsize + EXTRA_DESCENDANT_VSIZE_LIMIT,
                };
                graph
                    .ancestors_within(parents, (1, vsize), &loose)
                    .map_err(|_| error)
            }
            found => found,
        }
    }

    /// A transaction that replaces exactly one entry, and that entry's descendants, does not
    /// count beside them.
    fn limits(&self, candidate: &Candidate) -> ChainLimits {
        let mut limits = self.mempool.policy.chain_limits;
        let mut conflicts = candidate.conflicts.iter();
        if let (true, Some(only), None) =
            (self.mode.has_carve_outs, conflicts.next(), conflicts.next())
        {
            limits.descendant_count += 1;
            limits.descendant_vsize += self.mempool.graph.entry(*only).descendants.vsize;
        }
        limits
    }
}
