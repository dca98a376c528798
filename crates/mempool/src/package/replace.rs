//! Replacement by a package of one parent and one child (Core 28: package RBF).

use std::cmp::Ordering;

use super::{PackageError, PackageReplacementError};
use crate::admission::{Accepted, Context, Prepared, Verified};
use crate::entry::Aggregate;
use crate::fee_rate::{FeeRate, Ratio};
use crate::graph::{Slot, Slots};
use crate::pool::Mempool;

impl Mempool {
    /// Checks limits on chains, and finds what the package replaces; the first member is then
    /// the one that replaces all of it.
    pub(super) fn plan_package(
        &self,
        members: &mut [Prepared],
        sums: &Aggregate,
    ) -> Result<(), PackageError> {
        self.check_package_limits(members, sums)?;
        let conflicts: Slots = members
            .iter()
            .flat_map(|member| member.candidate().conflicts.iter().copied())
            .collect();
        if conflicts.is_empty() {
            return Ok(());
        }
        let replaced = self.check_replacement(members, sums, &conflicts)?;
        if let Some(first) = members.first_mut() {
            first.candidate_mut().replaced = replaced;
        }
        Ok(())
    }

    fn check_replacement(
        &self,
        members: &[Prepared],
        sums: &Aggregate,
        conflicts: &Slots,
    ) -> Result<Slots, PackageReplacementError> {
        let [parent, child] = members else {
            return Err(PackageReplacementError::NotOneParentOneChild);
        };
        let parent_txid = parent.transaction().txid();
        let mut inputs = child.transaction().inputs().iter();
        if !inputs.any(|input| input.prevout.txid == parent_txid) {
            return Err(PackageReplacementError::NotOneParentOneChild);
        }
        if members
            .iter()
            .any(|member| !member.candidate().ancestors.is_empty())
        {
            return Err(PackageReplacementError::HasAncestors);
        }
        let replaced = self
            .replaced_by(conflicts)
            .map_err(PackageReplacementError::TooMany)?;
        self.check_pays_for(&replaced, sums.fees_sat, sums.vsize, false)
            .map_err(PackageReplacementError::InsufficientFee)?;
        let parent = &parent.candidate().cost;
        let parent_rate = FeeRate::of(i128::from(parent.modified_fee_sat()), parent.vsize);
        if sums.ratio().rate() <= parent_rate {
            return Err(PackageReplacementError::ChildDoesNotPay);
        }
        self.check_diagram(sums, conflicts, &replaced)?;
        Ok(replaced)
    }

    /// Checks that blocks of every size earn no less with the package than with what it
    /// replaces, and blocks of some size more (Core: `ImprovesFeerateDiagram`).
    fn check_diagram(
        &self,
        sums: &Aggregate,
        conflicts: &Slots,
        replaced: &Slots,
    ) -> Result<(), PackageReplacementError> {
        if !conflicts.iter().all(|slot| self.is_at_most_a_pair(*slot)) {
            return Err(PackageReplacementError::UnsupportedTopology);
        }
        let old: Vec<Ratio> = replaced
            .iter()
            .flat_map(|slot| self.chunks_of(*slot))
            .collect();
        let kept = conflicts.iter().filter_map(|slot| {
            let parent = self.graph.entry(*slot).parents.first()?;
            let is_kept = !replaced.contains(parent);
            is_kept.then(|| self.graph.entry(*parent).cost().ratio())
        });
        let mut new: Vec<Ratio> = kept.collect();
        new.push(sums.ratio());
        match is_improvement(old, new) {
            true => Ok(()),
            false => Err(PackageReplacementError::NoBetterDiagram),
        }
    }

    /// Says whether an entry hangs together with no other, or with one that hangs together
    /// with no third.
    fn is_at_most_a_pair(&self, slot: Slot) -> bool {
        let entry = self.graph.entry(slot);
        match (entry.ancestors.count, entry.descendants.count) {
            (1, 1) => true,
            (1, 2) => self.graph.entry(entry.children[0]).ancestors.count == 2,
            (2, 1) => self.graph.entry(entry.parents[0]).descendants.count == 2,
            _ => false,
        }
    }

    /// The pieces in which blocks take an entry and its parent, named at the child.
    fn chunks_of(&self, slot: Slot) -> Vec<Ratio> {
        let entry = self.graph.entry(slot);
        let own = entry.cost().ratio();
        let both = entry.ancestors.ratio();
        match entry.parents.as_slice() {
            _ if !entry.children.is_empty() => Vec::new(),
            [] => vec![own],
            _ if own > both => vec![both],
            _ => {
                let parent = i128::from(both.fee_sat) - i128::from(own.fee_sat);
                let parent = Ratio::new(parent, both.vsize - own.vsize);
                vec![parent, own]
            }
        }
    }

    /// Admits a member whose plan was made for the whole package.
    pub(super) fn insert_planned(&mut self, member: Verified, context: &Context<'_>) -> Accepted {
        let (candidate, flags, arrived_at) = member.into_parts(context.now);
        self.finalize(&candidate, flags, arrived_at)
    }
}

/// Says whether the new chunks earn more than the old at some size of block, and less at none.
fn is_improvement(mut old: Vec<Ratio>, mut new: Vec<Ratio>) -> bool {
    for chunks in [&mut old, &mut new] {
        chunks.sort_by(|left, right| right.cmp(left));
    }
    let sizes = [&old, &new].into_iter().flat_map(|chunks| {
        chunks.iter().scan(0, |size, chunk| {
            *size += chunk.vsize;
            Some(*size)
        })
    });
    let mut is_better = false;
    for size in sizes {
        // Both are straight between these sizes, so nothing else need be compared.
        match compare(earned(&new, size), earned(&old, size)) {
            Ordering::Less => return false,
            Ordering::Greater => is_better = true,
            Ordering::Equal => {}
        }
    }
    is_better
}

/// An amount in satoshis: a numerator and a denominator that is at least 1.
type Fraction = (i128, i128);

/// What a block of `size` vbytes earns from the chunks, of the last one perhaps a part.
fn earned(chunks: &[Ratio], size: u64) -> Fraction {
    let mut left = size;
    let mut whole = 0;
    for chunk in chunks {
        let (fee, vsize) = (i128::from(chunk.fee_sat), i128::from(chunk.vsize));
        if chunk.vsize > left {
            return (whole * vsize + fee * i128::from(left), vsize);
        }
        left -= chunk.vsize;
        whole += fee;
    }
    (whole, 1)
}

/// Correctness: at most 100 chunks are replaced, each of 64 bits and below 2^22 vbytes, so no
/// product reaches 2^127.
fn compare(left: Fraction, right: Fraction) -> Ordering {
    (left.0 * right.1).cmp(&(right.0 * left.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(list: &[(i128, u64)]) -> Vec<Ratio> {
        list.iter()
            .map(|(fee, size)| Ratio::new(*fee, *size))
            .collect()
    }

    #[test]
    fn a_diagram_is_better_only_if_it_is_worse_nowhere() {
        let better = |old: &[_], new: &[_]| is_improvement(chunks(old), chunks(new));
        assert!(better(&[(100, 100)], &[(101, 100)]));
        assert!(!better(&[(100, 100)], &[(100, 100)]));
        assert!(
            !better(&[(100, 100)], &[(150, 200)]),
            "less for a block of 100"
        );
        assert!(better(&[(100, 100)], &[(200, 200)]));
        assert!(better(&[(50, 100), (100, 100)], &[(100, 100), (51, 100)]));
        assert!(
            !better(&[(100, 100), (10, 100)], &[(105, 100)]),
            "less for a block of 200"
        );
        assert!(better(&[], &[(1, 100)]));
    }
}
