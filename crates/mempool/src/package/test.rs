//! Testing packages (Core: `testmempoolaccept` of several transactions).

use synod_primitives::Transaction;

use super::submit::{Results, fail, sums_of};
use super::{MemberResult, PackageError, PackageResult, check_well_formed};
use crate::admission::{Context, Mode, Options, check_truc_package};
use crate::pool::Mempool;

impl Mempool {
    /// Checks transactions that may depend on each other, parents first, and changes nothing;
    /// nothing is replaced, and each pays for itself.
    ///
    /// The caller has fetched the coins that [`Mempool::wanted_coins`] names for each member.
    #[must_use]
    pub fn test_package(
        &self,
        package: &[Transaction],
        context: &Context<'_>,
        options: Options,
    ) -> PackageResult {
        let mut results = Results::new();
        let error = check_well_formed(package)
            .and_then(|()| self.test_members(package, context, options, &mut results));
        PackageResult::of(error.err(), package, &results)
    }

    fn test_members(
        &self,
        package: &[Transaction],
        context: &Context<'_>,
        options: Options,
        results: &mut Results,
    ) -> Result<(), PackageError> {
        let prepared =
            self.prepare_all(package, (context, Mode::PACKAGE_TEST), options, results)?;
        for member in &prepared {
            check_truc_package(self, member.candidate(), package)?;
        }
        if package.len() > 1 {
            self.check_package_limits(&prepared, &sums_of(&prepared))?;
        }
        for (prepared, transaction) in prepared.into_iter().zip(package) {
            let would_be = prepared.would_be();
            prepared
                .verify()
                .map_err(|rejected| fail(transaction, rejected, results))?;
            results.insert(transaction.wtxid(), MemberResult::alone(would_be));
        }
        Ok(())
    }
}
