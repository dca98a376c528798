//! Where in a block its transactions begin, without decoding them.

use bytes::Bytes;
use synod_primitives::{DecodeError, Header, OutPoint, Reader};

/// For each transaction of a raw block the offset of its first byte, and the number of inputs of
/// those before it, the coinbase left out.
///
/// # Errors
/// The bytes are no block.
pub(super) fn starts(raw: &Bytes) -> Result<(Vec<u32>, Vec<u32>), DecodeError> {
    let mut reader = Reader::new(raw);
    reader.read_slice(Header::SIZE)?;
    let count = reader.read_count_of(LEAST_TRANSACTION_SIZE)?;
    let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut offsets = Vec::with_capacity(count);
    let mut first_inputs = Vec::with_capacity(count);
    let mut inputs = 0;
    for position in 0..count {
        offsets.push(narrow(raw.len() - reader.remaining()));
        first_inputs.push(narrow(inputs));
        let spends = skip_transaction(&mut reader)?;
        inputs += if position == 0 { 0 } else { spends };
    }
    reader.finish()?;
    Ok((offsets, first_inputs))
}

/// The fewest bytes of a transaction.
const LEAST_TRANSACTION_SIZE: usize = 10;

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
    fn every_transaction_begins_behind_those_before_it() {
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
        let (offsets, first_inputs) = starts(block.raw()).expect("a block");
        let mut offset = Header::SIZE + 1;
        let mut inputs = 0;
        for (position, transaction) in transactions.iter().enumerate() {
            assert_eq!(offsets[position] as usize, offset);
            assert_eq!(first_inputs[position] as usize, inputs);
            offset += transaction.size();
            inputs += if position == 0 {
                0
            } else {
                transaction.inputs().len()
            };
        }
        assert_eq!(offsets.len(), transactions.len());
        let torn = block.raw().slice(..block.size() - 1);
        assert!(starts(&torn).is_err());
        let longer = Bytes::from([block.raw(), &[0][..]].concat());
        assert!(starts(&longer).is_err());
    }
}
