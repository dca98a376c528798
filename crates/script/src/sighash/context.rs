//! What the signature hashes of one transaction share.

use std::fmt;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use synod_primitives::encode::write_var_bytes;
use synod_primitives::{Amount, Transaction, TxOut, sha256};

use super::legacy::LegacyParts;
use super::spent::SpentOutputs;

/// A spending transaction with what it spends, and everything that its signature hashes share:
/// computed at most once, and only when a signature needs it.
///
/// Can be shared by threads that verify different inputs.
pub struct SpendContext<'tx> {
    tx: &'tx Transaction,
    outputs: Outputs<'tx>,
    hashes: Hashes<'tx>,
}

/// The outputs that are spent.
enum Outputs<'tx> {
    Own(Vec<TxOut>),
    Borrowed(&'tx dyn SpentOutputs),
}

/// What the signature hashes share.
#[expect(
    clippy::large_enum_variant,
    reason = "a context lives on the stack of who verifies, and a box would cost more than its hashes"
)]
enum Hashes<'tx> {
    Own(SharedHashes),
    Borrowed(&'tx SharedHashes),
}

/// What the signature hashes of one transaction share, for those who verify its inputs apart
/// ([`SpendContext::sharing`]).
pub struct SharedHashes {
    parts: OnceLock<Parts>,
    double: OnceLock<Parts>,
    spent: OnceLock<Spent>,
    legacy: OnceLock<LegacyParts>,
    /// Of the first inputs.
    key_spends: [OnceLock<KeySpend>; KEY_SPENDS],
}

/// Of so many inputs of a transaction the hashes of a key spend are shared: most have no more.
pub(super) const KEY_SPENDS: usize = 2;

/// Hashes over all inputs and outputs: single for BIP341, double for BIP143.
pub(super) struct Parts {
    pub(super) prevouts: [u8; 32],
    pub(super) sequences: [u8; 32],
    pub(super) outputs: [u8; 32],
}

/// The hashes of an input that spends by key and signature under `ALL` (P2WPKH).
pub(crate) struct KeySpend {
    /// The key hashed with SHA-256, the first half of HASH160.
    pub(crate) key_sha256: [u8; 32],
    /// What the signature signs, the script code being that of the program.
    pub(crate) sighash: [u8; 32],
}

/// Hashes over the outputs that are spent (BIP341).
pub(super) struct Spent {
    pub(super) amounts: [u8; 32],
    pub(super) scripts: [u8; 32],
}

impl<'tx> SpendContext<'tx> {
    /// Takes a transaction and the outputs that its inputs spend, in their order.
    ///
    /// # Panics
    /// When there are not as many spent outputs as inputs, which is a bug of the caller.
    #[must_use]
    pub fn new(tx: &'tx Transaction, spent_outputs: Vec<TxOut>) -> Self {
        Self::of(
            tx,
            Outputs::Own(spent_outputs),
            Hashes::Own(SharedHashes::default()),
        )
    }

    /// Takes a transaction and borrows the outputs that its inputs spend, in their order.
    ///
    /// # Panics
    /// As [`SpendContext::new`].
    #[must_use]
    pub fn borrowing(tx: &'tx Transaction, spent_outputs: &'tx dyn SpentOutputs) -> Self {
        let hashes = Hashes::Own(SharedHashes::default());
        Self::of(tx, Outputs::Borrowed(spent_outputs), hashes)
    }

    /// As [`SpendContext::borrowing`], over hashes that several contexts of the same transaction
    /// and the same spent outputs share.
    ///
    /// # Panics
    /// As [`SpendContext::new`].
    #[must_use]
    #[inline]
    pub fn sharing(
        tx: &'tx Transaction,
        spent_outputs: &'tx dyn SpentOutputs,
        hashes: &'tx SharedHashes,
    ) -> Self {
        Self::of(
            tx,
            Outputs::Borrowed(spent_outputs),
            Hashes::Borrowed(hashes),
        )
    }

    #[inline]
    fn of(tx: &'tx Transaction, outputs: Outputs<'tx>, hashes: Hashes<'tx>) -> Self {
        let context = Self {
            tx,
            outputs,
            hashes,
        };
        assert_eq!(
            tx.inputs().len(),
            context.outputs().count(),
            "every input spends one output"
        );
        context
    }

    /// Returns the spending transaction.
    #[must_use]
    pub fn transaction(&self) -> &'tx Transaction {
        self.tx
    }

    fn outputs(&self) -> &dyn SpentOutputs {
        match &self.outputs {
            Outputs::Own(outputs) => outputs,
            Outputs::Borrowed(outputs) => *outputs,
        }
    }

    fn hashes(&self) -> &SharedHashes {
        match &self.hashes {
            Hashes::Own(hashes) => hashes,
            Hashes::Borrowed(hashes) => hashes,
        }
    }

    /// The amount that an input spends.
    pub(crate) fn value(&self, input: usize) -> Amount {
        self.outputs().value(input)
    }

    /// The locking script that an input answers.
    pub(crate) fn script_pubkey(&self, input: usize) -> &[u8] {
        self.outputs().script_pubkey(input)
    }

    /// Hashes of BIP341.
    pub(super) fn parts(&self) -> &Parts {
        self.hashes().parts.get_or_init(|| Parts::of(self.tx))
    }

    /// Hashes of BIP143, which are those of BIP341 hashed again.
    pub(super) fn double_parts(&self) -> &Parts {
        self.hashes().double.get_or_init(|| {
            let single = self.parts();
            Parts {
                prevouts: sha256(&single.prevouts),
                sequences: sha256(&single.sequences),
                outputs: sha256(&single.outputs),
            }
        })
    }

    /// The hashes of an input of P2WPKH whose signature has the type `ALL`, if they were shared.
    pub(crate) fn key_spend(&self, input: usize) -> Option<&KeySpend> {
        self.hashes().key_spends.get(input)?.get()
    }

    /// Hashes over what is spent.
    pub(super) fn spent(&self) -> &Spent {
        let spent = &self.hashes().spent;
        spent.get_or_init(|| Spent::of(self.outputs()))
    }

    /// The parts of the oldest signature hash.
    pub(super) fn legacy(&self) -> &LegacyParts {
        let legacy = &self.hashes().legacy;
        legacy.get_or_init(|| LegacyParts::of(self.tx))
    }
}

impl fmt::Debug for SpendContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpendContext")
            .field("txid", &self.tx.txid())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SharedHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedHashes").finish_non_exhaustive()
    }
}

impl Default for SharedHashes {
    // Inlined, it writes only that nothing is there; called, it moves all the room for hashes.
    #[inline]
    fn default() -> Self {
        Self {
            parts: OnceLock::new(),
            double: OnceLock::new(),
            spent: OnceLock::new(),
            legacy: OnceLock::new(),
            key_spends: [const { OnceLock::new() }; KEY_SPENDS],
        }
    }
}

impl SharedHashes {
    /// Sets the hashes of a key spend, unless they are there or the input is not among the first.
    pub(super) fn set_key_spend(&self, input: usize, spend: KeySpend) {
        if let Some(place) = self.key_spends.get(input) {
            place.get_or_init(|| spend);
        }
    }

    /// Sets the hashes of BIP341, unless they are there.
    pub(super) fn set_parts(&self, parts: Parts) {
        self.parts.get_or_init(|| parts);
    }

    /// Sets the hashes of BIP143, unless they are there.
    pub(super) fn set_double_parts(&self, parts: Parts) {
        self.double.get_or_init(|| parts);
    }

    /// Sets the hashes over what is spent, unless they are there.
    pub(super) fn set_spent(&self, spent: Spent) {
        self.spent.get_or_init(|| spent);
    }
}

impl Parts {
    fn of(tx: &Transaction) -> Self {
        let mut prevouts = Sha256::new();
        let mut sequences = Sha256::new();
        for input in tx.inputs() {
            prevouts.update(input.prevout.encode());
            sequences.update(input.sequence.to_le_bytes());
        }
        Self {
            prevouts: prevouts.finalize().into(),
            sequences: sequences.finalize().into(),
            outputs: sha256(&encode_outputs(tx.outputs())),
        }
    }
}

impl Spent {
    fn of(outputs: &dyn SpentOutputs) -> Self {
        let mut amounts = Sha256::new();
        let mut scripts = Vec::new();
        for input in 0..outputs.count() {
            amounts.update(outputs.value(input).sat().to_le_bytes());
            write_var_bytes(&mut scripts, outputs.script_pubkey(input));
        }
        Self {
            amounts: amounts.finalize().into(),
            scripts: sha256(&scripts),
        }
    }
}

/// Encodes outputs one after the other, without their count.
pub(super) fn encode_outputs(outputs: &[TxOut]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(outputs.len() * 34);
    for output in outputs {
        output.encode_into(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_can_be_shared_by_threads() {
        fn is_shared<T: Send + Sync>() {}
        is_shared::<SpendContext<'static>>();
    }

    #[test]
    #[should_panic(expected = "every input spends one output")]
    fn a_context_wants_an_output_for_each_input() {
        let output = TxOut {
            value: synod_primitives::Amount::ZERO,
            script_pubkey: synod_primitives::Script::default(),
        };
        let tx = Transaction::new(2, vec![], vec![], 0);
        let _ = SpendContext::new(&tx, vec![output]);
    }
}
