//! CHECKSIG, CHECKSIGVERIFY, CHECKSIGADD and CODESEPARATOR.

use std::iter;

use synod_sigcheck::Check;

use super::Spend;
use super::item::Item;
use super::machine::{Machine, Role, Tapscript};
use super::script_code::ScriptCode;
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::opcode::Opcode;
use crate::sighash::{TaprootSpend, legacy_sighash, segwit_v0_sighash, taproot_sighash};
use crate::template::is_key_size_valid;

/// What a signature in tapscript takes from the budget, passed or not understood (BIP342).
const SIGNATURE_WEIGHT: i64 = 50;

impl Machine<'_, '_, '_, '_> {
    pub(super) fn execute_signature(&mut self, opcode: Opcode) -> Result<(), ScriptError> {
        match opcode {
            Opcode::OP_CODESEPARATOR => {
                self.execute_code_separator();
                Ok(())
            }
            Opcode::OP_CHECKSIG => self.execute_checksig(false),
            Opcode::OP_CHECKSIGVERIFY => self.execute_checksig(true),
            Opcode::OP_CHECKSIGADD => self.execute_checksig_add(),
            Opcode::OP_CHECKMULTISIG => self.execute_multisig(false),
            // The rest of the family is CHECKMULTISIGVERIFY.
            _ => self.execute_multisig(true),
        }
    }

    fn execute_code_separator(&mut self) {
        self.code = ScriptCode::new(&self.script[self.next..]);
        if let Role::Tapscript(Tapscript { spend, .. }) = &mut self.role
            && let Some(leaf) = &mut spend.leaf
        {
            leaf.code_separator = self.opcode_index;
        }
    }

    fn execute_checksig(&mut self, is_verify: bool) -> Result<(), ScriptError> {
        let signature = self.stack.peek(2)?;
        let key = self.stack.peek(1)?;
        let (signature, key) = (signature.as_bytes(), key.as_bytes());
        let is_valid = if self.is_tapscript() {
            self.check_tapscript_signature(signature, key)?
        } else {
            // A false verdict fails the script whatever else is in it, so it may come later.
            let is_decisive = is_verify || self.is_last_value();
            self.check_ecdsa_signature(signature, key, is_decisive)?
        };
        self.stack.drop_top(2)?;
        if !is_verify {
            self.stack.push(Item::from_bool(is_valid));
        } else if !is_valid {
            return Err(ScriptError::CheckSigVerify);
        }
        Ok(())
    }

    /// `signature number key -> number`, one more when the signature is not empty (BIP342).
    fn execute_checksig_add(&mut self) -> Result<(), ScriptError> {
        if !self.is_tapscript() {
            return Err(ScriptError::BadOpcode);
        }
        let signature = self.stack.peek(3)?;
        let number = self.number_at(2)?;
        let key = self.stack.peek(1)?;
        let is_valid = self.check_tapscript_signature(signature.as_bytes(), key.as_bytes())?;
        self.replace(3, number + i64::from(is_valid))
    }

    fn check_ecdsa_signature(
        &mut self,
        signature: &[u8],
        key: &[u8],
        is_decisive: bool,
    ) -> Result<bool, ScriptError> {
        let mut shorter = None;
        if self.is_without_witness() {
            shorter = self.code.without(iter::once(signature));
            if shorter.is_some() && self.has(Flags::CONST_SCRIPTCODE) {
                return Err(ScriptError::SigFindAndDelete);
            }
        }
        self.require_encoding(signature, key)?;
        let is_witness = matches!(self.role, Role::WitnessV0);
        let code = shorter.as_mut().unwrap_or(&mut self.code);
        let check = self.spend.ecdsa_check(signature, key, code, is_witness);
        let is_valid = match check {
            Some(check) if is_decisive => self.spend.checks.defer(check),
            Some(check) => self.spend.checks.check(check),
            None => false,
        };
        if !is_valid && self.has(Flags::NULLFAIL) && !signature.is_empty() {
            return Err(ScriptError::SigNullFail);
        }
        Ok(is_valid)
    }

    /// Consensus: the order of these rules is BIP342's. An empty signature is false, all others
    /// have to be valid, so that their verdict may come later.
    fn check_tapscript_signature(
        &mut self,
        signature: &[u8],
        key: &[u8],
    ) -> Result<bool, ScriptError> {
        let Role::Tapscript(tapscript) = &mut self.role else {
            return Err(ScriptError::UnknownError);
        };
        if !signature.is_empty() {
            tapscript.weight_left -= SIGNATURE_WEIGHT;
            if tapscript.weight_left < 0 {
                return Err(ScriptError::TapscriptValidationWeight);
            }
        }
        let spend = tapscript.spend;
        match key.len() {
            0 => return Err(ScriptError::PubkeyType),
            32 if signature.is_empty() => {}
            32 => self.spend.require_schnorr(signature, key, &spend)?,
            _ if self.has(Flags::DISCOURAGE_UPGRADABLE_PUBKEYTYPE) => {
                return Err(ScriptError::DiscourageUpgradablePubkeyType);
            }
            _ => {}
        }
        Ok(!signature.is_empty())
    }
}

impl Spend<'_, '_> {
    /// States an ECDSA check; `None` when the signature or the key cannot be read, which is a
    /// failed check.
    pub(super) fn ecdsa_check(
        &self,
        signature: &[u8],
        key: &[u8],
        code: &mut ScriptCode<'_>,
        is_witness: bool,
    ) -> Option<Check> {
        let (&hash_type, der) = signature.split_last()?;
        if !is_key_size_valid(key) {
            return None;
        }
        let (context, input) = (self.context, self.input);
        let digest = code.digest(hash_type, |code| {
            let hash_type = u32::from(hash_type);
            if is_witness {
                segwit_v0_sighash(context, input, code, hash_type)
            } else {
                legacy_sighash(context, input, code, hash_type)
            }
        });
        Check::ecdsa(key, der, digest)
    }

    /// Fails unless a BIP340 signature with its hash type is valid.
    pub(super) fn require_schnorr(
        &mut self,
        signature: &[u8],
        key: &[u8],
        spend: &TaprootSpend,
    ) -> Result<(), ScriptError> {
        let (signature, hash_type) = match signature {
            [_, .., 0] if signature.len() == 65 => return Err(ScriptError::SchnorrSigHashtype),
            [rest @ .., hash_type] if signature.len() == 65 => (rest, *hash_type),
            _ if signature.len() == 64 => (signature, 0),
            _ => return Err(ScriptError::SchnorrSigSize),
        };
        let digest = taproot_sighash(self.context, self.input, hash_type, spend);
        let digest = digest.ok_or(ScriptError::SchnorrSigHashtype)?;
        let check = Check::schnorr(key, signature, digest);
        match check.is_some_and(|check| self.checks.defer(check)) {
            true => Ok(()),
            false => Err(ScriptError::SchnorrSig),
        }
    }
}
