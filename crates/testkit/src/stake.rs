//! Owners of stake, and the transactions that spend it.

use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey};
use synod_ledger::StakeTag;
use synod_primitives::{OutPoint, Script, Transaction, TxIn, TxOut, Witness};
use synod_script::{SpendContext, hash160, segwit_v0_sighash, template};
use synod_seal::{Evidence, OwnerHash};

/// The key that stake belongs to.
#[derive(Debug)]
pub struct Owner(SigningKey);

impl Owner {
    /// Makes the owner of a seed that is not 0.
    ///
    /// # Panics
    /// The seed is 0.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        // Another key than the signer's of the same seed.
        let mut secret = [seed; 32];
        secret[31] = !seed;
        Self(SigningKey::from_slice(&secret).expect("a valid secret"))
    }

    fn key(&self) -> Vec<u8> {
        let point = self.0.verifying_key().to_sec1_point(true);
        point.as_bytes().to_vec()
    }

    /// Returns the hash that stake outputs name.
    #[must_use]
    pub fn hash(&self) -> OwnerHash {
        OwnerHash(hash160(&self.key()))
    }

    /// Spends stake outputs of this owner.
    ///
    /// # Panics
    /// Never: the key is valid.
    #[must_use]
    pub fn spend(
        &self,
        inputs: &[(OutPoint, TxOut)],
        outputs: &[TxOut],
        tag: StakeTag,
    ) -> Transaction {
        let unsigned = build(inputs, outputs, |_| Witness::EMPTY);
        let spent = inputs.iter().map(|(_, output)| output.clone()).collect();
        let context = SpendContext::new(&unsigned, spent);
        let code = template::p2pkh(&self.hash().0);
        build(inputs, outputs, |index| {
            let digest = segwit_v0_sighash(&context, index, code.as_bytes(), 1);
            let signature: Signature = self.0.sign_prehash(&digest).expect("a valid key signs");
            let mut signature = signature.normalize_s().to_der().as_bytes().to_vec();
            signature.push(1);
            Witness::from_items(&[signature, self.key(), vec![tag.byte()]])
        })
    }
}

/// Spends stake outputs with evidence against their delegate, as anybody can.
#[must_use]
pub fn slash(inputs: &[(OutPoint, TxOut)], evidence: &Evidence, outputs: &[TxOut]) -> Transaction {
    let statements = [evidence.first.encode(), evidence.second.encode()];
    let [first, second] = statements;
    let items = [first, second, vec![StakeTag::Slash.byte()]];
    build(inputs, outputs, |_| Witness::from_items(&items))
}

fn build(
    inputs: &[(OutPoint, TxOut)],
    outputs: &[TxOut],
    witness: impl Fn(usize) -> Witness,
) -> Transaction {
    let inputs = inputs.iter().enumerate();
    let inputs = inputs.map(|(index, (prevout, _))| TxIn {
        prevout: *prevout,
        script_sig: Script::default(),
        sequence: 0xffff_fffd,
        witness: witness(index),
    });
    Transaction::new(2, inputs.collect(), outputs.to_vec(), 0)
}
