//! What becomes of signature checks.

use synod_sigcheck::Check;

/// What to do with signature checks.
///
/// The interpreter calls [`check`](Self::check) where a script goes on with either verdict, and
/// [`defer`](Self::defer) where a false verdict fails the script whatever else is in it: the
/// signature of a taproot key path, every signature of a tapscript, CHECKSIGVERIFY, and a CHECKSIG
/// that is the last opcode of the last script.
pub trait SignatureChecks {
    /// Judges a check now.
    fn check(&mut self, check: Check) -> bool;

    /// Judges a check now, or keeps it for later and answers true.
    ///
    /// Who keeps it must fail the input when it turns out false.
    fn defer(&mut self, check: Check) -> bool {
        self.check(check)
    }
}

/// Judges every check at once.
#[derive(Clone, Copy, Default, Debug)]
pub struct Immediate;

impl SignatureChecks for Immediate {
    fn check(&mut self, check: Check) -> bool {
        synod_sigcheck::verify(&check)
    }
}

/// Judges at once what has to be, and queues all others.
///
/// An input is valid when [`verify_input`](crate::verify_input) accepts it and every check of the
/// queue holds. The name of the error may differ from that of [`Immediate`], since a script goes
/// on after a queued check; the verdict never does.
#[derive(Clone, Default, Debug)]
pub struct Deferred {
    /// The checks that are still to be judged.
    pub queue: Vec<Check>,
}

impl SignatureChecks for Deferred {
    fn check(&mut self, check: Check) -> bool {
        synod_sigcheck::verify(&check)
    }

    fn defer(&mut self, check: Check) -> bool {
        self.queue.push(check);
        true
    }
}
