//! Where in its block a transaction stands, without decoding what is before it.

use bytes::Bytes;
use synod_primitives::{DecodeError, Header, OutPoint, Reader};

/// What stands before a transaction in its block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Before {
    /// Transactions.
    pub(super) transactions: u32,
    /// Inputs of those that are not the coinbase.
    pub(super) inputs: usize,
}

/// Counts what stands before the byte at which `beginning`, the first bytes of a raw block,
/// ends.
///
/// # Errors
/// The bytes do not end between two transactions.
pub(super) fn count_before(beginning: &Bytes) -> Result<Before, DecodeError> {
    let mut reader = Reader::new(beginning);
    reader.read_slice(Header::SIZE)?;
    reader.read_count()?;
    let mut before = Before {
        transactions: 0,
        inputs: 0,
    };
    while reader.remaining() > 0 {
        let inputs = skip_transaction(&mut reader)?;
        if before.transactions > 0 {
            before.inputs += inputs;
        }
        before.transactions += 1;
    }
    Ok(before)
}

/// Passes over a transaction and returns the number of its inputs.
fn skip_transaction(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    reader.read_slice(size_of::<u32>())?;
    let mut inputs = reader.read_count()?;
    let has_witness = inputs == 0 && reader.read_u8()? != 0;
    if has_witness {
        inputs = reader.read_count()?;
    }
    for _ in 0..inputs {
        reader.read_slice(OutPoint::SIZE)?;
        skip_bytes(reader)?;
        reader.read_slice(size_of::<u32>())?;
    }
    for _ in 0..reader.read_count()? {
        reader.read_slice(size_of::<u64>())?;
        skip_bytes(reader)?;
    }
    for _ in 0..if has_witness { inputs } else { 0 } {
        for _ in 0..reader.read_count()? {
            skip_bytes(reader)?;
        }
    }
    reader.read_slice(size_of::<u32>())?;
    Ok(inputs)
}

fn skip_bytes(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let length = reader.read_count()?;
    reader.read_slice(length).map(drop)
}

#[cfg(test)]
mod tests {
    use synod_chainspec::genesis_block;
    use synod_primitives::{Amount, Block, Script, Transaction, TxIn, TxOut, Txid, Witness};

    use super::*;

    fn transaction(inputs: usize, outputs: usize, witness_items: usize) -> Transaction {
        let input = |index: usize| TxIn {
            prevout: OutPoint::new(Txid::from_bytes([7; 32]), index as u32),
            script_sig: Script::new(vec![0x51; index % 300]),
            sequence: 1,
            witness: Witness::from_items(&vec![vec![3_u8; 260]; witness_items]),
        };
        let output = TxOut {
            value: Amount::from_sat(1),
            script_pubkey: Script::new(vec![0x51; 34]),
        };
        Transaction::new(
            2,
            (0..inputs).map(input).collect(),
            vec![output; outputs],
            9,
        )
    }

    #[test]
    fn every_transaction_is_found_behind_those_before_it() {
        let shapes = [
            (1, 1, 1),
            (1, 2, 0),
            (3, 1, 2),
            (300, 260, 0),
            (2, 0, 1),
            (1, 1, 0),
        ];
        let transactions: Vec<_> = shapes
            .into_iter()
            .map(|(i, o, w)| transaction(i, o, w))
            .collect();
        let block = Block::new(*genesis_block().header(), transactions.clone());
        let mut offset = Header::SIZE + 1;
        let mut inputs = 0;
        for (position, transaction) in transactions.iter().enumerate() {
            let before = count_before(&block.raw().slice(..offset)).expect("whole transactions");
            assert_eq!(
                before,
                Before {
                    transactions: position as u32,
                    inputs
                }
            );
            assert!(count_before(&block.raw().slice(..offset + 1)).is_err());
            offset += transaction.size();
            inputs += if position == 0 {
                0
            } else {
                transaction.inputs().len()
            };
        }
    }
}
