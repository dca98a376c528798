//! Coins: outputs that exist and are not spent.

use std::fmt;

use bytes::Bytes;
use synod_primitives::{Amount, Height, Script, TxOut};
use synod_script::SpentOutputs;

/// An unspent output, as the state keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coin {
    /// The amount; in the money range, as blocks only make such.
    pub value: Amount,
    /// The locking script.
    pub script_pubkey: CoinScript,
    /// The height of the block that made it.
    pub height: Height,
    /// Whether a coinbase made it.
    pub is_coinbase: bool,
}

impl Coin {
    /// Makes the coin of an output.
    #[must_use]
    pub fn new(output: &TxOut, height: Height, is_coinbase: bool) -> Self {
        Self {
            value: output.value,
            script_pubkey: CoinScript::new(output.script_pubkey.as_bytes()),
            height,
            is_coinbase,
        }
    }

    /// Returns the output that the coin is.
    #[must_use]
    pub fn to_tx_out(&self) -> TxOut {
        TxOut {
            value: self.value,
            script_pubkey: self.script_pubkey.to_script(),
        }
    }

    /// Says whether the coin is that output.
    #[must_use]
    pub fn is_output(&self, output: &TxOut) -> bool {
        self.value == output.value
            && self.script_pubkey.as_bytes() == output.script_pubkey.as_bytes()
    }
}

/// The coins that a transaction spends, as its scripts see them.
pub(crate) struct SpentCoins<'a>(pub(crate) &'a [Coin]);

impl SpentOutputs for SpentCoins<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn value(&self, input: usize) -> Amount {
        self.0[input].value
    }

    fn script_pubkey(&self, input: usize) -> &[u8] {
        self.0[input].script_pubkey.as_bytes()
    }
}

/// The longest script that a [`CoinScript`] holds without a heap allocation: every standard
/// form but bare multisig fits.
const INLINE: usize = 38;

/// A locking script that owns its bytes, so that a coin never keeps a block alive.
#[derive(Clone)]
pub struct CoinScript(Repr);

#[derive(Clone)]
enum Repr {
    Inline {
        length: u8,
        bytes: [u8; INLINE],
    },
    /// In a buffer of its own, which copies of the coin share.
    Heap(Bytes),
}

impl CoinScript {
    /// Copies a script.
    #[must_use]
    pub fn new(script: &[u8]) -> Self {
        match u8::try_from(script.len()) {
            Ok(length) if script.len() <= INLINE => {
                let mut bytes = [0; INLINE];
                bytes[..script.len()].copy_from_slice(script);
                Self(Repr::Inline { length, bytes })
            }
            _ => Self(Repr::Heap(Bytes::copy_from_slice(script))),
        }
    }

    /// Borrows the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Repr::Heap(bytes) => bytes,
        }
    }

    /// Returns the script in a buffer that no block shares.
    #[must_use]
    pub fn to_script(&self) -> Script {
        match &self.0 {
            Repr::Inline { .. } => Script::new(Bytes::copy_from_slice(self.as_bytes())),
            // Security: a block can spend 24,000 coins of 10,000 bytes each; they are not copied.
            Repr::Heap(bytes) => Script(bytes.clone()),
        }
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Says whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes held outside the value itself.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Inline { .. } => 0,
            Repr::Heap(bytes) => bytes.len(),
        }
    }
}

impl From<&Script> for CoinScript {
    fn from(script: &Script) -> Self {
        Self::new(script.as_bytes())
    }
}

impl PartialEq for CoinScript {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for CoinScript {}

impl fmt::Debug for CoinScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = synod_primitives::hex::encode(self.as_bytes());
        write!(f, "CoinScript({hex})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_of_every_length_keep_their_bytes() {
        for length in [0, 1, 22, INLINE, INLINE + 1, 255, 256, 10_000] {
            let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let script = CoinScript::new(&bytes);
            assert_eq!(script.as_bytes(), bytes);
            assert_eq!(script.to_script().as_bytes(), bytes);
            assert_eq!(script.heap_bytes() == 0, length <= INLINE);
        }
    }

    #[test]
    fn a_coin_is_small() {
        assert_eq!(size_of::<CoinScript>(), 40);
        assert!(size_of::<Coin>() <= 56);
        assert_eq!(size_of::<Option<Coin>>(), size_of::<Coin>());
    }
}
