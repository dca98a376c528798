//! Topologically restricted until confirmation: version 3 transactions have at most one
//! unconfirmed parent or child, so nobody can pin them with a large tail (BIP431, attack
//! catalogue M01).

use synod_primitives::{Transaction, Txid};

use super::candidate::{Candidate, Scene};
use crate::entry::Entry;
use crate::graph::{Slot, Slots};
use crate::policy::{TRUC_CHILD_MAX_VSIZE, TRUC_MAX_VSIZE, TRUC_VERSION};
use crate::pool::Mempool;
use crate::rejected::TrucViolation;

/// The most entries of a chain of version 3, itself included.
const CHAIN_LIMIT: usize = 2;

/// Checks a transaction by itself. Answers with its parent's other child when that is to be
/// replaced for it.
pub(super) fn check_single(
    scene: &Scene<'_>,
    candidate: &Candidate,
) -> Result<Option<Slot>, TrucViolation> {
    let mempool = scene.mempool;
    check_versions(mempool, &candidate.transaction, &candidate.ancestors)?;
    if !is_truc(&candidate.transaction) {
        return Ok(None);
    }
    let vsize = candidate.cost.vsize;
    check_size(vsize, TRUC_MAX_VSIZE)?;
    if candidate.ancestors.len() + 1 > CHAIN_LIMIT {
        return Err(TrucViolation::TooManyAncestors);
    }
    let Some(parent) = candidate.ancestors.first() else {
        return Ok(None);
    };
    check_size(vsize, TRUC_CHILD_MAX_VSIZE)?;
    let parent = mempool.graph.entry(*parent);
    let is_full = parent.descendants.count + 1 > CHAIN_LIMIT as u64;
    let frees_place = parent
        .children
        .iter()
        .any(|child| candidate.conflicts.contains(child));
    if !is_full || frees_place {
        return Ok(None);
    }
    match only_child(mempool, parent) {
        Some(sibling) if scene.mode.may_evict_sibling => Ok(Some(sibling)),
        _ => Err(TrucViolation::TooManyDescendants {
            parent: parent.txid(),
        }),
    }
}

/// After a reorganisation an entry may have more relatives than the rules allow; then it is not
/// clear which of them should go.
fn only_child(mempool: &Mempool, parent: &Entry) -> Option<Slot> {
    let [child] = parent.children.as_slice() else {
        return None;
    };
    let is_pair = parent.descendants.count == CHAIN_LIMIT as u64
        && mempool.graph.entry(*child).ancestors.count == CHAIN_LIMIT as u64;
    is_pair.then_some(*child)
}

fn is_truc(transaction: &Transaction) -> bool {
    transaction.version() == TRUC_VERSION
}

fn check_versions(
    mempool: &Mempool,
    transaction: &Transaction,
    ancestors: &Slots,
) -> Result<(), TrucViolation> {
    for ancestor in ancestors {
        let ancestor = mempool.graph.entry(*ancestor);
        if is_truc(transaction) != is_truc(ancestor.transaction()) {
            return Err(TrucViolation::MixedVersions {
                parent: ancestor.txid(),
            });
        }
    }
    Ok(())
}

fn check_size(vsize: u64, limit: u64) -> Result<(), TrucViolation> {
    if vsize > limit {
        Err(TrucViolation::TooLarge { vsize, limit })
    } else {
        Ok(())
    }
}

/// Checks a transaction among the others of its package, which stands in order (Core:
/// `PackageTRUCChecks`).
pub(crate) fn check_package(
    mempool: &Mempool,
    candidate: &Candidate,
    package: &[Transaction],
) -> Result<(), TrucViolation> {
    let transaction = &candidate.transaction;
    let spends = |child: &Transaction, parent: Txid| {
        child
            .inputs()
            .iter()
            .any(|input| input.prevout.txid == parent)
    };
    let before = package
        .iter()
        .take_while(|other| other.txid() != transaction.txid());
    let parents: Vec<&Transaction> = before
        .filter(|other| spends(transaction, other.txid()))
        .collect();
    for parent in &parents {
        if is_truc(transaction) != is_truc(parent) {
            return Err(TrucViolation::MixedVersions {
                parent: parent.txid(),
            });
        }
    }
    check_versions(mempool, transaction, &candidate.ancestors)?;
    if !is_truc(transaction) {
        return Ok(());
    }
    check_size(candidate.cost.vsize, TRUC_MAX_VSIZE)?;
    if candidate.ancestors.len() + parents.len() + 1 > CHAIN_LIMIT {
        return Err(TrucViolation::TooManyAncestors);
    }
    let in_pool = candidate
        .ancestors
        .first()
        .map(|slot| mempool.graph.entry(*slot));
    let Some(parent) = in_pool
        .map(Entry::txid)
        .or(parents.first().map(|parent| parent.txid()))
    else {
        return Ok(());
    };
    check_size(candidate.cost.vsize, TRUC_CHILD_MAX_VSIZE)?;
    let has_child = in_pool.is_some_and(|parent| parent.descendants.count > 1);
    let mut others = package
        .iter()
        .filter(|other| other.txid() != transaction.txid());
    if has_child || others.clone().any(|other| spends(other, parent)) {
        return Err(TrucViolation::TooManyDescendants { parent });
    }
    if others.any(|other| spends(other, transaction.txid())) {
        return Err(TrucViolation::TooManyAncestors);
    }
    Ok(())
}
