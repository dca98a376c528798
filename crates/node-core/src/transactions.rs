//! What a node does with transactions that it is given.

use rayon::prelude::*;
use synod_mempool::{
    self as mempool, Class, MemberResult, Mempool, Options, PeerId, Prepared, Rejected, Restored,
    SavedMempool, Verified,
};
use synod_primitives::{Transaction, Txid};

use crate::chain::Chain;
use crate::node::{Node, context, read, write};
use crate::storage::StorageError;
use crate::waiting::CLIENTS;

/// So many transactions at least are verified together where there are more.
const MIN_VERIFIED_TOGETHER: usize = 8;

/// A transaction that somebody sent.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The transaction.
    pub transaction: Transaction,
    /// What its sender wants to be done differently.
    pub options: Options,
    /// Who sent it.
    pub from: PeerId,
}

/// What came of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It is in the mempool now.
    Accepted(mempool::Accepted),
    /// It is held in memory until its parents come, for 20 minutes at most.
    Held(Rejected),
    /// It is refused.
    Rejected(Rejected),
}

impl Node {
    /// Submits transactions to the mempool, in order; scripts are verified on all threads.
    /// Orphans that waited for one of them are admitted after it.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn submit_transactions(
        &mut self,
        offers: &[Offer],
        now: u64,
    ) -> Result<Vec<Admission>, StorageError> {
        let results = self.admit(offers, now)?;
        let mut admitted = Vec::new();
        let mut admissions = Vec::with_capacity(results.len());
        for (offer, result) in offers.iter().zip(results) {
            admissions.push(match result {
                Ok(accepted) => {
                    admitted.push(accepted.txid);
                    Admission::Accepted(accepted)
                }
                Err(rejected) => self.remember(offer, rejected, now, &mut admitted),
            });
        }
        self.adopt_children(admitted, now)?;
        self.note_mempool_events();
        Ok(admissions)
    }

    /// Admits what can be admitted as it stands.
    fn admit(
        &mut self,
        offers: &[Offer],
        now: u64,
    ) -> Result<Vec<Result<mempool::Accepted, Rejected>>, StorageError> {
        self.fetch_for(offers.iter().map(|it| &it.transaction))?;
        let context = context(&self.chain, now);
        let mut results: Vec<Option<Result<mempool::Accepted, Rejected>>> = Vec::new();
        let mut prepared = Vec::new();
        let mut places = Vec::new();
        {
            let mempool = read(&self.mempool);
            let waiting = read(&self.waiting);
            for (index, offer) in offers.iter().enumerate() {
                let wtxid = offer.transaction.wtxid();
                results.push(None);
                // Attack catalogue M15: scripts that failed are not run again.
                if let Some(known) = waiting.refused.failed_scripts(&wtxid) {
                    results[index] = Some(Err(known));
                    continue;
                }
                match mempool.prepare(&offer.transaction, &context, offer.options) {
                    Ok(step) => {
                        prepared.push(step);
                        places.push(index);
                    }
                    // A parent may stand before it in the same list.
                    Err(error) if error.missing_parents().is_some() => {}
                    Err(error) => results[index] = Some(Err(error)),
                }
            }
        }
        for (index, verified) in places.into_iter().zip(verify_all(&self.chain, prepared)) {
            let inserted = verified.and_then(|it| write(&self.mempool).insert(it, &context));
            results[index] = Some(inserted);
        }
        let finished = results.into_iter().zip(offers).map(|(result, offer)| {
            result.unwrap_or_else(|| {
                write(&self.mempool).accept(&offer.transaction, &context, offer.options)
            })
        });
        Ok(finished.collect())
    }

    /// Decides what is kept of a transaction that was not admitted.
    fn remember(
        &self,
        offer: &Offer,
        rejected: Rejected,
        now: u64,
        admitted: &mut Vec<Txid>,
    ) -> Admission {
        match rejected.class() {
            Class::MissingInputs => self.hold(offer, rejected, now, admitted),
            Class::Reconsiderable if offer.from != CLIENTS => {
                self.pair_with_child(offer, rejected, now, admitted)
            }
            // A witness can be changed by whoever relays it, and what conflicts may be gone soon.
            Class::Witness | Class::Conflict | Class::Reconsiderable => {
                Admission::Rejected(rejected)
            }
            Class::Consensus | Class::Policy | Class::Premature => {
                let mut waiting = write(&self.waiting);
                waiting
                    .refused
                    .insert(offer.transaction.wtxid(), rejected.clone());
                Admission::Rejected(rejected)
            }
        }
    }

    /// Holds an orphan, or admits it together with the one parent that pays too little alone.
    fn hold(
        &self,
        offer: &Offer,
        rejected: Rejected,
        now: u64,
        admitted: &mut Vec<Txid>,
    ) -> Admission {
        if let Some([parent]) = rejected.missing_parents() {
            let parent = read(&self.waiting).underpaid.find_by_txid(parent).cloned();
            if let Some(parent) = parent.filter(|_| offer.from != CLIENTS) {
                let pair = [Transaction::clone(&parent), offer.transaction.clone()];
                let [_, child] = self.submit_pair(&pair, now, admitted);
                if let Some(accepted) = child {
                    write(&self.waiting).underpaid.remove(&parent.wtxid());
                    return Admission::Accepted(accepted);
                }
            }
        }
        let mut waiting = write(&self.waiting);
        if waiting.orphans.add(&offer.transaction, offer.from, now) {
            Admission::Held(rejected)
        } else {
            Admission::Rejected(rejected)
        }
    }

    /// Admits a transaction that pays too little alone together with an orphan that spends it.
    ///
    /// Security: one package is tried each time that it is sent, so a flood of children costs
    /// what a flood of transactions costs.
    fn pair_with_child(
        &self,
        offer: &Offer,
        rejected: Rejected,
        now: u64,
        admitted: &mut Vec<Txid>,
    ) -> Admission {
        let parent = &offer.transaction;
        let children = read(&self.waiting).orphans.children_of(&parent.txid());
        if let Some((child, _)) = children.last() {
            let pair = [parent.clone(), Transaction::clone(child)];
            let [accepted, paying] = self.submit_pair(&pair, now, admitted);
            if paying.is_some() {
                write(&self.waiting).orphans.remove(&child.wtxid());
            }
            if let Some(accepted) = accepted {
                return Admission::Accepted(accepted);
            }
        }
        write(&self.waiting).underpaid.add(parent, offer.from, now);
        Admission::Rejected(rejected)
    }

    /// Submits one parent with one child; their coins have been fetched one by one before.
    fn submit_pair(
        &self,
        pair: &[Transaction; 2],
        now: u64,
        admitted: &mut Vec<Txid>,
    ) -> [Option<mempool::Accepted>; 2] {
        let context = context(&self.chain, now);
        let result = write(&self.mempool).accept_package(pair, &context, Options::default());
        let mut members = result.members.into_iter().map(|member| match member {
            MemberResult::Accepted { accepted, .. } => {
                admitted.push(accepted.txid);
                Some(accepted)
            }
            _ => None,
        });
        [members.next().flatten(), members.next().flatten()]
    }

    /// Admits orphans that spend from transactions that are known now, and those that spend from
    /// them.
    ///
    /// Correctness: an orphan is admitted once and then no orphan any more, so this ends.
    pub(crate) fn adopt_children(
        &mut self,
        mut parents: Vec<Txid>,
        now: u64,
    ) -> Result<(), StorageError> {
        while let Some(parent) = parents.pop() {
            let children = read(&self.waiting).orphans.children_of(&parent);
            if children.is_empty() {
                continue;
            }
            let offers: Vec<Offer> = children
                .into_iter()
                .map(|(child, from)| Offer {
                    transaction: Transaction::clone(&child),
                    options: Options::default(),
                    from,
                })
                .collect();
            let results = self.admit(&offers, now)?;
            let mut waiting = write(&self.waiting);
            for (offer, result) in offers.iter().zip(results) {
                let wtxid = offer.transaction.wtxid();
                match result {
                    Ok(accepted) => parents.push(accepted.txid),
                    // Another parent is missing still: it waits on, for no longer than before.
                    Err(error) if error.missing_parents().is_some() => continue,
                    Err(_) => {}
                }
                waiting.orphans.remove(&wtxid);
            }
        }
        Ok(())
    }

    /// Checks a transaction as submitting it would, and changes nothing.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn test_transaction(
        &mut self,
        transaction: &Transaction,
        options: Options,
        now: u64,
    ) -> Result<Result<mempool::Accepted, Rejected>, StorageError> {
        self.fetch_for(std::iter::once(transaction))?;
        let context = context(&self.chain, now);
        Ok(read(&self.mempool).test_accept(transaction, &context, options))
    }

    /// Submits a package: parents and the child that pays for them.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn submit_package(
        &mut self,
        transactions: &[Transaction],
        options: Options,
        now: u64,
    ) -> Result<mempool::PackageResult, StorageError> {
        self.fetch_for(transactions.iter())?;
        let context = context(&self.chain, now);
        let result = write(&self.mempool).accept_package(transactions, &context, options);
        let admitted = result.members.iter().filter_map(|member| match member {
            MemberResult::Accepted { accepted, .. } => Some(accepted.txid),
            _ => None,
        });
        self.adopt_children(admitted.collect(), now)?;
        self.note_mempool_events();
        Ok(result)
    }

    /// Takes back a part of a saved mempool; scripts are verified on all threads. The parts of
    /// one file come in its order.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn restore_mempool(
        &mut self,
        saved: &SavedMempool,
        now: u64,
    ) -> Result<Restored, StorageError> {
        self.fetch_for(saved.transactions.iter().map(|it| &*it.transaction))?;
        let context = context(&self.chain, now);
        let restored = write(&self.mempool).restore_with(saved, &context, |prepared| {
            verify_all(&self.chain, prepared)
        });
        self.note_mempool_events();
        Ok(restored)
    }

    /// Drops what waited too long, in the mempool and beside it; `now` in seconds since 1970.
    pub fn expire(&mut self, now: u64) {
        write(&self.mempool).enforce_limits(now);
        write(&self.waiting).expire(now);
        self.note_mempool_events();
    }

    /// Adds to what the operator adds to a transaction's fee when transactions are compared, in
    /// satoshis; returns the sum of what was added so far.
    ///
    /// # Errors
    /// The fees of too many transactions are changed.
    pub fn prioritise(
        &mut self,
        txid: Txid,
        delta_sat: i64,
    ) -> Result<i64, mempool::TooManyFeeDeltas> {
        write(&self.mempool).prioritise(txid, delta_sat)
    }
}

/// Verifies the scripts of prepared transactions, on all threads when that is worth it; the
/// results are in their order.
pub(crate) fn verify_all(
    chain: &Chain,
    prepared: Vec<Prepared>,
) -> Vec<Result<Verified, Rejected>> {
    let threads = chain.settings.threads;
    if prepared.len() < 2 || threads < 2 {
        return Prepared::verify_together(prepared);
    }
    // Several parts for each thread, as some transactions take far longer than others; not so
    // small that nothing is left to judge together.
    let part = prepared
        .len()
        .div_ceil(threads * 4)
        .max(MIN_VERIFIED_TOGETHER);
    let mut rest = prepared;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let after = rest.split_off(part.min(rest.len()));
        parts.push(std::mem::replace(&mut rest, after));
    }
    let verified = || {
        parts
            .into_par_iter()
            .flat_map_iter(Prepared::verify_together)
    };
    chain.pool.install(|| verified().collect())
}

/// A mempool that a reorganisation is worked out on while readers see the one before.
pub(crate) fn copy_of(mempool: &std::sync::RwLock<Mempool>) -> Mempool {
    read(mempool).clone()
}
