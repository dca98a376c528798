//! CHECKLOCKTIMEVERIFY (BIP65) and CHECKSEQUENCEVERIFY (BIP112).

use synod_primitives::transaction::SEQUENCE_FINAL;

use super::machine::Machine;
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::number::{MAX_LOCK_TIME_NUMBER_SIZE, ScriptNum};

/// Lock times below are heights, all others are seconds since 1970.
const LOCK_TIME_THRESHOLD: i64 = 500_000_000;
/// A sequence with this bit set is no relative lock time (BIP68).
const SEQUENCE_DISABLE: i64 = 1 << 31;
/// A sequence with this bit set counts units of 512 seconds instead of blocks.
const SEQUENCE_TYPE: i64 = 1 << 22;
/// The bits of a sequence that carry its value.
const SEQUENCE_MASK: i64 = 0xffff;
/// The lowest transaction version whose sequences are relative lock times, read as unsigned.
const RELATIVE_LOCK_VERSION: u32 = 2;

impl Machine<'_, '_, '_, '_> {
    /// Without its flag the opcode does nothing.
    pub(super) fn execute_lock_time(&mut self) -> Result<(), ScriptError> {
        if !self.has(Flags::CHECKLOCKTIMEVERIFY) {
            return Ok(());
        }
        let demanded = self.read_lock_time()?;
        let tx = self.spend.context.transaction();
        let actual = i64::from(tx.lock_time());
        let is_same_kind = (demanded < LOCK_TIME_THRESHOLD) == (actual < LOCK_TIME_THRESHOLD);
        // A final sequence would switch the transaction's lock time off.
        let is_final = tx.inputs()[self.spend.input].sequence == SEQUENCE_FINAL;
        if !is_same_kind || demanded > actual || is_final {
            return Err(ScriptError::UnsatisfiedLocktime);
        }
        Ok(())
    }

    /// Without its flag the opcode does nothing.
    pub(super) fn execute_sequence(&mut self) -> Result<(), ScriptError> {
        if !self.has(Flags::CHECKSEQUENCEVERIFY) {
            return Ok(());
        }
        let demanded = self.read_lock_time()?;
        if demanded & SEQUENCE_DISABLE != 0 {
            return Ok(());
        }
        let tx = self.spend.context.transaction();
        let actual = i64::from(tx.inputs()[self.spend.input].sequence);
        let is_old = tx.version().cast_unsigned() < RELATIVE_LOCK_VERSION;
        if is_old || actual & SEQUENCE_DISABLE != 0 {
            return Err(ScriptError::UnsatisfiedLocktime);
        }
        let demanded = demanded & (SEQUENCE_TYPE | SEQUENCE_MASK);
        let actual = actual & (SEQUENCE_TYPE | SEQUENCE_MASK);
        let is_same_kind = (demanded < SEQUENCE_TYPE) == (actual < SEQUENCE_TYPE);
        if !is_same_kind || demanded > actual {
            return Err(ScriptError::UnsatisfiedLocktime);
        }
        Ok(())
    }

    /// Reads the top, which stays where it is.
    fn read_lock_time(&self) -> Result<i64, ScriptError> {
        let top = self.stack.peek(1)?;
        let is_minimal = self.has(Flags::MINIMALDATA);
        let number = ScriptNum::decode(top.as_bytes(), is_minimal, MAX_LOCK_TIME_NUMBER_SIZE)?;
        if number.0 < 0 {
            return Err(ScriptError::NegativeLocktime);
        }
        Ok(number.0)
    }
}
