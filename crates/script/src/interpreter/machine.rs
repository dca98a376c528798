//! The loop that executes one script (Core: `EvalScript`).

use super::conditions::Conditions;
use super::item::Item;
use super::script_code::ScriptCode;
use super::stack::Stack;
use super::{MAX_ITEM_SIZE, MAX_OPS_PER_SCRIPT, MAX_SCRIPT_SIZE, MAX_STACK_SIZE, Spend};
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::instruction::{Instruction, Instructions};
use crate::opcode::Opcode;
use crate::sighash::TaprootSpend;

/// Where the script that is executed comes from.
pub(super) enum Role {
    /// The unlocking script.
    Unlocking,
    /// The locking script or a redeem script: its top item must be true at the end.
    Last,
    /// A witness script of version 0: exactly one item must be left, and true.
    WitnessV0,
    /// A tapscript: exactly one item must be left, and true.
    Tapscript(Tapscript),
}

/// What is known of a tapscript besides its bytes.
pub(super) struct Tapscript {
    pub(super) spend: TaprootSpend,
    /// How much of the budget for signatures is left (BIP342).
    pub(super) weight_left: i64,
}

/// One script while it is executed.
pub(super) struct Machine<'m, 's, 'e, 'c> {
    pub(super) spend: &'m mut Spend<'e, 'c>,
    pub(super) script: &'s [u8],
    pub(super) role: Role,
    pub(super) stack: &'m mut Stack<'s>,
    pub(super) alt_stack: Vec<Item<'s>>,
    pub(super) conditions: Conditions,
    pub(super) op_count: usize,
    /// The index of the current opcode.
    pub(super) opcode_index: u32,
    /// Where the next opcode begins.
    pub(super) next: usize,
    /// What signatures commit to: the script from the last executed CODESEPARATOR on.
    pub(super) code: ScriptCode<'s>,
}

impl<'m, 's, 'e, 'c> Machine<'m, 's, 'e, 'c> {
    pub(super) fn new(
        spend: &'m mut Spend<'e, 'c>,
        script: &'s [u8],
        role: Role,
        stack: &'m mut Stack<'s>,
    ) -> Self {
        Self {
            spend,
            script,
            role,
            stack,
            alt_stack: Vec::new(),
            conditions: Conditions::default(),
            op_count: 0,
            opcode_index: 0,
            next: 0,
            code: ScriptCode::new(script),
        }
    }

    /// Executes the script to its end.
    pub(super) fn run(mut self) -> Result<(), ScriptError> {
        if !self.is_tapscript() && self.script.len() > MAX_SCRIPT_SIZE {
            return Err(ScriptError::ScriptSize);
        }
        let mut instructions = Instructions::new(self.script);
        while let Some(next) = instructions.next() {
            let read = next.map_err(|_| ScriptError::BadOpcode)?;
            self.next = instructions.position();
            self.step(&read)?;
            if self.stack.len() + self.alt_stack.len() > MAX_STACK_SIZE {
                return Err(ScriptError::StackSize);
            }
            self.opcode_index += 1;
        }
        if !self.conditions.is_empty() {
            return Err(ScriptError::UnbalancedConditional);
        }
        Ok(())
    }

    /// Looks at what counts even in a branch that is not taken, then executes.
    fn step(&mut self, read: &Instruction<'s>) -> Result<(), ScriptError> {
        let opcode = read.opcode;
        if read.data.len() > MAX_ITEM_SIZE {
            return Err(ScriptError::PushSize);
        }
        if opcode > Opcode::OP_16 && !self.is_tapscript() {
            self.count_ops(1)?;
        }
        if opcode.is_disabled() {
            return Err(ScriptError::DisabledOpcode);
        }
        if opcode == Opcode::OP_CODESEPARATOR
            && self.is_without_witness()
            && self.has(Flags::CONST_SCRIPTCODE)
        {
            return Err(ScriptError::OpCodeSeparator);
        }
        let is_taken = self.conditions.all_true();
        if is_taken && opcode.is_data_push() {
            if self.has(Flags::MINIMALDATA) && !read.is_minimal_push() {
                return Err(ScriptError::MinimalData);
            }
            self.stack.push(Item::Slice(read.data));
            return Ok(());
        }
        let is_branch = (Opcode::OP_IF..=Opcode::OP_ENDIF).contains(&opcode);
        if is_taken || is_branch {
            return self.execute(opcode);
        }
        Ok(())
    }

    fn execute(&mut self, opcode: Opcode) -> Result<(), ScriptError> {
        match opcode.0 {
            number @ (0x4f | 0x51..=0x60) => {
                self.stack.push(Item::from_number(i64::from(number) - 0x50));
                Ok(())
            }
            0x61..=0x6a | 0xb0..=0xb9 => self.execute_control(opcode),
            0x6b..=0x7d | 0x82 => self.execute_shuffle(opcode),
            0x87 | 0x88 | 0x8b..=0xa5 => self.execute_arithmetic(opcode),
            0xa6..=0xaa => self.execute_hashing(opcode),
            0xab..=0xaf | 0xba => self.execute_signature(opcode),
            _ => Err(ScriptError::BadOpcode),
        }
    }

    /// Counts opcodes against their limit.
    pub(super) fn count_ops(&mut self, count: usize) -> Result<(), ScriptError> {
        self.op_count += count;
        if self.op_count > MAX_OPS_PER_SCRIPT {
            return Err(ScriptError::OpCount);
        }
        Ok(())
    }

    pub(super) fn has(&self, flag: Flags) -> bool {
        self.spend.flags.contains(flag)
    }

    pub(super) fn is_tapscript(&self) -> bool {
        matches!(self.role, Role::Tapscript(_))
    }

    pub(super) fn is_without_witness(&self) -> bool {
        matches!(self.role, Role::Unlocking | Role::Last)
    }

    /// Says whether what the current opcode leaves on top decides the script.
    pub(super) fn is_last_value(&self) -> bool {
        self.next == self.script.len() && !matches!(self.role, Role::Unlocking)
    }
}
