//! Where the outputs come from that a transaction spends.

use synod_primitives::{Amount, TxOut};

/// The outputs that the inputs of a transaction spend, in their order, in whatever form they are
/// kept: so that nobody copies them for the sake of a check.
pub trait SpentOutputs: Sync {
    /// Returns how many there are.
    fn count(&self) -> usize;

    /// Returns the amount that an input spends.
    ///
    /// # Panics
    /// When there is no output of this index.
    fn value(&self, input: usize) -> Amount;

    /// Borrows the locking script that an input answers.
    ///
    /// # Panics
    /// When there is no output of this index.
    fn script_pubkey(&self, input: usize) -> &[u8];
}

impl SpentOutputs for [TxOut] {
    fn count(&self) -> usize {
        self.len()
    }

    fn value(&self, input: usize) -> Amount {
        self[input].value
    }

    fn script_pubkey(&self, input: usize) -> &[u8] {
        self[input].script_pubkey.as_bytes()
    }
}

impl SpentOutputs for Vec<TxOut> {
    fn count(&self) -> usize {
        self.as_slice().count()
    }

    fn value(&self, input: usize) -> Amount {
        self.as_slice().value(input)
    }

    fn script_pubkey(&self, input: usize) -> &[u8] {
        self.as_slice().script_pubkey(input)
    }
}

impl<S: SpentOutputs + ?Sized> SpentOutputs for &S {
    fn count(&self) -> usize {
        (**self).count()
    }

    fn value(&self, input: usize) -> Amount {
        (**self).value(input)
    }

    fn script_pubkey(&self, input: usize) -> &[u8] {
        (**self).script_pubkey(input)
    }
}
