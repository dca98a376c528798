//! Keys, payments, blocks and chains to test with.

mod block;
mod chain;
mod key;
mod payment;

pub(crate) use block::{BlockBuilder, NONCE};
pub(crate) use chain::{ONE_THREAD, TestChain};
pub(crate) use key::{Form, Key};
pub(crate) use payment::{Payment, Spendable};

use synod_primitives::{Amount, Script};

/// A script that anyone can spend.
pub(crate) fn free() -> Script {
    Script::new(vec![0x51])
}

/// An amount in satoshis.
pub(crate) fn sat(sat: i64) -> Amount {
    Amount::from_sat(sat)
}
