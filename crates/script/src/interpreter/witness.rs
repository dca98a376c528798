//! Witness programs (BIP141).

use synod_primitives::{Witness, sha256};
use synod_sigcheck::Check;

use super::encoding::require_encoding;
use super::machine::{Machine, Role};
use super::stack::Stack;
use super::{MAX_ITEM_SIZE, Spend};
use crate::digest::{hash160, ripemd160};
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::form::WitnessProgram;
use crate::sighash::segwit_v0_sighash;
use crate::template::{ANCHOR_PROGRAM, is_key_size_valid, p2pkh_bytes};

impl<'e> Spend<'e, '_> {
    /// Judges the witness of a program.
    pub(super) fn verify_program(
        &mut self,
        program: WitnessProgram<'_>,
        is_p2sh: bool,
    ) -> Result<(), ScriptError> {
        let WitnessProgram { version, program } = program;
        match version {
            0 if program.len() == 20 => self.verify_key_hash(program),
            0 if program.len() == 32 => self.verify_script_hash(program),
            0 => Err(ScriptError::WitnessProgramWrongLength),
            1 if program.len() == 32 && !is_p2sh => self.verify_taproot(program),
            1 if program == ANCHOR_PROGRAM && !is_p2sh => Ok(()),
            _ if self.has(Flags::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM) => {
                Err(ScriptError::DiscourageUpgradableWitnessProgram)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn has(&self, flag: Flags) -> bool {
        self.flags.contains(flag)
    }

    pub(super) fn witness(&self) -> &'e Witness {
        &self.context.transaction().inputs()[self.input].witness
    }

    /// Judges `signature key` as `DUP HASH160 <program> EQUALVERIFY CHECKSIG` would, without
    /// executing it.
    fn verify_key_hash(&mut self, program: &[u8]) -> Result<(), ScriptError> {
        let mut items = self.witness().iter();
        let (Some(signature), Some(key), None) = (items.next(), items.next(), items.next()) else {
            return Err(ScriptError::WitnessProgramMismatch);
        };
        require_item_size(signature)?;
        require_item_size(key)?;
        let shared = self.context.key_spend(self.input);
        let hash = shared.map_or_else(|| hash160(key), |shared| ripemd160(&shared.key_sha256));
        if hash != *program {
            return Err(ScriptError::EqualVerify);
        }
        require_encoding(self.flags, &Role::WitnessV0, signature, key)?;
        let check = self.key_hash_check(signature, key, &hash);
        let is_valid = check.is_some_and(|check| self.checks.defer(check));
        match is_valid {
            true => Ok(()),
            false if self.has(Flags::NULLFAIL) && !signature.is_empty() => {
                Err(ScriptError::SigNullFail)
            }
            false => Err(ScriptError::EvalFalse),
        }
    }

    /// States the only check of a key hash; `None` when signature or key cannot be read.
    fn key_hash_check(&self, signature: &[u8], key: &[u8], hash: &[u8; 20]) -> Option<Check> {
        let (&hash_type, der) = signature.split_last()?;
        if !is_key_size_valid(key) {
            return None;
        }
        // Hashes that are shared are those of the type ALL, which the signature then has.
        let shared = self.context.key_spend(self.input);
        let sighash = shared.map_or_else(
            || {
                let code = p2pkh_bytes(hash);
                segwit_v0_sighash(self.context, self.input, &code, u32::from(hash_type))
            },
            |shared| shared.sighash,
        );
        Check::ecdsa(key, der, sighash)
    }

    fn verify_script_hash(&mut self, program: &[u8]) -> Result<(), ScriptError> {
        let mut items: Vec<&[u8]> = self.witness().iter().collect();
        let Some(script) = items.pop() else {
            return Err(ScriptError::WitnessProgramWitnessEmpty);
        };
        if sha256(script) != *program {
            return Err(ScriptError::WitnessProgramMismatch);
        }
        self.execute_witness_script(script, &items, Role::WitnessV0)
    }

    /// Executes a script of the witness, of which exactly one true item must be left.
    pub(super) fn execute_witness_script(
        &mut self,
        script: &'e [u8],
        items: &[&'e [u8]],
        role: Role,
    ) -> Result<(), ScriptError> {
        items.iter().try_for_each(|item| require_item_size(item))?;
        let mut stack = Stack::from_witness(items);
        Machine::new(self, script, role, &mut stack).run()?;
        if stack.len() != 1 {
            return Err(ScriptError::CleanStack);
        }
        stack.require_true()
    }
}

fn require_item_size(item: &[u8]) -> Result<(), ScriptError> {
    if item.len() > MAX_ITEM_SIZE {
        return Err(ScriptError::PushSize);
    }
    Ok(())
}
