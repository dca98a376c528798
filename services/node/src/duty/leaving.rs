//! Stake on its way out: engines do not count it, and it can still be slashed.

use std::collections::BTreeMap;

use synod_primitives::{Amount, Block, Height, OutPoint};
use synod_seal::{DelegateHash, StakeKind, StakeProgram};

/// The most outputs that are remembered; past it further ones are not, and their reporters make
/// the transaction themselves.
const MAX_LEAVING: usize = 50_000;

/// Unbonding outputs of the active chain, as far as they were seen.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    outputs: BTreeMap<OutPoint, Left>,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    program: StakeProgram,
    amount: Amount,
    made: Height,
    spent: Option<Height>,
}

impl Leaving {
    /// Takes in a block that was connected.
    pub(super) fn connect(&mut self, block: &Block, height: Height) {
        for transaction in block.transactions() {
            for input in transaction.inputs() {
                if let Some(left) = self.outputs.get_mut(&input.prevout) {
                    left.spent = Some(height);
                }
            }
            for (vout, output) in (0..).zip(transaction.outputs()) {
                let program = StakeProgram::of_script(output.script_pubkey.as_bytes());
                let program = program.filter(|it| {
                    it.kind == StakeKind::Unbonding && it.delegate != DelegateHash::ZERO
                });
                if let Some(program) = program.filter(|_| self.outputs.len() < MAX_LEAVING) {
                    let left = Left {
                        program,
                        amount: output.value,
                        made: height,
                        spent: None,
                    };
                    self.outputs.insert(transaction.outpoint(vout), left);
                }
            }
        }
    }

    /// Forgets blocks from a height on.
    pub(super) fn disconnect(&mut self, height: Height) {
        self.outputs.retain(|_, left| left.made < height);
        for left in self.outputs.values_mut() {
            left.spent = left.spent.filter(|at| *at < height);
        }
    }

    /// Forgets what was spent in blocks that are final.
    pub(super) fn prune(&mut self, fixed: Height) {
        self.outputs
            .retain(|_, left| left.spent.is_none_or(|at| at > fixed));
    }

    /// Returns what a delegate has on its way out.
    pub(super) fn of(&self, delegate: &DelegateHash) -> Vec<(OutPoint, StakeProgram, Amount)> {
        let theirs = self.outputs.iter();
        let theirs =
            theirs.filter(|(_, it)| it.program.delegate == *delegate && it.spent.is_none());
        theirs
            .map(|(outpoint, it)| (*outpoint, it.program, it.amount))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use synod_primitives::{
        BlockHash, CompactTarget, Header, MerkleRoot, Script, Transaction, TxIn, TxOut, Witness,
    };
    use synod_seal::OwnerHash;

    use super::*;

    fn program(delegate: u8) -> StakeProgram {
        StakeProgram {
            kind: StakeKind::Unbonding,
            owner: OwnerHash([1; 20]),
            delegate: DelegateHash([delegate; 20]),
        }
    }

    fn block(prevout: OutPoint, script: Script) -> Block {
        let input = TxIn {
            prevout,
            script_sig: Script::default(),
            sequence: 0,
            witness: Witness::default(),
        };
        let output = TxOut {
            value: Amount::from_sat(5),
            script_pubkey: script,
        };
        let header = Header {
            version: 1,
            previous_block_hash: BlockHash::ZERO,
            merkle_root: MerkleRoot::ZERO,
            time: 1,
            bits: CompactTarget(0x207f_ffff),
            nonce: 0,
        };
        let transaction = Transaction::new(2, vec![input], vec![output], 0);
        Block::new(header, vec![transaction])
    }

    #[test]
    fn unbonding_stake_is_found_until_it_is_spent_and_a_left_branch_leaves_nothing() {
        let mut leaving = Leaving::default();
        let made = block(OutPoint::NULL, program(2).script());
        leaving.connect(&made, Height(5));
        let outpoint = made.transactions()[0].outpoint(0);
        let found = leaving.of(&DelegateHash([2; 20]));
        assert_eq!(found, [(outpoint, program(2), Amount::from_sat(5))]);
        assert!(leaving.of(&DelegateHash([3; 20])).is_empty());
        // What is left of a slashed bond is nobody's.
        let rest = block(outpoint, program(2).slashed().script());
        leaving.connect(&rest, Height(6));
        assert!(leaving.of(&DelegateHash([2; 20])).is_empty());
        assert!(leaving.of(&DelegateHash::ZERO).is_empty());
        leaving.disconnect(Height(6));
        assert_eq!(leaving.of(&DelegateHash([2; 20])), found);
        leaving.connect(&rest, Height(6));
        leaving.prune(Height(5));
        assert_eq!(leaving.outputs.len(), 1, "the block can still be undone");
        leaving.prune(Height(6));
        assert!(leaving.outputs.is_empty());
        leaving.connect(&made, Height(5));
        leaving.disconnect(Height(5));
        assert!(leaving.outputs.is_empty());
    }
}
