//! Submitting packages (Core: `AcceptPackage`, `AcceptMultipleTransactions`).

use std::collections::BTreeMap;

use synod_primitives::{Transaction, Wtxid};

use super::{
    MemberResult, PackageError, PackageResult, check_child_with_parents, check_well_formed,
};
use crate::admission::{Accepted, Context, Mode, Options, Prepared, Scene};
use crate::admission::{check_fee, check_truc_package};
use crate::entry::{Aggregate, Entry};
use crate::fee_rate::FeeRate;
use crate::pool::Mempool;
use crate::rejected::{ChainLimit, Class, Rejected};

/// What is known of members, by their id with witness.
pub(super) type Results = BTreeMap<Wtxid, MemberResult>;

impl Mempool {
    /// Admits a child, which stands last, with its unconfirmed parents. What is not admitted
    /// by itself for its fee is judged by the fee rate of all such members together.
    ///
    /// The caller has fetched the coins that [`Mempool::wanted_coins`] names for each member.
    /// Members that are valid by themselves stay even when others are refused.
    pub fn accept_package(
        &mut self,
        package: &[Transaction],
        context: &Context<'_>,
        options: Options,
    ) -> PackageResult {
        if let Err(error) = self.check_shape(package, context) {
            return PackageResult::refused(error, package);
        }
        let mut results = Results::new();
        let mut error = None;
        let mut together = Vec::new();
        for transaction in package {
            let result = self.accept_member(transaction, context, options);
            if let MemberResult::Rejected(rejected) = &result {
                match rejected.class() {
                    Class::Reconsiderable | Class::MissingInputs => {
                        together.push(transaction.clone());
                    }
                    _ => error = Some(PackageError::TransactionFailed),
                }
            }
            results.insert(transaction.wtxid(), result);
        }
        if error.is_none() {
            error = self
                .accept_rest(&together, (context, options), &mut results)
                .err();
        }
        self.enforce_limits(context.now);
        error = self.note_evicted(package, &mut results).or(error);
        self.debug_check();
        PackageResult::of(error, package, &results)
    }

    /// Admits what was not admitted by itself. What is alone in that is judged alone once more:
    /// a package's rules would let it replace entries without paying for them.
    fn accept_rest(
        &mut self,
        members: &[Transaction],
        (context, options): (&Context<'_>, Options),
        results: &mut Results,
    ) -> Result<(), PackageError> {
        match members {
            [] => Ok(()),
            [single] => match self.accept_member(single, context, options) {
                MemberResult::Rejected(rejected) => Err(fail(single, rejected, results)),
                result => {
                    results.insert(single.wtxid(), result);
                    Ok(())
                }
            },
            _ => self.accept_together(members, context, options, results),
        }
    }

    fn check_shape(
        &self,
        package: &[Transaction],
        context: &Context<'_>,
    ) -> Result<(), PackageError> {
        check_well_formed(package)?;
        let child = check_child_with_parents(package)?;
        let is_here = |input: &synod_primitives::TxIn| {
            package
                .iter()
                .any(|parent| parent.txid() == input.prevout.txid)
                || context.coins.coin(&input.prevout).is_some()
        };
        match child.inputs().iter().all(is_here) {
            true => Ok(()),
            false => Err(PackageError::NotChildWithUnconfirmedParents),
        }
    }

    fn accept_member(
        &mut self,
        transaction: &Transaction,
        context: &Context<'_>,
        options: Options,
    ) -> MemberResult {
        if let Some(entry) = self.find(&transaction.txid()) {
            return here_before(entry, transaction.wtxid());
        }
        let scene = Scene {
            mempool: self,
            context,
            mode: Mode::MEMBER,
            package: &[],
        };
        let prepared = self.prepare_in(&scene, transaction, options);
        let accepted = prepared
            .and_then(Prepared::verify)
            .and_then(|verified| self.insert(verified, context));
        match accepted {
            Ok(accepted) => MemberResult::alone(accepted),
            Err(rejected) => MemberResult::Rejected(rejected),
        }
    }

    /// Admits members that are not admitted by themselves: all or none.
    fn accept_together(
        &mut self,
        members: &[Transaction],
        context: &Context<'_>,
        options: Options,
        results: &mut Results,
    ) -> Result<(), PackageError> {
        let mut prepared = self.prepare_all(members, (context, Mode::PACKAGE), options, results)?;
        let sums = self.check_together(members, &prepared, context.now, results)?;
        self.plan_package(&mut prepared, &sums)?;
        let mut verified = Vec::new();
        for (prepared, transaction) in prepared.into_iter().zip(members) {
            let member = prepared.verify();
            verified.push(member.map_err(|rejected| fail(transaction, rejected, results))?);
        }
        let rate = sums.ratio().rate();
        let includes: Vec<Wtxid> = members.iter().map(Transaction::wtxid).collect();
        for verified in verified {
            let accepted = self.insert_planned(verified, context);
            results.insert(
                accepted.wtxid,
                MemberResult::Accepted {
                    accepted,
                    effective_fee_rate: rate,
                    effective_includes: includes.clone(),
                },
            );
        }
        Ok(())
    }

    /// Makes all checks but those of scripts; each member sees the outputs of those before.
    pub(super) fn prepare_all(
        &self,
        members: &[Transaction],
        (context, mode): (&Context<'_>, Mode),
        options: Options,
        results: &mut Results,
    ) -> Result<Vec<Prepared>, PackageError> {
        let mut prepared = Vec::with_capacity(members.len());
        for (index, transaction) in members.iter().enumerate() {
            let scene = Scene {
                mempool: self,
                context,
                mode,
                package: &members[..index],
            };
            let member = self.prepare_in(&scene, transaction, options);
            prepared.push(member.map_err(|rejected| fail(transaction, rejected, results))?);
        }
        Ok(prepared)
    }

    fn check_together(
        &self,
        members: &[Transaction],
        prepared: &[Prepared],
        now: u64,
        results: &mut Results,
    ) -> Result<Aggregate, PackageError> {
        for member in prepared {
            check_truc_package(self, member.candidate(), members)?;
        }
        let sums = sums_of(prepared);
        let fee_sat = i64::try_from(sums.fees_sat).unwrap_or(i64::MAX);
        match (check_fee(self, now, fee_sat, sums.vsize), members.last()) {
            (Err(rejected), Some(child)) => Err(fail(child, rejected, results)),
            _ => Ok(sums),
        }
    }

    /// All members together are taken for children of all their parents (Core:
    /// `CheckPackageLimits`).
    pub(super) fn check_package_limits(
        &self,
        members: &[Prepared],
        sums: &Aggregate,
    ) -> Result<(), PackageError> {
        let limits = &self.policy.chain_limits;
        let too_long = |limit| Err(PackageError::MempoolLimits(limit));
        if sums.count > limits.ancestor_count.min(limits.descendant_count) {
            return too_long(ChainLimit::AncestorCount(limits.ancestor_count));
        }
        if sums.vsize > limits.ancestor_vsize.min(limits.descendant_vsize) {
            return too_long(ChainLimit::AncestorVsize(limits.ancestor_vsize));
        }
        let parents = members
            .iter()
            .flat_map(|member| self.graph.parents_of(member.transaction()))
            .collect();
        let found = self
            .graph
            .ancestors_within(parents, (sums.count, sums.vsize), limits);
        found.map(drop).map_err(PackageError::MempoolLimits)
    }

    /// Cutting the mempool to its size may have hit members that were admitted.
    fn note_evicted(&self, package: &[Transaction], results: &mut Results) -> Option<PackageError> {
        let mut error = None;
        for transaction in package {
            let result = results.get_mut(&transaction.wtxid());
            let is_gone = self.find(&transaction.txid()).is_none();
            if let Some(result) = result.filter(|result| is_gone && result.is_in_mempool()) {
                *result = MemberResult::Rejected(Rejected::MempoolFull);
                error = Some(PackageError::TransactionFailed);
            }
        }
        error
    }
}

pub(super) fn fail(
    transaction: &Transaction,
    rejected: Rejected,
    results: &mut Results,
) -> PackageError {
    results.insert(transaction.wtxid(), MemberResult::Rejected(rejected));
    PackageError::TransactionFailed
}

fn here_before(entry: &Entry, wtxid: Wtxid) -> MemberResult {
    if entry.wtxid() == wtxid {
        return MemberResult::AlreadyHere {
            fee: entry.cost().fee,
            vsize: entry.cost().vsize,
        };
    }
    MemberResult::OtherWitness {
        wtxid: entry.wtxid(),
    }
}

pub(super) fn sums_of(members: &[Prepared]) -> Aggregate {
    let mut sums = Aggregate::default();
    for member in members {
        sums.add(&Aggregate::of(&member.candidate().cost));
    }
    sums
}

impl MemberResult {
    pub(super) fn alone(accepted: Accepted) -> Self {
        Self::Accepted {
            effective_fee_rate: FeeRate::of(i128::from(accepted.fee.sat()), accepted.vsize),
            effective_includes: vec![accepted.wtxid],
            accepted,
        }
    }

    const fn is_in_mempool(&self) -> bool {
        matches!(
            self,
            Self::Accepted { .. } | Self::AlreadyHere { .. } | Self::OtherWitness { .. }
        )
    }
}

impl PackageResult {
    fn refused(error: PackageError, package: &[Transaction]) -> Self {
        Self::of(Some(error), package, &Results::new())
    }

    pub(super) fn of(
        error: Option<PackageError>,
        package: &[Transaction],
        results: &Results,
    ) -> Self {
        let result_of = |transaction: &Transaction| {
            results
                .get(&transaction.wtxid())
                .cloned()
                .unwrap_or(MemberResult::Unfinished)
        };
        Self {
            error,
            members: package.iter().map(result_of).collect(),
        }
    }
}
