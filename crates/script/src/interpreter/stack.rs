//! The stack.

use super::MAX_STACK_SIZE;
use super::item::Item;
use crate::error::ScriptError;

/// More items than any opcode takes off; CHECKMULTISIG takes 43.
const MAX_ITEMS_TAKEN: usize = 64;

/// The items, the top last.
#[derive(Clone, Default)]
pub(super) struct Stack<'s> {
    items: Vec<Item<'s>>,
    /// How many items lie below, unseen, of a stack that is far over its limit.
    hidden: usize,
}

impl<'s> Stack<'s> {
    /// Takes the witness' items, but no more than it takes to find that they are too many.
    ///
    /// Security: a witness can hold millions of empty items. Its script fails after the first
    /// opcode, which can take off fewer than [`MAX_ITEMS_TAKEN`].
    pub(super) fn from_witness(items: &[&'s [u8]]) -> Self {
        let hidden = items.len().saturating_sub(MAX_STACK_SIZE + MAX_ITEMS_TAKEN);
        let seen = items[hidden..].iter();
        Self {
            items: seen.map(|item| Item::Slice(item)).collect(),
            hidden,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn push(&mut self, item: Item<'s>) {
        self.items.push(item);
    }

    /// Takes the top.
    pub(super) fn pop(&mut self) -> Result<Item<'s>, ScriptError> {
        self.items.pop().ok_or(ScriptError::InvalidStackOperation)
    }

    /// Returns the item at `depth`; the top is at 1.
    pub(super) fn peek(&self, depth: usize) -> Result<Item<'s>, ScriptError> {
        Ok(self.items[self.index(depth)?])
    }

    /// Takes the item at `depth`; the top is at 1.
    pub(super) fn remove(&mut self, depth: usize) -> Result<Item<'s>, ScriptError> {
        let index = self.index(depth)?;
        Ok(self.items.remove(index))
    }

    /// Puts an item below the `depth` topmost ones.
    pub(super) fn insert(&mut self, depth: usize, item: Item<'s>) -> Result<(), ScriptError> {
        let index = self.index(depth)?;
        self.items.insert(index, item);
        Ok(())
    }

    /// Takes the `count` topmost items off.
    pub(super) fn drop_top(&mut self, count: usize) -> Result<(), ScriptError> {
        self.require(count)?;
        self.items.truncate(self.items.len() - count);
        Ok(())
    }

    /// Fails when there are fewer than `count` items.
    pub(super) fn require(&self, count: usize) -> Result<(), ScriptError> {
        if self.items.len() < count {
            return Err(ScriptError::InvalidStackOperation);
        }
        Ok(())
    }

    /// Fails unless the top is there and true.
    pub(super) fn require_true(&self) -> Result<(), ScriptError> {
        match self.items.last() {
            Some(top) if top.is_true() => Ok(()),
            _ => Err(ScriptError::EvalFalse),
        }
    }

    fn index(&self, depth: usize) -> Result<usize, ScriptError> {
        let index = self.items.len().checked_sub(depth);
        index.ok_or(if depth <= self.items.len() + self.hidden {
            ScriptError::StackSize
        } else {
            ScriptError::InvalidStackOperation
        })
    }
}
