//! Checking the last blocks once more, as Core's `verifychain` does on levels 3 and 4.

use synod_ledger::NoSignatureCache;

use crate::chain::Chain;
use crate::storage::StorageError;
use crate::verdict::NodeError;

impl Chain {
    /// Takes the last blocks off the coins, at most `count`, and connects them again with all
    /// their scripts; returns how many.
    ///
    /// Nothing is written: whoever calls this throws the chain away afterwards.
    ///
    /// # Errors
    /// Storage failed or is damaged; a block that is stored breaks a rule.
    pub fn recheck(&mut self, count: u32) -> Result<u32, StorageError> {
        let mut again = Vec::new();
        while again.len() < count as usize {
            let tip = self.tree.tip();
            let record = &self.tree.entry(tip).record;
            if self.tree.entry(tip).parent.is_none() || record.height < self.pruned_below {
                break;
            }
            self.disconnect_tip()?;
            again.push(tip);
        }
        let checked = u32::try_from(again.len()).unwrap_or(u32::MAX);
        for id in again.into_iter().rev() {
            let block = self.contextual_block(id)?;
            let connected = self.connect_coins(&block, Some(&NoSignatureCache));
            connected.map_err(|error| match error {
                NodeError::Storage(error) => error,
                NodeError::Refused(refusal) => StorageError::Corrupt(format!(
                    "block {} is on the active chain and breaks a rule: {refusal}",
                    block.hash()
                )),
            })?;
            self.tree.extend_active(id);
        }
        Ok(checked)
    }
}
