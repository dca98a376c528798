//! A bench for cases that are made by hand.

use synod_primitives::{Amount, Script, TxOut, Witness};
use synod_script::Flags;

use crate::judge::{Case, Tally};
use crate::lock::{self, Lock, Unlock};
use crate::random::Random;
use crate::script::{Puzzle, Version};
use crate::signer::Signer;
use crate::spend;

/// The sets of flags that each case is judged with.
pub const SETS: [Flags; 4] = [Flags::MANDATORY, Flags::STANDARD, Flags::NONE, Flags::ALL];

/// Cases made one by one, judged with the usual sets of flags.
pub struct Bench {
    /// The source of everything that is not given.
    pub random: Random,
    /// The keys.
    pub signer: Signer,
    /// What was seen.
    pub tally: Tally,
}

impl Bench {
    /// Starts at a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            signer: Signer::default(),
            tally: Tally::default(),
        }
    }

    /// Judges a script with bytes as its arguments.
    pub fn judge(&mut self, version: Version, script: Vec<u8>, arguments: Vec<Vec<u8>>) {
        self.judge_puzzle(version, Puzzle::new(script, arguments));
    }

    /// Judges a script with its arguments.
    pub fn judge_puzzle(&mut self, version: Version, puzzle: Puzzle) {
        let lock = lock::of_version(&mut self.random, &self.signer, version, puzzle);
        let case = spend::spend(&mut self.random, &self.signer, &[lock]);
        self.tally.judge(&case, &SETS);
    }

    /// Makes a transaction of one input for a locking script that nothing was signed for.
    pub fn case(&mut self, script_pubkey: Script) -> Case {
        let unlock = Unlock::Script(Puzzle::new(vec![], vec![]), lock::Wrap::Bare);
        let value = Amount::from_sat(1);
        let output = TxOut {
            value,
            script_pubkey,
        };
        spend::spend(&mut self.random, &self.signer, &[Lock { output, unlock }])
    }
}

/// Gives the only input of a case its script and witness.
#[must_use]
pub fn with_input(case: &Case, script_sig: Script, witness: Witness) -> Case {
    let mut inputs = case.tx.inputs().to_vec();
    inputs[0].script_sig = script_sig;
    inputs[0].witness = witness;
    let outputs = case.tx.outputs().to_vec();
    let tx = &case.tx;
    let tx = synod_primitives::Transaction::new(tx.version(), inputs, outputs, tx.lock_time());
    Case {
        tx,
        spent: case.spent.clone(),
    }
}
