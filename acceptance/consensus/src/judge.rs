//! Both sides asked, answers compared and counted.

use std::collections::BTreeMap;

use synod_primitives::{Transaction, TxOut, hex};
use synod_script::{Deferred, Flags, Immediate, SpendContext, verify_input};

use crate::core;
use crate::random::Random;

/// The flags that libbitcoinconsensus takes.
const CONSENSUS: Flags = Flags::MANDATORY;

/// A transaction with the outputs that it spends.
#[derive(Clone, Debug)]
pub struct Case {
    /// The transaction.
    pub tx: Transaction,
    /// The outputs, in the order of its inputs.
    pub spent: Vec<TxOut>,
}

/// How often each verdict was seen, the same on both sides.
#[derive(Default, Debug)]
pub struct Tally {
    /// Verdicts compared, by Core's sentence.
    pub verdicts: BTreeMap<String, usize>,
    /// Verdicts compared with libbitcoinconsensus' own function.
    pub consensus: usize,
    /// Checks that were queued and judged later.
    pub deferred: usize,
}

impl Tally {
    /// Returns the number of verdicts.
    #[must_use]
    pub fn total(&self) -> usize {
        self.verdicts.values().sum()
    }

    /// Returns the number of valid verdicts.
    #[must_use]
    pub fn valid(&self) -> usize {
        self.verdicts.get(core::VALID).copied().unwrap_or(0)
    }

    /// Prints what was seen.
    pub fn print(&self, name: &str) {
        println!(
            "{name}: {} verdicts the same ({} valid, {} kinds of error), {} of them also by \
             libbitcoinconsensus, {} checks deferred, 0 differences",
            self.total(),
            self.valid(),
            self.verdicts.len() - usize::from(self.valid() > 0),
            self.consensus,
            self.deferred,
        );
        for (verdict, count) in &self.verdicts {
            println!("  {count:>8}  {verdict}");
        }
    }

    /// Judges every input of a case with each set of flags.
    ///
    /// # Panics
    /// On the first difference.
    pub fn judge(&mut self, case: &Case, flag_sets: &[Flags]) {
        let context = SpendContext::new(&case.tx, case.spent.clone());
        let referee = core::Spend::new(&case.tx, &case.spent);
        for input in 0..case.tx.inputs().len() {
            for flags in flag_sets {
                self.judge_input(case, &context, &referee, (input, *flags));
            }
        }
        for flags in flag_sets {
            let ours = synod_script::transaction_sigop_cost(&case.tx, &case.spent, *flags);
            assert_eq!(
                ours,
                referee.sigop_cost(*flags),
                "sigops of {}",
                describe(case)
            );
        }
    }

    fn judge_input(
        &mut self,
        case: &Case,
        context: &SpendContext<'_>,
        referee: &core::Spend,
        (input, flags): (usize, Flags),
    ) {
        let verdict = verify_input(context, input, flags, &mut Immediate);
        let ours = verdict.map_or_else(|error| error.to_string(), |()| core::VALID.to_owned());
        let theirs = referee.verify(input, flags);
        assert_eq!(ours, theirs, "input {input}, {flags}, {}", describe(case));
        let mut checks = Deferred::default();
        let passed = verify_input(context, input, flags, &mut checks).is_ok();
        let later = passed && checks.queue.iter().all(synod_sigcheck::verify);
        assert_eq!(
            later,
            verdict.is_ok(),
            "deferred: input {input}, {flags}, {}",
            describe(case)
        );
        if CONSENSUS.contains(flags) {
            let valid = core::is_valid(&case.tx, &case.spent, input, flags);
            assert_eq!(
                valid,
                verdict.is_ok(),
                "input {input}, {flags}, {}",
                describe(case)
            );
            self.consensus += 1;
        }
        self.deferred += checks.queue.len();
        *self.verdicts.entry(theirs).or_default() += 1;
    }
}

fn describe(case: &Case) -> String {
    let mut spent = Vec::new();
    for output in &case.spent {
        output.encode_into(&mut spent);
    }
    let tx = hex::encode(case.tx.raw());
    format!("tx {tx} spent {}", hex::encode(&spent))
}

/// Returns the sets that everybody uses, none, all, and two random ones.
pub fn flag_sets(random: &mut Random) -> Vec<Flags> {
    let mut sets = vec![Flags::MANDATORY, Flags::STANDARD, Flags::NONE, Flags::ALL];
    let consensus = random.bits() as u32 & Flags::MANDATORY.bits();
    sets.push(core::complete(Flags::from_bits(consensus)));
    sets.push(core::complete(Flags::from_bits(random.bits() as u32)));
    sets
}
