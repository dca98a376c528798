//! Signing what was permitted, and only the inputs that were proven to be the wallet's own.

use bdk_wallet::bitcoin::{
    Psbt, PublicKey, TapSighashType, Transaction, TxOut, ecdsa,
    key::TapTweak,
    psbt::PsbtSighashType,
    secp256k1::{Keypair, Message},
    sighash::{EcdsaSighashType, Prevouts, SighashCache},
    taproot,
};

use super::{
    Permitted, PsbtError,
    review::Place,
    stake::{OwnStake, stake_message},
};
use crate::keys::{AccountKeys, ScriptKind};

/// A signed PSBT.
#[derive(Debug)]
pub struct Signed {
    /// The PSBT with the new signatures.
    pub psbt: Psbt,
    /// The inputs that were signed now, counted from 0.
    pub inputs: Vec<usize>,
}

impl Permitted {
    /// Signs the wallet's own inputs; each signature is verified before it is given out.
    ///
    /// # Errors
    /// When a key does not fit, or a signature does not verify.
    pub fn sign(self, keys: &AccountKeys) -> Result<Signed, PsbtError> {
        let mut psbt = self.psbt;
        let transaction = psbt.unsigned_tx.clone();
        let mut cache = SighashCache::new(&transaction);
        let mut inputs = Vec::new();
        for (index, place) in self.places.iter().enumerate() {
            let input = &psbt.inputs[index];
            let is_final = input.final_script_sig.is_some() || input.final_script_witness.is_some();
            if let Some(stake) = self.stakes[index].filter(|_| !is_final) {
                sign_stake(&mut psbt, index, &stake, &self.prevouts[index], keys)?;
                inputs.push(index);
                continue;
            }
            let Some(place) = place.filter(|_| !is_final) else {
                continue;
            };
            let mut signer = InputSigner {
                index,
                keys,
                place,
                prevouts: &self.prevouts,
                cache: &mut cache,
            };
            match keys.kind() {
                ScriptKind::Tr => signer.sign_taproot(&mut psbt)?,
                _ => signer.sign_ecdsa(&mut psbt)?,
            }
            inputs.push(index);
        }
        Ok(Signed { psbt, inputs })
    }
}

/// Signs a stake input as its owner.
fn sign_stake(
    psbt: &mut Psbt,
    index: usize,
    stake: &OwnStake,
    output: &TxOut,
    keys: &AccountKeys,
) -> Result<(), PsbtError> {
    let error = |reason: String| PsbtError::Signing {
        input: index,
        reason,
    };
    let keypair = keys.stake_keypair().map_err(|e| error(e.to_string()))?;
    let public = PublicKey::new(keypair.public_key());
    let message = stake_message(psbt, index, &stake.program, output)?;
    let secp = keys.secp();
    let signature = secp.sign_ecdsa_low_r(&message, &keypair.secret_key());
    // Security: as for every other signature, see below.
    secp.verify_ecdsa(&message, &signature, &public.inner)
        .map_err(|e| error(e.to_string()))?;
    psbt.inputs[index].partial_sigs.insert(
        public,
        ecdsa::Signature {
            signature,
            sighash_type: EcdsaSighashType::All,
        },
    );
    Ok(())
}

struct InputSigner<'a, 't> {
    index: usize,
    keys: &'a AccountKeys,
    place: Place,
    prevouts: &'a [TxOut],
    cache: &'a mut SighashCache<&'t Transaction>,
}

impl InputSigner<'_, '_> {
    fn keypair(&self) -> Result<Keypair, PsbtError> {
        self.keys
            .keypair(self.place.keychain, self.place.index)
            .map_err(|e| self.error(e))
    }

    fn sign_ecdsa(&mut self, psbt: &mut Psbt) -> Result<(), PsbtError> {
        let keypair = self.keypair()?;
        let public = PublicKey::new(keypair.public_key());
        let wanted = psbt.inputs[self.index].sighash_type;
        let hash_type = wanted
            .map_or(Ok(EcdsaSighashType::All), PsbtSighashType::ecdsa_hash_ty)
            .map_err(|e| self.error(e))?;
        let message = self.ecdsa_message(psbt, hash_type, public)?;
        let secp = self.keys.secp();
        let signature = secp.sign_ecdsa_low_r(&message, &keypair.secret_key());
        // Security: a fault while signing can give the key away; what does not verify is withheld.
        secp.verify_ecdsa(&message, &signature, &keypair.public_key())
            .map_err(|e| self.error(e))?;
        psbt.inputs[self.index].partial_sigs.insert(
            public,
            ecdsa::Signature {
                signature,
                sighash_type: hash_type,
            },
        );
        Ok(())
    }

    fn ecdsa_message(
        &mut self,
        psbt: &mut Psbt,
        hash_type: EcdsaSighashType,
        public: PublicKey,
    ) -> Result<Message, PsbtError> {
        let (index, coin) = (self.index, &self.prevouts[self.index]);
        if self.keys.kind() == ScriptKind::Pkh {
            let hash =
                self.cache
                    .legacy_signature_hash(index, &coin.script_pubkey, hash_type.to_u32());
            return Ok(Message::from(hash.map_err(|e| self.error(e))?));
        }
        let program = bdk_wallet::bitcoin::ScriptBuf::new_p2wpkh(
            &public.wpubkey_hash().map_err(|e| self.error(e))?,
        );
        if self.keys.kind() == ScriptKind::ShWpkh {
            psbt.inputs[index].redeem_script = Some(program.clone());
        }
        let hash = self
            .cache
            .p2wpkh_signature_hash(index, &program, coin.value, hash_type);
        Ok(Message::from(hash.map_err(|e| self.error(e))?))
    }

    fn sign_taproot(&mut self, psbt: &mut Psbt) -> Result<(), PsbtError> {
        let internal = self.keypair()?;
        let wanted = psbt.inputs[self.index].sighash_type;
        let hash_type = wanted
            .map_or(
                Ok(TapSighashType::Default),
                PsbtSighashType::taproot_hash_ty,
            )
            .map_err(|e| self.error(e))?;
        let prevouts = Prevouts::All(self.prevouts);
        let hash = self
            .cache
            .taproot_key_spend_signature_hash(self.index, &prevouts, hash_type);
        let message = Message::from(hash.map_err(|e| self.error(e))?);
        let secp = self.keys.secp();
        let tweaked = internal.tap_tweak(secp, None).to_keypair();
        let mut auxiliary = [0u8; 32];
        getrandom::fill(&mut auxiliary).map_err(|e| self.error(e))?;
        let signature = secp.sign_schnorr_with_aux_rand(&message, &tweaked, &auxiliary);
        // Security: as above.
        secp.verify_schnorr(&signature, &message, &tweaked.x_only_public_key().0)
            .map_err(|e| self.error(e))?;
        let input = &mut psbt.inputs[self.index];
        input.tap_internal_key = Some(internal.x_only_public_key().0);
        input.tap_key_sig = Some(taproot::Signature {
            signature,
            sighash_type: hash_type,
        });
        Ok(())
    }

    fn error(&self, reason: impl std::fmt::Display) -> PsbtError {
        PsbtError::Signing {
            input: self.index,
            reason: reason.to_string(),
        }
    }
}
